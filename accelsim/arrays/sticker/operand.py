"""One operand of sticker: its class by density, and where its nonzeros are."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accelsim.arrays.base import ceil_div
from accelsim.arrays.common.tile_sums import Int64s, areas_of_tiles, in_units, running_sums, sums_of_tiles
from accelsim.trace.operand import Ints

WORD = 64  # k a word of a mask
PLACE_BITS = 6  # of a nonzero within its word
COUNT_BITS = 7  # of the nonzeros of a word, 0 to 64
SLICE_ELEMENTS = 2**18  # looked at together: few enough for a cache

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
        step = max(1, SLICE_ELEMENTS // self.k)
        starts = range(0, self.height, step)
        return np.concatenate([packed(self.rows(r0, min(r0 + step, self.height)) != 0) for r0 in starts])

    @cached_property
    def _prefix(self) -> NDArray[np.int64]:
        """Nonzeros above and left of every (row, word) corner."""
        from accelsim.arrays.sticker.kernels import word_counts

        return running_sums(word_counts(self.mask))

    def stored(self, r0: int, r1: int) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
        """(mask, places of the words' first values, values) of some rows: nonzeros, or of a dense operand all."""
        from accelsim.arrays.sticker.kernels import word_counts

        values = self.rows(r0, r1)
        kept = np.ones(values.shape, bool) if self.density == "dense" else values != 0
        mask = packed(kept)
        counts = word_counts(mask)
        starts = (counts.cumsum() - counts.ravel()).reshape(counts.shape)
        return mask, starts, values[kept].astype(np.int64)

    def part(self, r0: int, r1: int, k0: int, k1: int) -> NDArray[np.uint64]:
        """The mask of whole words of rows r0..r1−1."""
        return np.ascontiguousarray(self.mask[r0:r1, k0 // WORD : ceil_div(k1, WORD)])

    def nonzeros(self, r0: int, r1: int, k0: int, k1: int) -> int:
        """Nonzeros of whole words of rows r0..r1−1; of a dense operand, all elements."""
        if self.density == "dense":
            return (r1 - r0) * (k1 - k0)
        b0, b1, prefix = k0 // WORD, ceil_div(k1, WORD), self._prefix
        return int(prefix[r1, b1] - prefix[r0, b1] - prefix[r1, b0] + prefix[r0, b0])

    def row_nonzeros(self, r0: int, r1: int, k0: int, k1: int) -> NDArray[np.int64]:
        """Nonzeros of every row, (r1 − r0,)."""
        b0, b1, prefix = k0 // WORD, ceil_div(k1, WORD), self._prefix
        return np.diff(prefix[r0 : r1 + 1, b1] - prefix[r0 : r1 + 1, b0])

    def column_nonzeros(self, r0: int, r1: int, k0: int, k1: int) -> NDArray[np.int64]:
        """Nonzeros of every k, to the end of its word."""
        from accelsim.arrays.sticker.kernels import column_counts

        key = r0, r1, k0, k1
        if key not in self._columns:
            self._columns[key] = column_counts(self.part(*key))
        return self._columns[key]

    def index_bits(self, r0: int, r1: int, k0: int, k1: int) -> int:
        """Of rows r0..r1−1: a bitmap where medium; where sparse a place a nonzero and a count a word."""
        height = r1 - r0
        if self.density == "sparse":
            return self.nonzeros(r0, r1, k0, k1) * PLACE_BITS + height * ceil_div(k1 - k0, WORD) * COUNT_BITS
        return height * (k1 - k0) if self.density == "medium" else 0

    def nonzeros_of_tiles(self, r: Int64s, k: Int64s) -> Int64s:
        """`nonzeros` of every tile between successive edges, (tiles of rows, tiles along K)."""
        return areas_of_tiles(r, k) if self.density == "dense" else sums_of_tiles(self._prefix, r, in_units(k, WORD))

    def index_bits_of_tiles(self, r: Int64s, k: Int64s, nonzeros: Int64s) -> Int64s:
        """`index_bits` of every tile, given its nonzeros."""
        if self.density == "sparse":
            return nonzeros * PLACE_BITS + areas_of_tiles(r, in_units(k, WORD)) * COUNT_BITS
        return areas_of_tiles(r, k) * (self.density == "medium")


def packed(kept: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Bits in words of 64, the first k lowest: (rows, ⌈K / 64⌉)."""
    words = np.zeros((kept.shape[0], ceil_div(kept.shape[1], WORD)), np.uint64)
    packed_bytes = np.packbits(kept, axis=1, bitorder="little")
    words.view(np.uint8)[:, : packed_bytes.shape[1]] = packed_bytes
    return words
