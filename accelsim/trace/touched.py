"""The activations that a tile reads, each once: what crosses from DRAM for it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from .conv import ConvGeometry, Ints, rectangles
from .gemm import GemmTrace

Mask = NDArray[np.bool_]


def touched_values(trace: GemmTrace, m0: int, m1: int, k0: int, k1: int) -> Ints:
    """The distinct ifmap elements behind X[m0:m1, k0:k1] of a one-group trace with values, (elements,).

    A matrix goes row by row, an ifmap image by image, channel by channel, row by row; padding is none.

    >>> weight, ifmap = np.ones((1, 1, 2, 2), int), np.arange(9).reshape(1, 1, 3, 3)
    >>> touched_values(GemmTrace.from_conv("conv1", weight=weight, ifmap=ifmap), 0, 2, 0, 4).tolist()
    [0, 1, 2, 3, 4, 5]
    """
    if trace.conv is None:
        return trace.activation_tile(m0, m1, k0, k1).reshape(-1)
    plane, conv = trace.ifmap, trace.conv
    assert plane is not None
    regions = touched_regions(conv, m0, m1, k0, k1)
    return np.concatenate([plane[image, first:end][:, mask].reshape(-1) for image, first, end, mask in regions])


def touched_regions(conv: ConvGeometry, m0: int, m1: int, k0: int, k1: int) -> Iterator[tuple[int, int, int, Mask]]:
    """(image, first and end of channels that read the same positions, those positions (H, W)) of a tile, in order."""
    for image, p0, p1 in _images(conv, m0, m1):
        for first, end, taps in _channels(conv, k0, k1):
            yield image, first, end, _positions(conv, p0, p1, taps)


def _images(conv: ConvGeometry, m0: int, m1: int) -> Iterator[tuple[int, int, int]]:
    """(image, first and end of its output pixels) for m0..m1−1."""
    area = conv.out_height * conv.out_width
    for image in range(m0 // area, (m1 - 1) // area + 1):
        yield image, max(m0 - image * area, 0), min(m1 - image * area, area)


@lru_cache(maxsize=1 << 10)
def _channels(conv: ConvGeometry, k0: int, k1: int) -> tuple[tuple[int, int, tuple[int, ...]], ...]:
    """Runs of channels that read with the same taps."""
    taps: dict[int, list[int]] = {}
    for k in conv.full_k(k0, k1).tolist():
        taps.setdefault(k // conv.taps, []).append(k % conv.taps)
    runs = []
    for _, run in groupby(enumerate(taps), key=lambda item: (item[1] - item[0], tuple(taps[item[1]]))):
        channels = [channel for _, channel in run]
        runs.append((channels[0], channels[-1] + 1, tuple(taps[channels[0]])))
    return tuple(runs)


@lru_cache(maxsize=1 << 8)
def _positions(conv: ConvGeometry, p0: int, p1: int, taps: tuple[int, ...]) -> Mask:
    """Which (y, x) of an image the taps read for output pixels p0..p1−1 of it."""
    mask = np.zeros((conv.height, conv.width), bool)
    for rows, columns in rectangles(p0, p1, conv.out_width):
        for r, s in (divmod(tap, conv.kernel[1]) for tap in taps):
            mask[conv.reads(0, conv.height, r, rows), conv.reads(1, conv.width, s, columns)] = True
    return mask
