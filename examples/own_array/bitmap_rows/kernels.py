"""The datapath of bitmap_rows: a walk over bits and packed values."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def walk(
    bitmap: NDArray[np.bool_], values: NDArray[np.int64], activations: NDArray[np.int64], out: NDArray[np.int64]
) -> None:
    """Add to out (pixels, N) what each set bit of the bitmap (N, K) takes: the next of `values` and activation k."""
    at = 0
    for n in range(bitmap.shape[0]):
        for k in range(bitmap.shape[1]):
            if bitmap[n, k]:
                for m in range(out.shape[0]):
                    out[m, n] += activations[m, k] * values[at]
                at += 1
