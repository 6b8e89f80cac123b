"""Where the nonzeros of ternary's weights lie: which k the folds of filters need, and how many weights are not zero."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...trace.operand import Ints
from ..base import ceil_div
from ..common.tile_sums import Int64s, UnitSums

LINE_K = 256  # bits of a bitmap that stay together: tiles along K hold whole lines, which keeps their choice small


class FoldCounts(NamedTuple):
    """Some folds of filters over some k, summed over the folds."""

    occupied: int  # k at which at least one of a fold's filters is nonzero
    weights: int  # weights of all filters at these k
    nonzeros: int


class FoldPattern:
    """Weights (N, K) in folds of `cols` consecutive filters and lines of k, summed once; any part is a difference."""

    def __init__(self, weight: Ints, cols: int) -> None:
        from .kernels import count_folds

        cols = min(cols, len(weight))
        parts = np.zeros((3, ceil_div(len(weight), cols), ceil_div(weight.shape[1], LINE_K)), np.int64)
        count_folds(np.ascontiguousarray(weight != 0), cols, LINE_K, *parts)
        self.weights: Int64s = parts[1]
        self.sums = [UnitSums(counts, cols, LINE_K) for counts in parts]

    def part(self, n0: int, n1: int, k0: int, k1: int) -> FoldCounts:
        """Counts of filters n0..n1−1 at k0..k1−1, which are edges of folds and of lines."""
        return FoldCounts(*(sums.of_tile(n0, n1, k0, k1) for sums in self.sums))
