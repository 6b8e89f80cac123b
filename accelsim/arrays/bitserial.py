"""bitserial: operands of any width as AND-popcount passes over their bit planes, so that fewer bits take less time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from ..trace.gemm import GemmTrace
from .base import Tile, ceil_div
from .common.bit_planes import (
    Batch,
    BitPlaneArray,
    BitPlaneProgram,
    PlanePasses,
    filter_bits,
    plane_counters,
)
from .common.output_stationary import Streams
from .common.tile_sums import Int64s, areas_of_tiles
from .counters import CounterSpec


class BitserialArray(BitPlaneArray):
    """R rows × C cols of bit-serial PEs: T of a fold is ⌈K / word_bits⌉ · weight_bits · activation_bits.

    Precision is the trace's, layer by layer. Where it has `filter_bits`, filters are handed out widest first and a fold
    of `cols` filters runs at the bits of its widest, so that filters of equal precision share folds; each filter
    travels and lies in the buffer at its own bits, and the outputs are back in order. `skip_zero_planes` leaves out the
    weight planes that are zero in all filters of a fold, over the k of its tile, as the bit-level sparsity of BSQ
    allows (000, section IV); one plane always runs. It looks at two's complement: low planes that BSQ removes are zero
    in it, planes above a negative weight's magnitude are copies of its sign, and fewer bits are what removes them.
    1-bit weights have no zero plane. Skipped planes still travel. Source: survey 003, Eq. 23-24.
    """

    kind: Literal["bitserial"] = "bitserial"
    counters: ClassVar[tuple[CounterSpec, ...]] = plane_counters("bitserial")
    skip_zero_planes: bool = False

    def baseline_macs(self, weight_bits: int, activation_bits: int) -> int:
        """rows · cols · word_bits ÷ (weight_bits · activation_bits)."""
        return self.peak_macs // (weight_bits * activation_bits)

    def program(self, trace: GemmTrace) -> BitPlaneProgram:
        """Integers of any width, signed or not; one signed bit is −1 and +1. UnsupportedLayerError otherwise."""
        self.check_planes(trace)
        skips = self.skip_zero_planes and trace.weight_operand is not None
        return (ChosenPlanes if skips or trace.number_format.filter_bits else BitPlaneProgram)(self, trace)

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """Built for the widest operands that run."""
        return self.planes_logic(weight_bits, activation_bits)


class Folds(NamedTuple):
    """Of each fold along N: its filters, its bits, and its planes that run, as bits of an integer."""

    filters: Int64s
    bits: Int64s
    planes: Int64s

    @property
    def running(self) -> Int64s:
        """How many planes of a fold run."""
        return np.bitwise_count(self.planes).astype(np.int64)


class ChosenPlanes(BitPlaneProgram):
    """One GEMM whose folds differ in the planes that they run."""

    array: BitserialArray
    uniform_weights = False

    @cached_property
    def _order(self) -> Int64s:
        """Filters as they are handed out: widest first, equal ones in their own order."""
        return np.argsort(-filter_bits(self.trace), kind="stable")

    @cached_property
    def _bits(self) -> Int64s:
        """Bits of the filters as they are handed out."""
        return filter_bits(self.trace)[self._order]

    def weight_bits(self, n0: int, n1: int, k0: int, k1: int) -> int:
        """Every filter at its own bits."""
        return int(self._bits[n0:n1].sum()) * (k1 - k0)

    def bits_of_tiles(self, n: Int64s, k: Int64s) -> tuple[Int64s, Int64s]:
        """Every filter at its own bits."""
        bits = np.concatenate([[0], self._bits.cumsum()])[n]
        return areas_of_tiles(bits, k), np.zeros((len(n) - 1, len(k) - 1), np.int64)

    @property
    def stored_weight_bits(self) -> float:
        """The mean over the filters, which are all read equally often."""
        return float(self._bits.mean())

    def work_key(self, tile: Tile) -> object:
        """Pixels count by their number, filters and k by themselves."""
        return tile.m1 - tile.m0, tile.n0, tile.n1, tile.k0, tile.k1

    def streams(self, tile: Tile) -> Streams:
        """Each fold at its own number of planes; whole weights are read."""
        _, n, k = tile.shape
        folds = self._folds(tile.n0, tile.n1, tile.k0, tile.k1)
        passes = self.trace.activation_bits * int(folds.running.sum())
        return Streams(ceil_div(k, self.array.word_bits) * passes, len(folds.filters) * k, n * k)

    def tile_counts(self, tile: Tile) -> dict[str, int]:
        """Passes of the planes that run."""
        m, _, k = tile.shape
        folds = self._folds(tile.n0, tile.n1, tile.k0, tile.k1)
        number_format = self.trace.number_format
        corrected = ((folds.bits == 1) & self.trace.weight_signed) != number_format.bipolar_activations
        passes = PlanePasses(
            len(folds.filters), int(folds.running @ folds.filters), int(self._bits[tile.n0 : tile.n1].sum()),
            int(corrected.sum()), int(corrected @ folds.filters),
        )  # fmt: skip
        return self.pass_counts(m, k, passes)

    def _folds(self, n0: int, n1: int, k0: int, k1: int) -> Folds:
        starts = np.arange(0, n1 - n0, self.array.cols)
        bits = np.maximum.reduceat(self._bits[n0:n1], starts)
        planes = (np.int64(1) << bits) - 1
        if self.array.skip_zero_planes and self.trace.weight_operand is not None:
            weight = self.trace.weight_tile(0, self.trace.N, k0, k1)
            used = np.bitwise_or.reduce(weight, axis=1).astype(np.int64)[self._order[n0:n1]]
            planes = np.where(bits == 1, 1, np.maximum(np.bitwise_or.reduceat(used, starts) & planes, 1))
        return Folds(np.diff(starts, append=n1 - n0), bits, planes)

    def batches(self) -> Iterator[Batch]:
        """Neighbouring folds of equal bits and planes together."""
        folds = self._folds(0, self.trace.N, 0, self.trace.K)
        ends = np.cumsum(folds.filters)
        same = groupby(range(len(ends)), key=lambda f: (int(folds.bits[f]), int(folds.planes[f])))
        for (bits, planes), members in same:
            run = list(members)
            filters = self._order[ends[run[0]] - folds.filters[run[0]] : ends[run[-1]]]
            places = [place for place in range(bits) if planes >> place & 1]
            yield Batch(filters, bits, places, self.trace.weight_signed)
