"""PE-array families by kind; adding one is a file here and a line in KINDS."""

from __future__ import annotations

from importlib import import_module

from accelsim.arrays.base import PEArray
from accelsim.errors import unknown_name

KINDS = {
    "systolic": "accelsim.arrays.systolic:Systolic",
    "csr_rows": "accelsim.arrays.csr_rows:CsrRows",
    "eie": "accelsim.arrays.eie:Eie",
    "cambricon_x": "accelsim.arrays.cambricon_x:CambriconX",
    "scnn": "accelsim.arrays.scnn:Scnn",
    "shift": "accelsim.arrays.shift:Shift",
    "nm_sparse": "accelsim.arrays.nm_sparse:NmSparse",
    "sticker": "accelsim.arrays.sticker:Sticker",
    "ternary": "accelsim.arrays.ternary:Ternary",
    "adder": "accelsim.arrays.adder:Adder",
    "bitserial": "accelsim.arrays.bitserial:Bitserial",
    "xnor": "accelsim.arrays.xnor:Xnor",
}


def array_class(kind: str) -> type[PEArray]:
    """The configuration class of a kind; UnknownNameError names the nearest one."""
    if kind not in KINDS:
        raise unknown_name("array kind", kind, KINDS)
    module, name = KINDS[kind].split(":")
    found: type[PEArray] = getattr(import_module(module), name)
    return found
