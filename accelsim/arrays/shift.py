"""shift: power-of-two weights; a barrel shifter and an adder in place of a multiplier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accelsim.arrays.base import Size
from accelsim.arrays.output_stationary import OutputStationary, OutputStationaryProgram
from accelsim.energy_table import EnergyTable
from accelsim.operands import Ints
from accelsim.trace import GemmTrace

SLICE_ELEMENTS = 2**22  # of terms or activations handled at a time
MOST_DIGITS = 32  # of the non-adjacent form of an integer up to 2^62


class Shift(OutputStationary):
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
        if trace.weight_coding != "pow2":
            raise self.refuse(trace, f"its weights are {trace.weight_coding}; pow2 is expected")
        if trace.weight_operand is not None:
            self._check_terms(trace)
        return ShiftProgram(self, trace)

    def _check_terms(self, trace: GemmTrace) -> None:
        for n0, n1 in _row_slices(trace.N, trace.K * min(self.terms, MOST_DIGITS)):
            weight = trace.weight_tile(n0, n1, 0, trace.K)
            rest = signed_powers(weight, self.terms)[1]
            if rest.any():
                row, k = (int(i) for i in np.argwhere(rest)[0])
                told = f"weight {weight[row, k]} of filter {n0 + row} at k {k}"
                raise self.refuse(trace, f"{told} is no sum of {self.terms} signed powers of two")

    def shifter_gates(self, weight_bits: int, activation_bits: int) -> int:
        """2:1 multiplexers of a barrel shifter: one a bit of its output in each of its stages.

        There is a stage for each bit of the exponent, and none for shifts beyond the accumulator.
        """
        stages = min(weight_bits - 1, (self.accumulator_bits - 1).bit_length())
        return stages * min(self.accumulator_bits, activation_bits + (1 << stages) - 1)

    def arithmetic_pj(
        self, counts: Mapping[str, int], table: EnergyTable, weight_bits: int, activation_bits: int
    ) -> float:
        """A barrel shift and an add into the accumulator for every term."""
        shift = table.gates(self.shifter_gates(weight_bits, activation_bits))
        return counts["macs_executed"] * (shift + table.add(self.accumulator_bits))

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
    """One GEMM on Shift."""

    array: Shift

    @property
    def codes_per_weight(self) -> int:
        """A code a term, used or zero."""
        return self.array.terms

    def steps(self, k: int) -> int:
        """K · terms."""
        return k * self.array.terms

    def operation_counts(self, m: int, n: int, k: int) -> Counter[str]:
        """A term an operation; an activation stays in its register for all terms of a weight."""
        terms = m * n * self.steps(k)
        latched = terms * (self.trace.weight_bits + self.array.accumulator_bits)
        return Counter(macs_executed=terms, register_bits=latched + m * n * k * self.trace.activation_bits)

    def functional(self) -> NDArray[np.int64]:
        """Signs and exponents of the terms, then a shift and an add for each."""
        from accelsim.arrays.shift_kernels import shift_add

        trace = self.trace
        out = np.zeros((trace.M, trace.N), np.int64)
        for n0, n1 in _row_slices(trace.N, trace.K * min(self.array.terms, MOST_DIGITS)):
            terms, _ = signed_powers(trace.weight_tile(n0, n1, 0, trace.K), self.array.terms)
            signs, exponents = np.sign(terms).astype(np.int8), _exponents(terms)
            for m0, m1 in _row_slices(trace.M, trace.K):
                x = trace.activation_tile(m0, m1, 0, trace.K).astype(np.int64)
                shift_add(x, signs, exponents, out[m0:m1, n0:n1])
        return out


def _row_slices(rows: int, columns: int) -> list[tuple[int, int]]:
    step = max(1, SLICE_ELEMENTS // columns)
    return [(start, min(start + step, rows)) for start in range(0, rows, step)]


def signed_powers(values: Ints, terms: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(terms as integers on a last axis, what is left over): the non-adjacent form from its lowest digit on.

    It has the fewest signed powers of two of all, so that a rest other than 0 means that `terms` are too few.
    """
    rest = values.astype(np.int64)
    found = np.zeros((*rest.shape, min(terms, MOST_DIGITS)), np.int64)
    for t in range(found.shape[-1]):
        low = rest & -rest
        found[..., t] = np.where(rest & (low << 1), -low, low)
        rest = rest - found[..., t]
        if not rest.any():
            break
    return found, rest


def _exponents(powers: NDArray[np.int64]) -> NDArray[np.int8]:
    """e of ±2^e, exactly; 0 of 0."""
    return np.asarray(np.maximum(np.frexp(np.abs(powers).astype(np.float64))[1] - 1, 0), np.int8)
