"""PE-array families by kind; adding one is a file here and a line in KINDS."""

from __future__ import annotations

from importlib import import_module

from accelsim.arrays.base import PEArray
from accelsim.errors import unknown_name

KINDS = {
    "systolic": "accelsim.arrays.systolic:SystolicArray",
    "csr_rows": "accelsim.arrays.csr_rows.array:CsrRowsArray",
    "eie": "accelsim.arrays.eie.array:EieArray",
    "cambricon_x": "accelsim.arrays.cambricon_x.array:CambriconXArray",
    "scnn": "accelsim.arrays.scnn.array:ScnnArray",
    "shift": "accelsim.arrays.shift.array:ShiftArray",
    "nm_sparse": "accelsim.arrays.nm_sparse:NmSparseArray",
    "sticker": "accelsim.arrays.sticker.array:StickerArray",
    "ternary": "accelsim.arrays.ternary.array:TernaryArray",
    "adder": "accelsim.arrays.adder.array:AdderArray",
    "bitserial": "accelsim.arrays.bitserial:BitserialArray",
    "xnor": "accelsim.arrays.xnor.array:XnorArray",
}


def array_class(kind: str) -> type[PEArray]:
    """The configuration class of a kind; UnknownNameError names the nearest one."""
    if kind not in KINDS:
        raise unknown_name("array kind", kind, KINDS)
    module, name = KINDS[kind].split(":")
    found: type[PEArray] = getattr(import_module(module), name)
    return found
