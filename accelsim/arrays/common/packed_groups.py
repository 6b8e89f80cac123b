"""Several groups of a layer in one fold (`group_packing`): so that depthwise layers do not use 1 % of an array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...trace.exact import exact_gemm
from ...trace.gemm import GemmTrace
from ..base import Grain, Tile
from .folds import FoldedArray, SystolicProgram
from .nm_pattern import compressed_length


class PackedProgram(SystolicProgram):
    """`count` groups from `first` on, block-diagonally in one fold of ws or is: rows and columns of their own each.

    `trace` has the filters of all of them. A PE off the diagonal has no work, but passes on what crosses it: a moving
    operand the columns of the groups before its own, psums and stationary values the rows of other groups.
    """

    def __init__(self, array: FoldedArray, trace: GemmTrace, first: int, count: int) -> None:
        super().__init__(array, trace.filters_of(first, count))
        self.groups, self.filters = count, trace.N
        self.parts = [trace.group(first)] * count
        if not trace.is_uniform:
            self.parts = [trace.group(g) for g in range(first, first + count)]

    @property
    def grain(self) -> Grain:
        """K is never cut, nor are the groups' filters: in is tiles hold whole groups."""
        grain = super().grain
        return replace(grain, n=grain.n if self.axes[2] == "M" else self.filters)

    @property
    def activation_groups(self) -> Sequence[GemmTrace]:
        """All of them."""
        return self.parts

    def _spans(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        m, n, k = shape
        groups = n // self.filters
        rows, across, steps = super()._spans((m, self.filters, k))
        return groups * rows, groups * across, steps

    def _counts(self, tile: Tile) -> dict[str, int]:
        """The activations of every group are read, and values cross the PEs of others."""
        m, n, k = tile.shape
        groups, k = n // self.filters, compressed_length(k, self.nm)
        weight, activation, psum = self.trace.weight_bits, self.trace.activation_bits, self.array.accumulator_bits
        moving, resting = (activation, weight) if self.array.dataflow == "ws" else (weight, activation)
        across = self.filters if self.array.dataflow == "ws" else m
        pairs = groups * (groups - 1) // 2
        own = super()._counts(tile)
        alone = groups * self._register_bits(m, self.filters, k)
        crossed = pairs * (m * self.filters * k * (moving + psum) + k * k * across * resting)
        return own | {"sram_ifmap_reads": groups * m * k, "register_bits": alone + crossed}

    @cached_property
    def _effectual(self) -> int:
        equal = self.parts[0] is self.parts[-1]
        alone = self.parts[:1] if equal else self.parts
        total = sum(SystolicProgram(self.array, part).effectual_macs() for part in alone)
        return total * self.groups if equal else total

    def _ungated(self) -> int:
        """Of all groups."""
        return sum(SystolicProgram(self.array, part)._ungated() for part in self.parts)

    def effectual_macs(self) -> int:
        """Of all groups."""
        return self._effectual

    def functional(self) -> NDArray[np.int64]:
        """One product with the weights on the diagonal of a (groups · K, groups · filters) matrix that is else 0."""
        k, n = self.trace.K, self.filters
        held = np.zeros((self.groups * k, self.groups * n), np.int64)
        moved = [part.raw_tile(0, part.M, 0, k).astype(np.int64) for part in self.parts]
        for g, part in enumerate(self.parts):
            held[g * k : (g + 1) * k, g * n : (g + 1) * n] = part.weight_tile(0, n, 0, k).T
        return self.without_zero_point(np.hstack(moved) @ held)

    def exact(self) -> NDArray[np.int64]:
        """Group by group, side by side."""
        return np.hstack([exact_gemm(part) for part in self.parts])
