"""Activations that lie in DRAM as tensors (`nchw`, `nhwc`), not tile by tile: a tile is the bursts that its rows touch.

Element e of a tensor has the bits e · width and on. A convolution's ifmap and ofmap are (batch, channels, height,
width) or (batch, height, width, channels) of all groups; a plain GEMM's operands are row-major matrices in both.
Whole bursts cross, each once a tile, and nothing is stored twice: a halo is fetched again with each tile. Groups run
one after another, so that a depthwise layer in `nhwc` fetches a burst for each pixel of each channel. What is written
of a burst in part is written with a mask. Weights and psums lie tile by tile, for nobody else reads them.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..arrays.base import Program
from ..memory.base import Bursts
from ..trace.conv import ConvGeometry
from ..trace.gemm import GemmTrace
from ..trace.touched import Mask, touched_regions
from .tensor_storage import Place, Span, Stored, TensorStorage

Numbers = NDArray[np.int64]
Runs = tuple[Numbers, int]  # first elements of runs, and how many elements each has
Layout = Literal["nchw", "nhwc"]


class PlacedStorage(TensorStorage):
    """The activations of one layer, of which operators leave `outputs` elements, in bursts of `burst_bytes`."""

    is_placed = True

    def __init__(self, layout: Layout, burst_bytes: int, trace: GemmTrace, outputs: int) -> None:
        self.layout, self.burst_bits, self.trace = layout, burst_bytes * 8, trace
        self.channels = trace.groups * trace.N  # of the ofmap
        self.pixels = outputs // self.channels

    def ifmap(self, program: Program, group: int, part: Place) -> Stored:
        """The bursts that hold the elements which a tile touches."""
        bits = program.trace.activation_bits
        return self._stored([run for g in range(program.groups) for run in self._read(group + g, part)], bits)

    def ofmap(self, program: Program, pixels: Span, filters: Span, elements: int) -> Stored:
        """The bursts that hold these pixels of these filters."""
        first, end = (pixel * self.pixels // self.trace.M for pixel in pixels)
        return self._stored(self._written(first, end, filters), program.output_bits)

    def _stored(self, runs: list[Runs], bits: int) -> Stored:
        numbers = [_bursts_of(*run, bits, self.burst_bits) for run in runs if run[0].size]
        if not numbers:
            return Stored(0)
        bursts = Bursts.of(np.concatenate(numbers))
        return Stored(bursts.count * self.burst_bits, bursts=bursts)

    def _read(self, group: int, part: Place) -> list[Runs]:
        """Runs of elements of the ifmap behind a tile of one group."""
        m0, m1, k0, k1 = part
        conv, groups = self.trace.conv, self.trace.groups
        if conv is None:
            row = groups * self.trace.K
            return [_columns(np.arange(m0, m1), (group * self.trace.K + k0, group * self.trace.K + k1), row)]
        channels, first = conv.channels * groups, conv.channels * group
        return [
            run
            for image, c0, c1, mask in touched_regions(conv, m0, m1, k0, k1)
            for run in self._region(conv, image, (first + c0, first + c1), channels, mask)
        ]

    def _region(self, conv: ConvGeometry, image: int, channels: Span, of: int, mask: Mask) -> list[Runs]:
        """Runs of the positions in `mask` of these of an image's channels."""
        area, positions = conv.height * conv.width, np.flatnonzero(mask)
        if self.layout == "nhwc":
            return [_columns(image * area + positions, channels, of)]
        planes = (image * of + np.arange(*channels)) * area
        return [((planes[:, None] + positions).reshape(-1), 1)]

    def _written(self, first: int, end: int, filters: Span) -> list[Runs]:
        """Runs of the ofmap's elements: pixels first..end−1 of filters over all groups."""
        if self.trace.conv is None or self.layout == "nhwc":
            return [_columns(np.arange(first, end), filters, self.channels)]
        area, runs = self.pixels // self.trace.conv.batch, []
        for image in range(first // area, (end - 1) // area + 1):
            p0, p1 = max(first - image * area, 0), min(end - image * area, area)
            runs.append(((image * self.channels + np.arange(*filters)) * area + p0, p1 - p0))
        return runs


def _columns(rows: Numbers, columns: Span, of: int) -> Runs:
    """Columns of these rows of a matrix that has so many."""
    return rows * of + columns[0], columns[1] - columns[0]


def _bursts_of(first: Numbers, length: int, bits: int, burst_bits: int) -> Numbers:
    """Numbers of the bursts that hold runs of elements.

    >>> _bursts_of(np.array([0, 100]), 65, 8, 512).tolist()  # 65 bytes from 0 and from 100 on, bursts of 64
    [0, 1, 1, 2]
    """
    start = first * bits // burst_bits
    counts = ((first + length) * bits - 1) // burst_bits - start + 1
    ends = np.cumsum(counts)
    return np.asarray(np.repeat(start - (ends - counts), counts) + np.arange(int(ends[-1])), np.int64)


def whole_bursts(start_bits: int, end_bits: int, burst_bytes: int) -> Span:
    """(Address, bytes) of the bursts that hold these bits, none for no bits.

    >>> whole_bursts(8 * 100, 8 * 165, 64)
    (64, 128)
    """
    if start_bits == end_bits:
        return 0, 0
    first, last = start_bits // (8 * burst_bytes), (end_bits - 1) // (8 * burst_bytes)
    return first * burst_bytes, (last - first + 1) * burst_bytes
