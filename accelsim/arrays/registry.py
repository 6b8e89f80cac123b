"""PE-array families by kind; adding one that ships is a file here and a line in KINDS.

An array of anybody's own comes by `accelsim.register_array`, or by an entry point of the group `accelsim.arrays` in
an installed package (name = kind, value = class).
"""

from __future__ import annotations

from typing import TypeVar

from ..config import name_in
from ..registry import Registry
from .base import PEArray

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
Array = TypeVar("Array", bound=type[PEArray])


def _check(kind: str, value: object) -> str | None:
    """A PEArray whose field `kind` allows the registered name alone."""
    if name_in(value, PEArray, "kind") == kind:
        return None
    return f"a subclass of PEArray with `kind: Literal[{kind!r}]` is expected"


ARRAYS: Registry[type[PEArray]] = Registry("array kind", "accelsim.arrays", KINDS, check=_check)


def array_class(kind: str) -> type[PEArray]:
    """The configuration class of a kind; UnknownNameError names the nearest one.

    >>> array_class("systolic").__name__
    'SystolicArray'
    """
    return ARRAYS.get(kind)


def register_array(array: Array) -> Array:
    """Decorator: make a PEArray known by its `kind`, to YAML files, dicts and the command line in this process.

        @accelsim.register_array
        class MyArray(PEArray):
            kind: Literal["my_array"] = "my_array"

    Raises ConfigError where the class is no PEArray with such a kind, or the kind already stands for another class.
    """
    ARRAYS.add(name_in(array, PEArray, "kind") or str(array), array)
    return array
