"""The interface of a storage format: an integer matrix made into bits, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import TraceError
from ..trace.operand import Ints, check_range, integer_array
from ..validation import is_integer

VALUE_BITS_LIMIT = 64
INDEX_BITS_LIMIT = 32
BLOCK_LIMIT = 2**15
CHUNK = 2**22  # elements looked at at a time, so that temporary arrays stay small


@dataclass(frozen=True)
class FieldWidths:
    """Bits of a value and of an index (None: the width with the fewest bits), and (rows, columns) of a block.

    Raises TraceError where a width is no integer from 1 to 64 (values) or 1 to 32 (indices, runs), or where a
    block's edge is not 1 to 2^15.
    """

    value_bits: int = 8
    index_bits: int | None = None
    block: tuple[int, int] = (64, 64)

    def __post_init__(self) -> None:
        _check_size(self.value_bits, "value_bits", VALUE_BITS_LIMIT)
        if self.index_bits is not None:
            _check_size(self.index_bits, "index_bits", INDEX_BITS_LIMIT)
        if not isinstance(self.block, tuple | list) or len(self.block) != 2:
            raise TraceError(f"block is {self.block!r}; (rows, columns) is expected")
        for edge in self.block:
            _check_size(edge, "an edge of block", BLOCK_LIMIT)


def _check_size(size: object, what: str, limit: int) -> None:
    if not is_integer(size, 1, limit):
        raise TraceError(f"{what} is {size!r}; an integer from 1 to {limit} is expected")


@dataclass(frozen=True, eq=False)
class Encoded(ABC):
    """A matrix in one storage format.

    `value_bits_total` counts the stored values, padding zeros included; `index_bits_total` what says where they are;
    `bits` adds `table_bits`, so that it is what a file of the format holds. `decode()` gives the matrix back exactly.
    `name` is what `encode` and the registry know the format by.
    """

    name: ClassVar[str] = ""
    shape: tuple[int, int]
    dtype: np.dtype[np.integer]
    value_bits: int

    def __repr__(self) -> str:
        """One line; the arrays of values and indices are attributes."""
        rows, columns = self.shape
        return f"{type(self).__name__}({rows} x {columns} of {self.value_bits} bits in {self.bits:,} bits; .decode())"

    @classmethod
    @abstractmethod
    def encode(cls, matrix: Ints, widths: FieldWidths) -> Encoded:
        """The (rows, columns) integers, which fit `widths.value_bits`, in this format."""

    @abstractmethod
    def decode(self) -> Ints:
        """The matrix, in the shape and the type that it had."""

    @property
    @abstractmethod
    def value_bits_total(self) -> int:
        """Bits of all stored values."""

    @property
    @abstractmethod
    def index_bits_total(self) -> int:
        """Bits of all indices, masks, runs and extents."""

    @property
    def padding_entries(self) -> int:
        """Entries that hold a zero only because the next nonzero is too far away."""
        return 0

    @property
    def table_bits(self) -> int:
        """Bits of tables that belong to the whole matrix."""
        return 0

    @property
    def bits(self) -> int:
        """All bits."""
        return self.value_bits_total + self.index_bits_total + self.table_bits


def checked_matrix(matrix: object, value_bits: int) -> Ints:
    """`matrix` as a 2-D integer array (an axis may be empty) whose values fit `value_bits` bits of two's complement.

    One bit holds −1 and +1, with 0 for what is pruned. Raises TraceError with what is wrong.
    """
    try:
        array = np.asarray(matrix)
    except (ValueError, TypeError) as error:
        raise TraceError(f"matrix is no array: {' '.join(str(error).split())[:200]}") from error
    if array.size == 0 and array.ndim == 2 and array.dtype.kind in "iu":
        return array
    array = integer_array(array, "matrix", 2)
    array = array.astype(array.dtype.newbyteorder("="), order="C", copy=False)
    top = 1 << (value_bits - 1)
    low, high = (-1, 1) if value_bits == 1 else (-top, top - 1)
    check_range(array, f"matrix of {value_bits}-bit values", low, high)
    return array


def check_codes(stored: Ints, value_bits: int, what: str) -> None:
    """TraceError where −1, 0 and +1 are all stored in one bit."""
    if value_bits == 1 and all(np.any(stored == code) for code in (-1, 0, 1)):
        raise TraceError(f"{what} would store -1, 0 and 1 in one bit; two value_bits are expected")
