"""Where the nonzeros of ternary's weights lie: which k the folds of filters need, and how many weights are not zero."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.arrays.base import ceil_div
from accelsim.arrays.common.tile_sums import Int64s, in_units, running_sums, sums_of_tiles
from accelsim.trace.operand import Ints

LINE_K = 256  # bits of a bitmap that stay together: tiles along K hold whole lines, which keeps their choice small


class FoldCounts(NamedTuple):
    """Some folds of filters over some k, summed over the folds."""

    occupied: int  # k at which at least one of a fold's filters is nonzero
    weights: int  # weights of all filters at these k
    nonzeros: int


class FoldPattern:
    """Weights (N, K) in folds of `cols` consecutive filters and lines of k, summed once; any part is a difference."""

    def __init__(self, weight: Ints, cols: int) -> None:
        from accelsim.arrays.ternary.kernels import count_folds

        cols = min(cols, len(weight))
        parts = np.zeros((3, ceil_div(len(weight), cols), ceil_div(weight.shape[1], LINE_K)), np.int64)
        count_folds(np.ascontiguousarray(weight != 0), cols, LINE_K, *parts)
        self.cols = cols
        running = [running_sums(counts) for counts in parts]
        self.weight_sums = running[1]
        self.sums = [sums.tolist() for sums in running]

    def part(self, n0: int, n1: int, k0: int, k1: int) -> FoldCounts:
        """Counts of filters n0..n1−1 at k0..k1−1, which are edges of folds and of lines."""
        top, bottom = n0 // self.cols, ceil_div(n1, self.cols)
        left, right = k0 // LINE_K, ceil_div(k1, LINE_K)
        found = (s[bottom][right] - s[top][right] - s[bottom][left] + s[top][left] for s in self.sums)
        return FoldCounts(*found)

    def weights_of_tiles(self, n: Int64s, k: Int64s) -> Int64s:
        """`FoldCounts.weights` of every tile between successive edges, (tiles along N, tiles along K)."""
        return sums_of_tiles(self.weight_sums, in_units(n, self.cols), in_units(k, LINE_K))
