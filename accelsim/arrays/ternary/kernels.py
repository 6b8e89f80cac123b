"""numba kernels of ternary: counting where weights are not zero, and adding under two bits of weight."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


@njit(cache=True)
def count_folds(nonzero: Bools, cols: int, line: int, occupied: Int64s, weights: Int64s, nonzeros: Int64s) -> None:
    """Add up weights (N, K) by fold of `cols` filters and line of k, each (folds, lines): k with a nonzero, the
    weights of all the fold's filters at these k, and nonzeros."""
    for f in range(occupied.shape[0]):
        first, last = f * cols, min((f + 1) * cols, nonzero.shape[0])
        at_k = np.zeros(nonzero.shape[1], np.int64)
        for n in range(first, last):
            at_k += nonzero[n]
        for k in range(nonzero.shape[1]):
            if at_k[k]:
                occupied[f, k // line] += 1
                weights[f, k // line] += last - first
                nonzeros[f, k // line] += at_k[k]


@njit(cache=True)
def add_subtract(x: Int64s, taken: Int64s, nonzero: Bools, negative: Bools, out: Int64s) -> None:
    """out (M, filters) = sums of x (M, K) at the k in `taken` (T,), by the filters' codes, both (filters, T)."""
    for m in range(x.shape[0]):
        for f in range(nonzero.shape[0]):
            psum = np.int64(0)
            for t in range(taken.shape[0]):
                if nonzero[f, t]:
                    value = x[m, taken[t]]
                    psum = psum - value if negative[f, t] else psum + value
            out[m, f] = psum
