"""Formats by name; adding one is a file here and a line in FORMATS."""

from __future__ import annotations

from importlib import import_module

from accelsim.errors import unknown_name
from accelsim.formats.base import Encoded, Widths, checked_matrix

FORMATS = {
    "dense": "accelsim.formats.dense:Dense",
    "bitmap": "accelsim.formats.bitmap:Bitmap",
    "csr_absolute": "accelsim.formats.csr_absolute:CsrAbsolute",
    "csr_relative": "accelsim.formats.csr_relative:CsrRelative",
    "rle": "accelsim.formats.rle:Rle",
    "huffman": "accelsim.formats.huffman:Huffman",
}


def encode(
    matrix: object,
    format: str,
    value_bits: int = 8,
    index_bits: int | None = None,
    block: tuple[int, int] = (64, 64),
) -> Encoded:
    """The (rows, columns) integer matrix in a storage format: bit counts and `decode()`.

    `index_bits` is the column's width (csr_absolute), the distance's (csr_relative) or the run's (rle); None takes
    the width with the fewest bits; dense, bitmap and huffman have no index. `block` is csr_absolute's. Raises
    UnknownNameError for a format that is none of FORMATS, and TraceError where the matrix is not 2-D, not of
    integers or does not fit `value_bits`, or where a width is out of range.
    """
    if not isinstance(format, str) or format not in FORMATS:
        raise unknown_name("format", str(format), FORMATS)
    widths = Widths(value_bits, index_bits, block)
    module, name = FORMATS[format].split(":")
    found: type[Encoded] = getattr(import_module(module), name)
    return found.encode(checked_matrix(matrix, value_bits), widths)
