"""numba kernel: the ones of a 64-bit word."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def ones(word: np.uint64) -> np.uint64:
    """Ones of a word, by sums in ever wider fields (the compiler makes one instruction of it)."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)
