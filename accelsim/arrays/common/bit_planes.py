"""M × K-bit products as M · K passes over bit planes, each a popcount of one word of lanes (survey 003, Eq. 23-24).

Signed operands are two's complement, so that the top plane subtracts; unsigned ones, as Eq. 24 has them, have no such
plane, and of one bit, 0 or 1, are a single AND. A signed 1-bit operand is −1 or +1, and its padding 0, which a single
plane cannot say by AND alone. With P = the count of lanes in which weight plane and signs are equal under the mask, the
lane that XNOR has already does it all:

* activations of several bits or of 0 and 1: signs are all ones and the mask is a plane, so that P is the AND-popcount.
  Weights of −1 and +1 then give 2 · P summed over the planes, less the sum of the pixel's activations.
* activations of −1 and +1: signs are the activations and the mask tells padding. Weights of several bits or of 0 and 1
  give P less the pixel's count of −1, a plane; those of −1 and +1 give 2 · P less the pixel's count of valid lanes.

What is subtracted belongs to a pixel. Where it depends on values (one operand of −1 and +1, the other not), a popcount
at each row's edge forms it while the words enter, and an add an output takes it off; valid lanes are known beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...technology.table import EnergyTable
from ...trace.gemm import GemmTrace
from ...trace.operand import Ints
from ..base import ceil_div
from ..counters import CounterSpec, statistic
from ..operation import Operation
from .output_stationary import OutputStationaryProgram
from .packed_words import WordArray, pack, popcount_adders
from .slices import row_slices

Int64s = NDArray[np.int64]
Words = NDArray[np.uint64]

CODINGS = ("uniform", "binary", "ternary", "codebook")  # whose integers are two's complement of weight_bits


def plane_counters(kind: str) -> tuple[CounterSpec, ...]:
    """The counters of a BitPlaneArray of this kind."""
    return (
        statistic(f"{kind}_words", "words", "words of bit pairs that PEs take"),
        statistic(f"{kind}_edge_words", "words", "words whose ones the rows' edges count"),
        statistic(f"{kind}_corrections", "outputs", "outputs corrected, once a fold"),
    )


class BitPlaneArray(WordArray):
    """PEs that shift, negate and accumulate the popcount of each pass, as the dot product units of BISMO do.

    Source: BISMO (Umuroglu et al., FPL 2018, section III). The edges hold the planes of the word at work: all of the
    activations' a row and one of the weights' a column, so that every operand leaves its buffer once a fold.
    """

    def check_planes(self, trace: GemmTrace) -> None:
        """UnsupportedLayerError where weights are not integers of their bits, or a weight of −1 and +1 is 0."""
        if trace.weight_coding not in CODINGS:
            raise self.refuse(trace, f"its weights are {trace.weight_coding}; two's complement is expected")
        if trace.weight_operand is None or not trace.weight_signed:
            return
        single = np.flatnonzero(filter_bits(trace) == 1)
        if len(single) and not trace.weight_tile(0, trace.N, 0, trace.K)[single].all():
            raise self.refuse(trace, "a 1-bit weight is 0; −1 and +1 are expected")

    def shifter_gates(self, weight_bits: int, activation_bits: int) -> int:
        """A 2:1 multiplexer a bit of each stage that shifts the count, and a gate an accumulator bit that negates it.

        The count of a word moves by up to weight_bits + activation_bits − 2 places; 1-bit operands need neither.
        """
        most = weight_bits + activation_bits - 2
        width = min(self.accumulator_bits, self.word_bits.bit_length() + most)
        return most.bit_length() * width + (self.accumulator_bits if most else 0)

    def operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """A word with its shift and sign; a popcount of the edge; an add a corrected output."""
        shift = table.gates(self.shifter_gates(weight_bits, activation_bits))
        add = table.add(self.accumulator_bits)
        word = Operation("word of bit pairs", f"{self.kind}_words", self.word_cost(table) + shift)
        edge = table.full_adders(popcount_adders(self.word_bits)) + add
        return (
            word,
            Operation("popcount of a pixel's word", f"{self.kind}_edge_words", edge),
            Operation("correction of an output", f"{self.kind}_corrections", add),
        )

    def planes_logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """PEs with their shifters; at the edges planes of a word a row and a column, and a popcount a row."""
        unit = self.word_logic()
        unit["gate"] += self.shifter_gates(weight_bits, activation_bits)
        logic = {name: float(self.rows * self.cols * count) for name, count in unit.items()}
        planes = (self.rows * activation_bits + self.cols) * self.word_bits
        logic["register_bit"] += planes + self.rows * self.accumulator_bits
        logic["full_adder"] += self.rows * (popcount_adders(self.word_bits) + self.accumulator_bits)
        return logic


class PlanePasses(NamedTuple):
    """What the folds of a tile's filters run: sums over filters of planes and of bits, and who is corrected."""

    folds: int
    filter_planes: int  # planes that run, summed over filters
    filter_bits: int  # stored bits, summed over filters
    corrected_folds: int
    corrected_filters: int


class Batch(NamedTuple):
    """Filters (rows of W) that run the same planes (rising places) at the same bits."""

    filters: Int64s
    bits: int
    planes: list[int]
    signed: bool = True

    @property
    def bipolar(self) -> bool:
        """Whether weights are −1 and +1."""
        return self.bits == 1 and self.signed

    @property
    def scales(self) -> Int64s:
        """What a one of each plane stands for."""
        return plane_scales(self.bits, self.planes, self.signed)


class BitPlaneProgram(OutputStationaryProgram):
    """One GEMM as weight_bits · activation_bits passes a word."""

    array: BitPlaneArray

    @property
    def k_step(self) -> int:
        """A word."""
        return self.array.word_bits

    def steps(self, k: int) -> int:
        """⌈K / word_bits⌉ · weight_bits · activation_bits."""
        return ceil_div(k, self.array.word_bits) * self.trace.weight_bits * self.trace.activation_bits

    def operation_counts(self, m: int, n: int, k: int) -> dict[str, int]:
        """Every plane of every filter."""
        folds, bits = ceil_div(n, self.array.cols), self.trace.weight_bits
        corrected = self.corrected(bits)
        return self.pass_counts(m, k, PlanePasses(folds, n * bits, n * bits, folds * corrected, n * corrected))

    def corrected(self, bits: int) -> bool:
        """Whether weights of `bits` need a correction that depends on the activations' values."""
        return (bits == 1 and self.trace.weight_signed) != self.trace.number_format.bipolar_activations

    def pass_counts(self, m: int, k: int, passes: PlanePasses) -> dict[str, int]:
        """A lane of a pass that holds one of the k is an operation; every PE latches whole words."""
        array, planes = self.array, self.trace.activation_bits
        words = ceil_div(k, array.word_bits)
        executed = m * words * planes * passes.filter_planes
        masks = self.trace.number_format.bipolar_activations  # beside the plane, which of its lanes are no padding
        latched = executed * ((2 + masks) * array.word_bits + array.accumulator_bits)
        edges = k * (m * planes * passes.folds + ceil_div(m, array.rows) * passes.filter_bits)
        return {
            "macs_executed": m * k * planes * passes.filter_planes,
            "register_bits": latched + edges,
            f"{array.kind}_words": executed,
            f"{array.kind}_edge_words": m * words * planes * passes.corrected_folds,
            f"{array.kind}_corrections": m * passes.corrected_filters,
        }

    def functional(self) -> NDArray[np.int64]:
        """Packed planes, popcounts of every pass, shifts and signs, then the pixels' corrections."""
        trace = self.trace
        out = np.empty((trace.M, trace.N), np.int64)
        for m0, m1 in row_slices(trace.M, trace.K * trace.activation_bits):
            out[m0:m1] = self._outputs(trace.raw_tile(m0, m1, 0, trace.K))
        return self.without_zero_point(out)

    def batches(self) -> Iterator[Batch]:
        """All filters, in runs of equal planes."""
        trace = self.trace
        yield Batch(np.arange(trace.N), trace.weight_bits, list(range(trace.weight_bits)), trace.weight_signed)

    @cached_property
    def _weights(self) -> list[tuple[Batch, Words]]:
        """Each batch with its planes, (planes, filters, words)."""
        weight = self.trace.weight_tile(0, self.trace.N, 0, self.trace.K)
        return [(b, self._planes(weight[b.filters], b.bits, b.planes)) for b in self.batches()]

    def _planes(self, values: Ints, bits: int, places: list[int]) -> Words:
        """Planes of two's complement at `places`, (planes, rows, words); a 1-bit operand's is 1 for +1."""
        lanes = min(self.array.word_bits, self.trace.K)
        if bits == 1:
            return pack(values > 0, lanes)[None]
        return np.stack([pack((values >> place) & 1 != 0, lanes) for place in places])

    def _outputs(self, x: Ints) -> Int64s:
        """O of some pixels, (m, N)."""
        out = np.zeros((len(x), self.trace.N), np.int64)
        binary, signed = self.trace.number_format.bipolar_activations, self.trace.activation_signed
        lanes = min(self.array.word_bits, self.trace.K)
        planes = self._planes(x, self.trace.activation_bits, list(range(self.trace.activation_bits)))
        valid = pack(x != 0, lanes) if binary else planes[0]
        sums = x.sum(axis=1, dtype=np.int64)[:, None]
        for batch, weights in self._weights:
            if binary:
                out[:, batch.filters] = _of_signs(planes[0], valid, weights, batch, sums)
            else:
                scales = plane_scales(len(planes), list(range(len(planes))), signed)
                out[:, batch.filters] = _of_planes(planes, scales, weights, batch, sums)
        return out


def _of_signs(signs: Words, valid: Words, weights: Words, batch: Batch, sums: Int64s) -> Int64s:
    """Activations of −1 and +1: 2 · P − valid lanes, or of weights other than those P − the count of −1, a plane."""
    from ..xnor.kernels import xnor_popcount

    total = np.zeros((len(signs), len(batch.filters)), np.int64)
    for plane, scale in zip(weights, batch.scales, strict=True):
        signed = np.empty_like(total)
        xnor_popcount(signs, valid, plane, signed)
        total += signed if batch.bipolar else scale * ((signed + sums) // 2)
    return total


def _of_planes(planes: Words, scales: Int64s, weights: Words, batch: Batch, sums: Int64s) -> Int64s:
    """Other activations: AND-popcounts of scaled planes, and 2 · P − the pixel's sum where weights are −1 and +1."""
    from ..xnor.kernels import and_popcount

    total = np.zeros((planes.shape[1], len(batch.filters)), np.int64)
    if batch.bipolar:
        and_popcount(planes, weights, scales, np.ones(1, np.int64), total)
        return 2 * total - sums
    and_popcount(planes, weights, scales, batch.scales, total)
    return total


def plane_scales(bits: int, places: list[int], signed: bool = True) -> Int64s:
    """2^place of each plane, negative for the top one of two's complement."""
    return np.array([-(1 << place) if signed and place == bits - 1 else 1 << place for place in places], np.int64)


def filter_bits(trace: GemmTrace) -> Int64s:
    """Bits of every filter of a one-group trace, (N,)."""
    given = trace.number_format.filter_bits
    return np.full(trace.N, trace.weight_bits, np.int64) if given is None else np.array(given, np.int64)
