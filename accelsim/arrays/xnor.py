"""xnor: 1-bit weights and activations, many of them in one word a PE a cycle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accelsim.arrays.base import Size, ceil_div
from accelsim.arrays.output_stationary import OutputStationary, OutputStationaryProgram
from accelsim.energy_table import EnergyTable
from accelsim.trace import GemmTrace

LIMB_BITS = 64  # a word lies in whole limbs of the host
SLICE_ELEMENTS = 2**22  # of an operand packed at a time


class Xnor(OutputStationary):
    """R rows × C cols of PEs that take `word_bits` pairs of −1/+1 a cycle: XNOR, popcount, accumulate.

    T of a fold is ⌈K / word_bits⌉. A padded im2col position is neither −1 nor +1: a mask that travels with the
    activations takes its lane out, and the sum is 2 · matches − valid lanes. Layers with other weights than −1 and +1,
    or wider activations, go to the fallback. The scale of each filter (XNOR-Net) is metadata, applied with the
    requantization of the finished outputs. Source: survey 003, section 5 on binarized networks, Eq. 23 for one bit.
    """

    kind: Literal["xnor"] = "xnor"
    word_bits: Size = 64

    @property
    def peak_macs(self) -> int:
        """rows · cols · word_bits."""
        return self.rows * self.cols * self.word_bits

    def program(self, trace: GemmTrace) -> XnorProgram:
        """Weights of −1 and +1 and 1-bit activations; UnsupportedLayerError otherwise."""
        if trace.weight_bits != 1 or trace.activation_bits != 1:
            told = f"its weights have {trace.weight_bits} bits and its activations {trace.activation_bits}"
            raise self.refuse(trace, f"{told}; 1 and 1 are expected")
        if trace.weight_operand is not None and not trace.weight_tile(0, trace.N, 0, trace.K).all():
            raise self.refuse(trace, "a weight is 0; −1 and +1 are expected")
        return XnorProgram(self, trace)

    def word_pj(self, table: EnergyTable) -> float:
        """A word: XNOR and mask a lane, a popcount tree of counted full adders, an add into the accumulator."""
        return (
            table.gates(2 * self.word_bits)
            + table.full_adders(popcount_adders(self.word_bits))
            + table.add(self.accumulator_bits)
        )

    def arithmetic_pj(
        self, counts: Mapping[str, int], table: EnergyTable, weight_bits: int, activation_bits: int
    ) -> float:
        """Words, full or not, times their energy."""
        return counts["xnor_words"] * self.word_pj(table)

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """XNOR and mask gates, popcount tree, adder; word registers of weights, activations and mask, accumulator."""
        unit = {
            "gate": 2 * self.word_bits,
            "full_adder": popcount_adders(self.word_bits) + self.accumulator_bits,
            "register_bit": 3 * self.word_bits + self.accumulator_bits,
        }
        return {name: float(self.rows * self.cols * count) for name, count in unit.items()}


class XnorProgram(OutputStationaryProgram):
    """One GEMM on Xnor."""

    array: Xnor

    @property
    def k_step(self) -> int:
        """A word."""
        return self.array.word_bits

    def steps(self, k: int) -> int:
        """⌈K / word_bits⌉."""
        return ceil_div(k, self.array.word_bits)

    def operation_counts(self, m: int, n: int, k: int) -> Counter[str]:
        """A lane of a word that holds one of the k is a MAC; every PE latches whole words."""
        words = m * n * self.steps(k)
        latched = words * (3 * self.array.word_bits + self.array.accumulator_bits)
        return Counter(macs_executed=m * n * k, xnor_words=words, register_bits=latched)

    def functional(self) -> NDArray[np.int64]:
        """Packed words, XNOR under the mask, popcount, 2 · matches − valid lanes."""
        from accelsim.arrays.xnor_kernels import xnor_popcount

        trace, lanes = self.trace, min(self.array.word_bits, self.trace.K)
        out = np.empty((trace.M, trace.N), np.int64)
        step = max(1, SLICE_ELEMENTS // trace.K)
        for m0 in range(0, trace.M, step):
            x = trace.activation_tile(m0, min(m0 + step, trace.M), 0, trace.K)
            xnor_popcount(pack(x > 0, lanes), pack(x != 0, lanes), self._weights, out[m0 : m0 + step])
        return out

    @cached_property
    def _weights(self) -> NDArray[np.uint64]:
        weight = self.trace.weight_tile(0, self.trace.N, 0, self.trace.K)
        return pack(weight > 0, min(self.array.word_bits, self.trace.K))


def popcount_adders(word_bits: int) -> int:
    """Full adders that count the ones of a word of W bits: Σ ⌊W / 2^i⌋, which is W less the ones in W's binary form.

    j bits of one weight leave one and ⌊j / 2⌋ carries, an adder each (the last of them takes two bits where j is even).
    """
    return word_bits - word_bits.bit_count()


def pack(bits: NDArray[np.bool_], lanes: int) -> NDArray[np.uint64]:
    """(rows, K) bits in words of `lanes`, each in whole limbs: (rows, words · limbs); lanes past K hold 0."""
    rows, k = bits.shape
    words, limbs = ceil_div(k, lanes), ceil_div(lanes, LIMB_BITS)
    if lanes % LIMB_BITS == 0 and k == words * lanes:
        return np.packbits(bits, axis=1, bitorder="little").view(np.uint64)
    padded = np.zeros((rows, words * lanes), bool)
    padded[:, :k] = bits
    wide = np.zeros((rows, words, limbs * LIMB_BITS), bool)
    wide[:, :, :lanes] = padded.reshape(rows, words, lanes)
    return np.packbits(wide.reshape(rows, -1), axis=1, bitorder="little").view(np.uint64)
