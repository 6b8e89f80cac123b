"""One operand of sticker: its class by density, and where its nonzeros are."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...trace.operand import Ints
from ..base import ceil_div
from ..common.slices import row_slices
from ..common.tile_sums import Int64s, UnitSums, in_units

WORD = 64  # k a word of a mask
PLACE_BITS = 6  # of a nonzero within its word
COUNT_BITS = 7  # of the nonzeros of a word, 0 to 64

Density = Literal["sparse", "medium", "dense"]


class Operand:
    """Rows (pixels or filters) along K. A dense operand needs no values: all of them count.

    `rows(r0, r1)` gives the integers of some rows, (r1 − r0, K); it is not asked where the operand is dense.
    """

    def __init__(self, density: Density, height: int, k: int) -> None:
        self.density, self.height, self.k = density, height, k
        self._columns: dict[tuple[int, int, int, int], NDArray[np.int64]] = {}

    def rows(self, r0: int, r1: int) -> Ints:
        """Integers of rows r0..r1−1."""
        raise NotImplementedError

    @cached_property
    def mask(self) -> NDArray[np.uint64]:
        """A bit an element, set where it is not zero: (height, ⌈K / 64⌉)."""
        return np.concatenate([packed(self.rows(*part) != 0) for part in row_slices(self.height, self.k)])

    @cached_property
    def sums(self) -> UnitSums:
        """Nonzeros of any rows and words."""
        return UnitSums(self.word_nonzeros(), 1, WORD)

    def word_nonzeros(self) -> Int64s:
        """Nonzeros of every (row, word)."""
        from .kernels import word_counts

        return word_counts(self.mask)

    def stored(self, r0: int, r1: int) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
        """(mask, places of the words' first values, values) of some rows: nonzeros, or of a dense operand all."""
        from .kernels import word_counts

        values = self.rows(r0, r1)
        stored = np.ones(values.shape, bool) if self.density == "dense" else values != 0
        mask = packed(stored)
        counts = word_counts(mask)
        starts = (counts.cumsum() - counts.ravel()).reshape(counts.shape)
        return mask, starts, values[stored].astype(np.int64)

    def part(self, r0: int, r1: int, k0: int, k1: int) -> NDArray[np.uint64]:
        """The mask of whole words of rows r0..r1−1."""
        return np.ascontiguousarray(self.mask[r0:r1, k0 // WORD : ceil_div(k1, WORD)])

    def nonzeros(self, r0: int, r1: int, k0: int, k1: int) -> int:
        """Nonzeros of whole words of rows r0..r1−1; of a dense operand, all elements."""
        return (r1 - r0) * (k1 - k0) if self.density == "dense" else self.sums.of_tile(r0, r1, k0, k1)

    def row_nonzeros(self, r0: int, r1: int, k0: int, k1: int) -> NDArray[np.int64]:
        """Nonzeros of every row, (r1 − r0,)."""
        return self.sums.of_rows(r0, r1, k0, k1)

    def column_nonzeros(self, r0: int, r1: int, k0: int, k1: int) -> NDArray[np.int64]:
        """Nonzeros of every k, to the end of its word."""
        from .kernels import column_counts

        key = r0, r1, k0, k1
        if key not in self._columns:
            self._columns[key] = column_counts(self.part(*key))
        return self._columns[key]

    def index_bits(self, r0: int, r1: int, k0: int, k1: int) -> int:
        """Of rows r0..r1−1."""
        fixed = self.fixed_index_bits(np.array(r1 - r0), np.array(k1 - k0))
        return self.nonzeros(r0, r1, k0, k1) * self.entry_index_bits + int(fixed)

    @property
    def entry_index_bits(self) -> int:
        """A place of a sparse operand's nonzero."""
        return PLACE_BITS if self.density == "sparse" else 0

    def fixed_index_bits(self, height: Int64s, k: Int64s) -> Int64s:
        """A bitmap where medium; where sparse a count a word."""
        if self.density == "sparse":
            return height * in_units(k, WORD) * COUNT_BITS
        return height * k * int(self.density == "medium")


def packed(stored: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Bits in words of 64, the first k lowest: (rows, ⌈K / 64⌉)."""
    words = np.zeros((stored.shape[0], ceil_div(stored.shape[1], WORD)), np.uint64)
    packed_bytes = np.packbits(stored, axis=1, bitorder="little")
    words.view(np.uint8)[:, : packed_bytes.shape[1]] = packed_bytes
    return words
