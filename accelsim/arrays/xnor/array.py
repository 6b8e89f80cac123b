"""xnor: 1-bit weights and activations, many of them in one word a PE a cycle; wider ones plane by plane."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ...technology.table import EnergyTable
from ...trace.gemm import GemmTrace
from ..base import ceil_div
from ..common.bit_planes import BitPlaneArray, BitPlaneProgram, plane_counters
from ..common.output_stationary import OutputStationaryProgram
from ..common.packed_words import pack
from ..common.slices import row_slices
from ..counters import CounterSpec
from ..operation import Operation


class XnorArray(BitPlaneArray):
    """R rows × C cols of PEs that take `word_bits` pairs of −1/+1 a cycle: XNOR, popcount, accumulate.

    T of a fold is ⌈K / word_bits⌉. A padded im2col position is neither −1 nor +1: a mask that travels with the
    activations takes its lane out, and the sum is 2 · matches − valid lanes. Layers with other weights than −1 and +1,
    or wider activations, go to the fallback. The scale of each filter (XNOR-Net) is metadata, applied with the
    requantization of the finished outputs. Source: survey 003, section 5 on binarized networks, Eq. 23 for one bit.

    `multi_bit` adds shifters and edge registers, and then M-bit weights and K-bit activations run as M · K passes
    (Eq. 24), as low-bit networks after DoReFa have them: T is ⌈K / word_bits⌉ · weight_bits · activation_bits. Operands
    are two's complement, or unsigned as Eq. 24 has them: 0 and 1 are one bit, and a pass of it is an AND. `bitserial`
    is the array that also makes use of precision by filter and of zero planes.
    """

    kind: Literal["xnor"] = "xnor"
    counters: ClassVar[tuple[CounterSpec, ...]] = plane_counters("xnor")
    multi_bit: bool = False

    def baseline_macs(self, weight_bits: int, activation_bits: int) -> int:
        """rows · cols · word_bits; a machine of several bits needs weight_bits · activation_bits passes for a MAC."""
        return self.peak_macs // (weight_bits * activation_bits if self.multi_bit else 1)

    def program(self, trace: GemmTrace) -> XnorProgram | BitPlaneProgram:
        """Weights of −1 and +1 and 1-bit activations, or two's complement; UnsupportedLayerError otherwise."""
        single = trace.number_format.bipolar_weights and trace.number_format.bipolar_activations
        if not single and not self.multi_bit:
            weights, activations = trace.weight_bits, trace.activation_bits
            message = f"its weights have {weights} bits and its activations {activations}"
            if not (trace.weight_signed and trace.activation_signed):
                message += ", unsigned"
            raise self.refuse(trace, f"{message}; 1 and 1 are expected, or array.multi_bit")
        self.check_planes(trace)
        return (XnorProgram if single else BitPlaneProgram)(self, trace)

    def operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """A word; with `multi_bit` what passes need besides."""
        if self.multi_bit:
            return super().operations(table, weight_bits, activation_bits)
        return (Operation("word of bit pairs", f"{self.kind}_words", self.word_cost(table)),)

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """A word's gates, popcount tree, adder and registers a PE; with `multi_bit` what passes need besides."""
        if self.multi_bit:
            return self.planes_logic(weight_bits, activation_bits)
        return {name: float(self.rows * self.cols * count) for name, count in self.word_logic().items()}


class XnorProgram(OutputStationaryProgram):
    """One GEMM on XnorArray."""

    array: XnorArray

    @property
    def k_step(self) -> int:
        """A word."""
        return self.array.word_bits

    def steps(self, k: int) -> int:
        """⌈K / word_bits⌉."""
        return ceil_div(k, self.array.word_bits)

    def operation_counts(self, m: int, n: int, k: int) -> dict[str, int]:
        """A lane of a word that holds one of the k is a MAC; every PE latches whole words."""
        words = m * n * self.steps(k)
        latched = words * (3 * self.array.word_bits + self.array.accumulator_bits)
        return {"macs_executed": m * n * k, "xnor_words": words, "register_bits": latched}

    def functional(self) -> NDArray[np.int64]:
        """Packed words, XNOR under the mask, popcount, 2 · matches − valid lanes."""
        from .kernels import xnor_popcount

        trace, lanes = self.trace, min(self.array.word_bits, self.trace.K)
        out = np.empty((trace.M, trace.N), np.int64)
        for m0, m1 in row_slices(trace.M, trace.K):
            x = trace.activation_tile(m0, m1, 0, trace.K)
            xnor_popcount(pack(x > 0, lanes), pack(x != 0, lanes), self._weights, out[m0:m1])
        return out

    @cached_property
    def _weights(self) -> NDArray[np.uint64]:
        weight = self.trace.weight_tile(0, self.trace.N, 0, self.trace.K)
        return pack(weight > 0, min(self.array.word_bits, self.trace.K))
