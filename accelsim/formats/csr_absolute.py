"""csr_absolute: compressed sparse rows inside blocks, with absolute columns (ADMM-NN-S, 001, section III-A)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import TraceError
from ..trace.operand import Ints
from .base import CHUNK, INDEX_BITS_LIMIT, Encoded, FieldWidths

Int64s = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class CsrAbsolute(Encoded):
    """Blocks in row-major order; in a block, row after row, the nonzeros in rising column.

    An entry is a value and its column in the block (6 bits of 64). Each row of a block has one extent, the number of
    the block's entries up to its end (13 bits of 64×64); rows and blocks that the matrix does not have have none.
    """

    name: ClassVar[str] = "csr_absolute"
    block: tuple[int, int]
    column_bits: int
    values: Ints
    columns: Ints
    extents: Ints

    @classmethod
    def encode(cls, matrix: Ints, widths: FieldWidths) -> CsrAbsolute:
        """The matrix in blocks; TraceError where `index_bits` cannot hold a block's last column."""
        least = (widths.block[1] - 1).bit_length()
        column_bits = least if widths.index_bits is None else widths.index_bits
        if column_bits < least:
            raise TraceError(
                f"index_bits is {column_bits}; {least} to {INDEX_BITS_LIMIT} hold the columns of a {widths.block} block"
            )
        parts = [_encode_rows(part, widths.block) for part in _row_parts(matrix, widths.block)]
        values, columns, extents = (np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(
            matrix.shape, matrix.dtype, widths.value_bits, widths.block, column_bits, values, columns, extents
        )  # fmt: skip

    def decode(self) -> Ints:
        """The matrix."""
        matrix = np.zeros(self.shape, self.dtype)
        row, block_column = np.divmod(self._order, max(1, self.block_columns))
        first = row * self.shape[1] + block_column * self.block[1]
        matrix.reshape(-1)[np.repeat(first, self._lengths) + self.columns] = self.values
        return matrix

    @property
    def value_bits_total(self) -> int:
        """Nonzeros × value_bits."""
        return self.values.size * self.value_bits

    @property
    def index_bits_total(self) -> int:
        """Columns of the nonzeros, and extents."""
        return self.values.size * self.column_bits + self.extents.size * self.extent_bits

    @property
    def extent_bits(self) -> int:
        """Bits of one extent: it counts from 0 to all elements of a block."""
        return (self.block[0] * self.block[1]).bit_length()

    @property
    def block_columns(self) -> int:
        """Blocks side by side, ⌈columns / block columns⌉."""
        return -(-self.shape[1] // self.block[1])

    @cached_property
    def _order(self) -> Int64s:
        """row · block_columns + block column of every extent, in the order of storage."""
        rows, height = self.shape[0], self.block[0]
        grid = np.arange(rows * self.block_columns).reshape(rows, self.block_columns)
        whole = rows - rows % height
        blocks = grid[:whole].reshape(rows // height, height, self.block_columns).transpose(0, 2, 1)
        return np.concatenate([blocks.reshape(-1), grid[whole:].T.reshape(-1)])

    @cached_property
    def _lengths(self) -> Int64s:
        """Nonzeros of every extent, in the order of storage."""
        starts_block = self._order // max(1, self.block_columns) % self.block[0] == 0
        before = np.where(starts_block, 0, np.roll(self.extents, 1))
        return self.extents.astype(np.int64) - before

    def rows_of_blocks(self) -> tuple[Int64s, Int64s]:
        """(first entry, nonzeros) of every (row, block column), each (rows, block_columns): what a row's walk reads."""
        lengths = np.empty(self.extents.size, np.int64)
        starts = np.empty_like(lengths)
        lengths[self._order] = self._lengths
        starts[self._order] = np.cumsum(self._lengths) - self._lengths
        shape = (self.shape[0], self.block_columns)
        return starts.reshape(shape), lengths.reshape(shape)


def _row_parts(matrix: Ints, block: tuple[int, int]) -> list[Ints]:
    """The matrix cut into whole rows of blocks, about CHUNK elements each, and what is left below them; never none."""
    rows, height = matrix.shape[0], block[0]
    step = max(1, CHUNK // max(1, height * matrix.shape[1])) * height
    whole = rows - rows % height
    return [matrix[r : min(r + step, whole)] for r in range(0, whole, step)] + [matrix[whole:]]


def _encode_rows(part: Ints, block: tuple[int, int]) -> tuple[Ints, Ints, Ints]:
    """(values, columns, extents) of whole rows of blocks, or of one row of blocks that is less high."""
    rows, columns = part.shape
    height, width = max(1, min(block[0], rows)), max(1, min(block[1], columns))
    padded = np.pad(part, ((0, 0), (0, -columns % width)))
    blocks = padded.reshape(rows // height, height, -(-columns // width), width).transpose(0, 2, 1, 3)
    nonzero = np.ascontiguousarray(blocks != 0)
    extents = np.count_nonzero(nonzero, axis=3).cumsum(axis=2).reshape(-1)
    at = np.flatnonzero(nonzero) % width
    dtypes = np.min_scalar_type(block[1] - 1), np.min_scalar_type(block[0] * block[1])
    return blocks[nonzero], at.astype(dtypes[0]), extents.astype(dtypes[1])
