"""shift: power-of-two weights; a barrel shifter and an adder in place of a multiplier."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...technology.table import EnergyTable
from ...trace.gemm import GemmTrace
from ..base import Size
from ..common.output_stationary import OutputStationaryArray, OutputStationaryProgram
from ..common.signed_powers import (
    MOST_DIGITS,
    check_terms,
    exponents_of,
    shifter_gates,
    signed_powers,
)
from ..common.slices import row_slices
from ..operation import Operation


class ShiftArray(OutputStationaryArray):
    """R rows × C cols of shift-and-add PEs on weights that are sums of at most `terms` signed powers of two.

    A PE takes one term a cycle: it shifts the activation by the term's exponent and adds or subtracts it, so that T of
    a fold is K · terms whatever the weights are. One executed operation (`macs_executed`, and one of the `peak_macs`)
    is a term: at best rows · cols ÷ terms whole MACs finish a cycle, which is what the dense baseline gets. A term's
    code is a sign and an exponent, `weight_bits` of the trace, one code being zero; a weight takes `terms` of them.
    Layers of another coding, or with weights of more terms, go to the fallback. Source: INQ, ShiftCNN and DeepShift as
    the survey tells them (003, Eq. 21-22).
    """

    kind: Literal["shift"] = "shift"
    terms: Size = 1

    @property
    def peak_macs(self) -> int:
        """One term a PE a cycle."""
        return self.rows * self.cols

    def baseline_macs(self, weight_bits: int, activation_bits: int) -> int:
        """Whole MACs a cycle: rows · cols ÷ terms."""
        return self.rows * self.cols // self.terms

    def program(self, trace: GemmTrace) -> ShiftProgram:
        """pow2 weights of at most `terms` signed powers of two; UnsupportedLayerError otherwise."""
        check_terms(self, trace, self.terms)
        return ShiftProgram(self, trace)

    def shifter_gates(self, weight_bits: int, activation_bits: int) -> int:
        """2:1 multiplexers of one PE's barrel shifter."""
        return shifter_gates(weight_bits, activation_bits, self.accumulator_bits)

    def operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """A barrel shift and an add into the accumulator for every term."""
        shift = table.gates(self.shifter_gates(weight_bits, activation_bits))
        return (
            Operation("barrel shift of a term", "macs_executed", shift),
            Operation("add of a term", "macs_executed", table.add(self.accumulator_bits)),
        )

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """A barrel shifter, an adder, two operand registers and an accumulator register a PE."""
        registers = weight_bits + activation_bits + self.accumulator_bits
        unit = {
            "gate": self.shifter_gates(weight_bits, activation_bits),
            "full_adder": self.accumulator_bits,
            "register_bit": registers,
        }
        return {name: float(self.rows * self.cols * count) for name, count in unit.items()}


class ShiftProgram(OutputStationaryProgram):
    """One GEMM on ShiftArray."""

    array: ShiftArray

    @property
    def codes_per_weight(self) -> int:
        """A code a term, used or zero."""
        return self.array.terms

    def steps(self, k: int) -> int:
        """K · terms."""
        return k * self.array.terms

    def operation_counts(self, m: int, n: int, k: int) -> dict[str, int]:
        """A term an operation; an activation stays in its register for all terms of a weight."""
        terms = m * n * self.steps(k)
        latched = terms * (self.trace.weight_bits + self.array.accumulator_bits)
        return {"macs_executed": terms, "register_bits": latched + m * n * k * self.trace.activation_bits}

    def functional(self) -> NDArray[np.int64]:
        """Signs and exponents of the terms, then a shift and an add for each."""
        from .kernels import shift_add

        trace = self.trace
        out = np.zeros((trace.M, trace.N), np.int64)
        for n0, n1 in row_slices(trace.N, trace.K * min(self.array.terms, MOST_DIGITS)):
            terms, _ = signed_powers(trace.weight_tile(n0, n1, 0, trace.K), self.array.terms)
            signs, exponents = np.sign(terms).astype(np.int8), exponents_of(terms)
            for pixels, x in self.activation_slices():
                shift_add(x, signs, exponents, out[pixels, n0:n1])
        return self.without_zero_point(out)
