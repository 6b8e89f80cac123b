"""numba kernels of sticker on masks of 64 k a word: cycles of passes, nonzeros of columns, and the datapath."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..common.popcount import ones

Int64s = NDArray[np.int64]
Words = NDArray[np.uint64]

WORD = 64


@njit(cache=True)
def word_counts(mask: Words) -> Int64s:
    """Set bits of every word of a mask (rows, words)."""
    counts = np.zeros(mask.shape, np.int64)
    for row in range(mask.shape[0]):
        for b in range(mask.shape[1]):
            counts[row, b] = ones(mask[row, b])
    return counts


@njit(cache=True)
def matches(x: Words, w: Words, rows: int, cols: int) -> tuple[Int64s, int]:
    """(most matches of a PE in every pass, matches of all) of pixels x (M, words) and filters w (N, words).

    A pass takes `rows` pixels and `cols` filters, a pair a PE; the first result is (⌈M/rows⌉, ⌈N/cols⌉).
    """
    most = np.zeros(((x.shape[0] + rows - 1) // rows, (w.shape[0] + cols - 1) // cols), np.int64)
    total = 0
    for m in range(x.shape[0]):
        for n in range(w.shape[0]):
            pairs = np.int64(0)
            for b in range(x.shape[1]):
                pairs += np.int64(ones(x[m, b] & w[n, b]))
            total += int(pairs)
            most[m // rows, n // cols] = max(most[m // rows, n // cols], pairs)
    return most, total


@njit(cache=True)
def column_counts(mask: Words) -> Int64s:
    """Set bits of every column of a mask (rows, words), (words · 64,)."""
    counts = np.zeros(mask.shape[1] * WORD, np.int64)
    for row in range(mask.shape[0]):
        for b in range(mask.shape[1]):
            word = mask[row, b]
            if word == 0:
                continue
            for bit in range(WORD):
                counts[b * WORD + bit] += np.int64((word >> np.uint64(bit)) & np.uint64(1))
    return counts


@njit(cache=True)
def multiply(
    x_mask: Words, x_starts: Int64s, x_values: Int64s, w_mask: Words, w_starts: Int64s, w_values: Int64s, out: Int64s
) -> None:
    """Add the products of stored pixels and filters to out (M, N), pair after pair as a PE meets them.

    Masks say which k are stored; `starts` is the place of a word's first value among the values, and the bits below a
    k tell how far behind it lies.
    """
    for m in range(x_mask.shape[0]):
        for n in range(w_mask.shape[0]):
            for b in range(x_mask.shape[1]):
                both = x_mask[m, b] & w_mask[n, b]
                while both != 0:
                    rest = both & (both - np.uint64(1))
                    below = (both ^ rest) - np.uint64(1)
                    x = x_values[x_starts[m, b] + np.int64(ones(x_mask[m, b] & below))]
                    out[m, n] += x * w_values[w_starts[n, b] + np.int64(ones(w_mask[n, b] & below))]
                    both = rest
