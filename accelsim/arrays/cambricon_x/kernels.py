"""numba kernels of cambricon_x: entries of every (filter, window), their steps and values, and the walk over them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Int64s = NDArray[np.int64]

WINDOW = 256


@njit(cache=True)
def count(nonzero: NDArray[np.bool_], index_bits: int) -> tuple[Int64s, Int64s]:
    """(nonzeros, entries with padding) of every (filter, window), both (N, windows), of a mask (N, K)."""
    rows, columns = nonzero.shape
    windows = (columns + WINDOW - 1) // WINDOW
    nonzeros, entries = np.zeros((rows, windows), np.int64), np.zeros((rows, windows), np.int64)
    for n in range(rows):
        for w in range(windows):
            gap = 0
            for k in range(w * WINDOW, min(columns, (w + 1) * WINDOW)):
                if nonzero[n, k]:
                    nonzeros[n, w] += 1
                    entries[n, w] += 1 + (gap >> index_bits)
                    gap = 0
                else:
                    gap += 1
    return nonzeros, entries


@njit(cache=True)
def encode(weight: Int64s, counts: Int64s, index_bits: int) -> tuple[Int64s, Int64s]:
    """(steps, values) of all entries in the order of filter and k; `counts` are those of each (filter, window)."""
    total = counts.sum()
    steps, values = np.zeros(total, np.int64), np.zeros(total, np.int64)
    longest = (1 << index_bits) - 1
    at = 0
    for n in range(weight.shape[0]):
        for w in range(counts.shape[1]):
            gap = 0
            for k in range(w * WINDOW, min(weight.shape[1], (w + 1) * WINDOW)):
                if weight[n, k] == 0:
                    gap += 1
                    continue
                while gap > longest:
                    steps[at] = longest
                    gap -= longest + 1
                    at += 1
                steps[at], values[at] = gap, weight[n, k]
                gap = 0
                at += 1
    return steps, values


@njit(cache=True)
def walk(counts: Int64s, steps: Int64s, values: Int64s, multipliers: int, x: Int64s, out: Int64s) -> None:
    """Add the products of pixels x (M, K) to out (M, N): `multipliers` entries at a time meet in an adder tree."""
    for m in range(x.shape[0]):
        first = 0
        for n in range(counts.shape[0]):
            for w in range(counts.shape[1]):
                place = w * WINDOW - 1
                end = first + counts[n, w]
                while first < end:
                    tree = 0
                    for e in range(first, min(first + multipliers, end)):
                        place += steps[e] + 1
                        tree += values[e] * x[m, place]
                    out[m, n] += tree
                    first = min(first + multipliers, end)
