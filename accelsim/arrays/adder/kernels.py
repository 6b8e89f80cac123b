"""numba kernel of adder: differences, their signs, and sums of their magnitudes."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Int64s = NDArray[np.int64]


@njit(cache=True)
def subtract_magnitudes(x: Int64s, weight: Int64s, out: Int64s) -> None:
    """out (M, N) = −Σ|x − w| of x (M, K) and weights (N, K): a negative difference is added, another subtracted."""
    for m in range(x.shape[0]):
        for n in range(weight.shape[0]):
            psum = np.int64(0)
            for k in range(x.shape[1]):
                difference = x[m, k] - weight[n, k]
                psum = psum + difference if difference < 0 else psum - difference
            out[m, n] = psum
