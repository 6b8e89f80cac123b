"""numba kernel of shift: what a PE does, for all of them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Int8s = NDArray[np.int8]


@njit(cache=True)
def shift_add(x: Int64s, signs: Int8s, exponents: Int8s, out: Int64s) -> None:
    """Add to out (M, N) the terms of weights, (N, K, terms) signs and exponents, times x (M, K): shifts and adds."""
    for m in range(x.shape[0]):
        for n in range(signs.shape[0]):
            psum = np.int64(0)
            for k in range(x.shape[1]):
                for t in range(signs.shape[2]):
                    shifted = x[m, k] << exponents[n, k, t]
                    if signs[n, k, t] > 0:
                        psum += shifted
                    elif signs[n, k, t] < 0:
                        psum -= shifted
            out[m, n] += psum
