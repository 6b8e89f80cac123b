"""DRAM traffic of many tilings at once: how often each operand crosses under a loop order.

Arrays are by tiling: the number of tiles along M, N and K is a grid of (options of M, options of N, options of K).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.float64]  # exact below 2^53


def repeats(order: str, free: str, grid: dict[str, Bytes]) -> Bytes:
    """How often an operand that dimension `free` does not index is moved, by tiling.

    It is moved again for each step of that dimension, unless nothing that indexes it moves inside of it.
    """
    inner = order[order.index(free) + 1 :]
    moves = np.zeros_like(grid["M"], dtype=bool)
    for dimension in inner:
        moves |= grid[dimension] > 1
    return np.where(moves, grid[free], 1.0)
