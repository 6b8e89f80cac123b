"""The weights of EIE: a compressed-sparse-column matrix a PE, rows interleaved, with padding zeros where a gap is long.

PE p of P owns rows p, p + P, ... An entry says how many of the PE's own rows it skips; b bits reach 2^b rows on, so
that each further 2^b rows of distance cost an entry of value zero. Entries have their places in the whole matrix: a
tile takes those of its rows and columns, and counts its first distances from its own first row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...trace.operand import Ints
from ..common.tile_sums import Int64s

Int32s = NDArray[np.int32]
BLOCK = 64  # columns of a unit in which tiles cut K


class PeMatrix(NamedTuple):
    """What one PE stores: entries starts[k]..starts[k+1]−1 belong to column k."""

    starts: Int64s
    distances: Int64s
    values: Int64s


class TileColumns(NamedTuple):
    """Of a tile, (K, PEs): entries of each column, and the memory words of its first and its last entry."""

    entries: Int32s
    first_word: Int32s
    last_word: Int32s
    weights: Int64s  # (K,): real weights, all PEs

    @property
    def pes(self) -> int:
        """PEs that own rows of the tile."""
        return int(self.entries.shape[1])

    def of_active(self, vectors: Int64s) -> dict[str, int]:
        """PE-cycles by what they do where column k is active in vectors[k] of the vectors."""
        entries, empty = self.entries.sum(axis=1, dtype=np.int64), np.count_nonzero(self.entries == 0, axis=1)
        each = {"weights": self.weights, "entries": entries, "empty": empty}
        return {name: int(vectors @ column) for name, column in each.items()}


class CscMatrix:
    """The weights (N, K) on `pes` PEs; `nonzero` is where they are not zero."""

    def __init__(self, nonzero: NDArray[np.bool_], pes: int, index_bits: int) -> None:
        from .kernels import place_entries

        self.pes = pes
        self.kinds = place_entries(nonzero, pes, 2**index_bits)  # 0 nothing, 1 a weight, 2 padding

    def entries_of_blocks(self) -> Int64s:
        """Entries, padding included, of every (one row of every PE) × (BLOCK columns)."""
        rows, columns = np.arange(0, self.kinds.shape[0], self.pes), np.arange(0, self.kinds.shape[1], BLOCK)
        by_rows = np.add.reduceat((self.kinds != 0).view(np.uint8), rows, axis=0, dtype=np.int32)
        return np.add.reduceat(by_rows, columns, axis=1, dtype=np.int64)

    def most_entries(self) -> int:
        """Entries of the PE that stores the most."""
        return max(int(np.count_nonzero(self.kinds[p :: self.pes])) for p in range(self.pes))

    def tile_columns(self, n0: int, n1: int, k0: int, k1: int, word_entries: int) -> TileColumns:
        """Columns k0..k1−1 of rows n0..n1−1, in memories of their own with words of so many entries."""
        from .kernels import count_columns

        kinds = self.kinds[n0:n1, k0:k1]
        entries = count_columns(kinds, min(self.pes, len(kinds)))
        ends = entries.cumsum(axis=0, dtype=np.int64)
        first, last = ((at // word_entries).astype(np.int32) for at in (ends - entries, ends - 1))
        return TileColumns(entries, first, last, np.asarray(np.count_nonzero(kinds == 1, axis=0)))

    def pe_matrix(self, p: int, weight: Ints) -> PeMatrix:
        """The encoded rows of PE p."""
        column, row = np.nonzero(self.kinds[p :: self.pes].T)
        starts = np.searchsorted(column, np.arange(self.kinds.shape[1] + 1))
        before = np.where(np.diff(column, prepend=-1) != 0, -1, np.roll(row, 1))
        return PeMatrix(starts, row - before - 1, weight[p :: self.pes][row, column].astype(np.int64))
