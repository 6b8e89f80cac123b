"""Counting the ifmap positions that im2col tiles read, by marking them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def count_positions(
    m0: int, m1: int, step: int, out: tuple[int, int], size: tuple[int, int], kernel_width: int,
    stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int], taps: NDArray[np.int64],
) -> NDArray[np.int64]:  # fmt: skip
    """Distinct (image, y, x) that `taps` read for each run of `step` output pixels of m0..m1−1, (⌈(m1−m0)/step⌉,)."""
    area = out[0] * out[1]
    counts = np.zeros((m1 - m0 + step - 1) // step, np.int64)
    mark = np.full(size[0] * size[1], -1, np.int64)
    now, last_image, last_tile = -1, -1, -1
    for m in range(m0, m1):
        image, tile, pixel = m // area, (m - m0) // step, m % area
        if image != last_image or tile != last_tile:
            now, last_image, last_tile = now + 1, image, tile
        oy, ox = pixel // out[1], pixel % out[1]
        for tap in taps:
            y = oy * stride[0] - padding[0] + tap // kernel_width * dilation[0]
            x = ox * stride[1] - padding[1] + tap % kernel_width * dilation[1]
            if 0 <= y < size[0] and 0 <= x < size[1] and mark[y * size[1] + x] != now:
                mark[y * size[1] + x] = now
                counts[tile] += 1
    return counts
