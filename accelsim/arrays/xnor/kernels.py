"""numba kernels of xnor: words of 64 lanes on the host's own XOR and population count."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..common.popcount import ones

Int64s = NDArray[np.int64]
Words = NDArray[np.uint64]


@njit(cache=True)
def xnor_popcount(x: Words, valid: Words, weights: Words, out: Int64s) -> None:
    """out (M, N) = 2 · matches − valid lanes, of x and valid (M, words) with weights (N, words)."""
    for m in range(x.shape[0]):
        lanes = np.uint64(0)
        for word in range(x.shape[1]):
            lanes += ones(valid[m, word])
        for n in range(weights.shape[0]):
            matches = np.uint64(0)
            for word in range(x.shape[1]):
                matches += ones(~(x[m, word] ^ weights[n, word]) & valid[m, word])
            out[m, n] = 2 * np.int64(matches) - np.int64(lanes)


@njit(cache=True)
def and_popcount(x: Words, weights: Words, x_scale: Int64s, weight_scale: Int64s, out: Int64s) -> None:
    """Add the scaled popcounts of x AND weights to out (M, N), of x (planes, M, words) and weights (planes, N, words).

    Survey 003, Eq. 24, with a scale a plane in place of 2^(m + k), so that the top plane of two's complement subtracts.
    """
    for m in range(x.shape[1]):
        for n in range(weights.shape[1]):
            for i in range(x.shape[0]):
                for j in range(weights.shape[0]):
                    matches = np.uint64(0)
                    for word in range(x.shape[2]):
                        matches += ones(x[i, m, word] & weights[j, n, word])
                    out[m, n] += x_scale[i] * weight_scale[j] * np.int64(matches)
