"""The weights of EIE: a compressed-sparse-column matrix a PE, rows interleaved, with padding zeros where a gap is long.

PE p of P owns rows p, p + P, ... An entry says how many of the PE's own rows it skips; b bits reach 2^b rows on, so
that each further 2^b rows of distance cost an entry of value zero. Entries have their places in the whole matrix: a
tile takes those of its rows and columns, and counts its first distances from its own first row.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.arrays.base import ceil_div
from accelsim.arrays.eie_kernels import place_entries
from accelsim.operands import Ints

Int64s = NDArray[np.int64]
BLOCK = 64  # columns of a unit in which tiles cut K


class PeMatrix(NamedTuple):
    """What one PE stores: entries starts[k]..starts[k+1]−1 belong to column k."""

    starts: Int64s
    distances: Int64s
    values: Int64s


class CscMatrix:
    """The weights (N, K) on `pes` PEs; `nonzero` is where they are not zero."""

    def __init__(self, nonzero: NDArray[np.bool_], pes: int, index_bits: int) -> None:
        self.pes, self.columns = pes, nonzero.shape[1]
        self.kinds = place_entries(nonzero, pes, 2**index_bits)  # 0 nothing, 1 a weight, 2 padding

    @cached_property
    def _prefix(self) -> Int64s:
        """Entries above and left of every corner of (one row of every PE) × (BLOCK columns)."""
        rows, columns = (np.arange(0, size, step) for size, step in zip(self.kinds.shape, self._steps, strict=True))
        blocks = np.add.reduceat(np.add.reduceat(self.kinds != 0, columns, axis=1, dtype=np.int64), rows, axis=0)
        prefix = np.zeros((len(rows) + 1, len(columns) + 1), np.int64)
        np.cumsum(blocks.cumsum(axis=0), axis=1, out=prefix[1:, 1:])
        return prefix

    @property
    def _steps(self) -> tuple[int, int]:
        return self.pes, BLOCK

    def entries(self, n0: int, n1: int, k0: int, k1: int) -> int:
        """Entries, padding included, of a tile whose edges are multiples of the PEs and of BLOCK."""
        r0, r1, c0, c1 = n0 // self.pes, ceil_div(n1, self.pes), k0 // BLOCK, ceil_div(k1, BLOCK)
        prefix = self._prefix
        return int(prefix[r1, c1] - prefix[r0, c1] - prefix[r1, c0] + prefix[r0, c0])

    def most_entries(self) -> int:
        """Entries of the PE that stores the most."""
        return max(int(np.count_nonzero(self.kinds[p :: self.pes])) for p in range(self.pes))

    def pe_matrix(self, p: int, weight: Ints) -> PeMatrix:
        """The encoded rows of PE p."""
        column, row = np.nonzero(self.kinds[p :: self.pes].T)
        starts = np.searchsorted(column, np.arange(self.columns + 1))
        before = np.where(np.diff(column, prepend=-1) != 0, -1, np.roll(row, 1))
        return PeMatrix(starts, row - before - 1, weight[p :: self.pes][row, column].astype(np.int64))
