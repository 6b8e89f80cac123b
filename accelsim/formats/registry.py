"""Formats by name; adding one that ships is a file here and a line in FORMATS.

A format of anybody's own comes by `accelsim.register_format`, or by an entry point of the group `accelsim.formats` in
an installed package (name = the class's `name`, value = class).
"""

from __future__ import annotations

from typing import TypeVar

from ..errors import unknown_name
from ..registry import Registry
from .base import Encoded, FieldWidths, checked_matrix

FORMATS = {
    "dense": "accelsim.formats.dense:Dense",
    "bitmap": "accelsim.formats.bitmap:Bitmap",
    "csr_absolute": "accelsim.formats.csr_absolute:CsrAbsolute",
    "csr_relative": "accelsim.formats.csr_relative:CsrRelative",
    "rle": "accelsim.formats.rle:Rle",
    "huffman": "accelsim.formats.huffman:Huffman",
}
Format = TypeVar("Format", bound=type[Encoded])


def _check(name: str, value: object) -> str | None:
    """An Encoded whose `name` is the registered one."""
    good = isinstance(value, type) and issubclass(value, Encoded) and value.name == name
    return None if good else f"a subclass of Encoded with `name = {name!r}` is expected"


STORAGE_FORMATS: Registry[type[Encoded]] = Registry("format", "accelsim.formats", FORMATS, check=_check)


def register_format(kind: Format) -> Format:
    """Decorator: make a subclass of Encoded known to `encode` by its `name`.

        @accelsim.register_format
        class Mine(Encoded):
            name = "mine"

    Raises ConfigError where the class is no Encoded with a name, or the name already stands for another class.
    """
    STORAGE_FORMATS.add(getattr(kind, "name", "") or str(kind), kind)
    return kind


def encode(
    matrix: object,
    format: str,
    *,
    value_bits: int = 8,
    index_bits: int | None = None,
    block: tuple[int, int] = (64, 64),
) -> Encoded:
    """The (rows, columns) integer matrix in a storage format: bit counts and `decode()`.

    `index_bits` is the column's width (csr_absolute), the distance's (csr_relative) or the run's (rle); None takes
    the width with the fewest bits; dense, bitmap and huffman have no index. `block` is csr_absolute's. Raises
    UnknownNameError for a format that nobody knows, and TraceError where the matrix is not 2-D, not of
    integers or does not fit `value_bits`, or where a width is out of range.

    >>> encode([[0, 0, 3], [0, 5, 0]], "bitmap", value_bits=4).bits
    14
    """
    if not isinstance(format, str):
        raise unknown_name("format", str(format), STORAGE_FORMATS.names())
    kind, widths = STORAGE_FORMATS.get(format), FieldWidths(value_bits, index_bits, block)
    return kind.encode(checked_matrix(matrix, value_bits), widths)
