"""adder: AdderNet's layers, L1 distances between activations and filters; two adders in place of a MAC."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ...technology.table import EnergyTable
from ...trace.exact import exact_l1
from ...trace.gemm import GemmTrace
from ..common.output_stationary import OutputStationaryArray, OutputStationaryProgram
from ..operation import Operation


class AdderArray(OutputStationaryArray):
    """R rows × C cols of PEs that compute O[m, n] = −Σ_k |X[m, k] − W[n, k]|, one k a cycle: T of a fold is K.

    A PE subtracts the weight from the activation, one bit wider than the wider of the two, and adds the difference to
    its psum where it is negative, else subtracts it. Whole M·N·K of them are effectual, for a zero is a number like
    any other: a padded im2col position holds activation 0 and contributes |0 − w|. An executed operation
    (`macs_executed`, and one of the `peak_macs`) is both additions. Uniform weights run; layers of another coding, and
    those that say they are multiply-accumulates, go to the fallback. Source: survey 003, section 4.2.3, Eq. 26-27
    (AdderNet, Chen et al., CVPR 2020).
    """

    kind: Literal["adder"] = "adder"
    takes_raw_codes: ClassVar[bool] = False
    operation: ClassVar[str] = "l1"

    @property
    def peak_macs(self) -> int:
        """A difference and its accumulation a PE a cycle."""
        return self.rows * self.cols

    def program(self, trace: GemmTrace) -> AdderProgram:
        """Uniform weights; UnsupportedLayerError otherwise."""
        if trace.weight_coding != "uniform":
            raise self.refuse(trace, f"its weights are {trace.weight_coding}; uniform is expected")
        return AdderProgram(self, trace)

    def operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """A subtraction, the complement of its result bit by bit, and an add into the accumulator."""
        width = difference_bits(weight_bits, activation_bits)
        return (
            Operation("difference", "macs_executed", table.add(width)),
            Operation("sign of a difference", "macs_executed", table.gates(width)),
            Operation("add of a difference", "macs_executed", table.add(self.accumulator_bits)),
        )

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """Two adders, an XOR a bit of the difference, two operand registers and an accumulator register a PE."""
        width = difference_bits(weight_bits, activation_bits)
        unit = {
            "gate": width,
            "full_adder": width + self.accumulator_bits,
            "register_bit": weight_bits + activation_bits + self.accumulator_bits,
        }
        return {name: float(self.rows * self.cols * count) for name, count in unit.items()}


class AdderProgram(OutputStationaryProgram):
    """One layer of L1 distances on AdderArray."""

    array: AdderArray

    def steps(self, k: int) -> int:
        """K."""
        return k

    def operation_counts(self, m: int, n: int, k: int) -> dict[str, int]:
        """An operation, two operands and a psum each."""
        latched = self.trace.weight_bits + self.trace.activation_bits + self.array.accumulator_bits
        return {"macs_executed": m * n * k, "register_bits": m * n * k * latched}

    def effectual_macs(self) -> int:
        """All: |x − w| needs computing where either is 0."""
        return self.trace.M * self.trace.N * self.trace.K

    def functional(self) -> NDArray[np.int64]:
        """Differences, their signs, and sums."""
        from .kernels import subtract_magnitudes

        trace = self.trace
        weight = trace.weight_tile(0, trace.N, 0, trace.K).astype(np.int64)
        out = np.empty((trace.M, trace.N), np.int64)
        for pixels, x in self.activation_slices():
            subtract_magnitudes(x, weight, out[pixels])
        return out

    def exact(self) -> NDArray[np.int64]:
        """−Σ_k |x − w|."""
        return exact_l1(self.trace)


def difference_bits(weight_bits: int, activation_bits: int) -> int:
    """Bits of two's complement that hold every difference of the two."""
    return max(weight_bits, activation_bits) + 1
