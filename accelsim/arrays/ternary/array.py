"""ternary: weights of −1, 0 and +1; an adder in place of a multiplier, and k without a nonzero weight left out."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ...technology.table import EnergyTable
from ...trace.gemm import GemmTrace
from ..base import Tile, ceil_div
from ..common.compressed import CompressedProgram
from ..common.output_stationary import OutputStationaryArray, OutputStationaryProgram, Streams
from ..common.tile_sums import Int64s
from ..counters import CounterSpec, statistic
from ..operation import Operation
from .pattern import LINE_K, FoldCounts, FoldPattern

CODE_BITS = 2  # of a weight in a PE: whether it is nonzero, and its sign


class TernaryArray(OutputStationaryArray):
    """R rows × C cols of PEs that add an activation, subtract it, or leave it.

    T of a fold is the number of k at which at least one of its C filters is nonzero; without `zero_skipping` it is K.
    The fold formula holds for T = 0 too: outputs of 0 still have to leave. For skipping, each fold of filters has a
    bitmap of K bits, which travels and lies with the weights as their index: the weights of a k without a nonzero are
    not stored, its activations are not read, and each fold reads its bitmap once (`sram_index_bits`) and decodes an
    entry for every k that it takes (`decodes`). A PE whose own weight is 0 at a k that others need stands still:
    neither its adder nor its accumulator switches (`ternary_gated` lanes), only its operand registers do. Executed
    operations are the nonzero weights' additions; with `ternary_gated` and `ternary_skipped` they make up all M·N·K.

    Weights of −1, 0 and +1 run in any coding, stored at `weight_bits`; other layers go to the fallback. Source: DESIGN
    section 4; ternary weights and zeros that take no part in computation: survey 003, section 4.2.3 on TWN.
    Assumptions: the next bit of the bitmap is reached within a cycle, however far it is; the search costs a decode.
    """

    kind: Literal["ternary"] = "ternary"
    counters: ClassVar[tuple[CounterSpec, ...]] = (
        statistic("ternary_gated", "lane cycles", "lanes whose own weight is 0 at a k that others of their fold need"),
        statistic("ternary_skipped", "lane cycles", "lanes of the k that no filter of a fold needs: they take no time"),
    )
    zero_skipping: bool = True

    @property
    def peak_macs(self) -> int:
        """An addition a PE a cycle."""
        return self.rows * self.cols

    def program(self, trace: GemmTrace) -> TernaryProgram:
        """Weights of −1, 0 and +1, or a shape of ternary or binary ones; UnsupportedLayerError otherwise."""
        if trace.weight_operand is None:
            if trace.weight_coding not in {"ternary", "binary"} and trace.weight_bits > 1:
                message = f"its weights are {trace.weight_coding} of {trace.weight_bits} bits"
                raise self.refuse(trace, f"{message}; ternary or binary ones are expected")
            return TernaryProgram(self, trace)
        weight = trace.weight_tile(0, trace.N, 0, trace.K)
        least, most = int(weight.min()), int(weight.max())
        if least < -1 or most > 1:
            raise self.refuse(trace, f"a weight is {least if least < -1 else most}; −1, 0 and +1 are expected")
        return TernaryProgram(self, trace)

    def select_gates(self, activation_bits: int) -> int:
        """An AND and an XOR a bit of the activation: 0 for a zero weight, the complement for a negative one."""
        return 2 * activation_bits

    def operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """The activation's gates, and an add into the accumulator, for every nonzero weight."""
        return (
            Operation("sign of an activation", "macs_executed", table.gates(self.select_gates(activation_bits))),
            Operation("add of an activation", "macs_executed", table.add(self.accumulator_bits)),
        )

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """An adder, the activation's gates, two operand registers and an accumulator register a PE.

        For skipping, what finds the next k, once.
        """
        unit = {
            "gate": self.select_gates(activation_bits),
            "full_adder": self.accumulator_bits,
            "register_bit": CODE_BITS + activation_bits + self.accumulator_bits,
        }
        pes = {name: float(self.rows * self.cols * count) for name, count in unit.items()}
        return pes | {"decoder": 1.0} if self.zero_skipping else pes


class TernaryProgram(CompressedProgram, OutputStationaryProgram):
    """One GEMM on TernaryArray: each fold takes the k that one of its filters needs.

    Without weight values all are nonzero, so that nothing is skipped.
    """

    array: TernaryArray
    unit_k = LINE_K

    @property
    def unit_n(self) -> int:
        """A fold of filters."""
        return min(self.array.cols, self.trace.N)

    def entry_counts(self) -> Int64s:
        """The weights of all k that their fold takes."""
        return self._pattern.weights

    @property
    def uniform_weights(self) -> bool:
        """Without skipping every weight travels."""
        return self.is_shape or not self.array.zero_skipping

    def fixed_index_bits(self, n: Int64s, k: Int64s) -> Int64s:
        """A bit a k for every fold of filters."""
        return -(-n // self.array.cols) * k * int(self.array.zero_skipping)

    @property
    def k_step(self) -> int:
        """Tiles bring whole lines of the bitmap, and without one as many k."""
        return LINE_K

    def steps(self, k: int) -> int:
        """K, where every k has a nonzero weight."""
        return k

    def streams(self, tile: Tile) -> Streams:
        """The occupied k of every fold, and the weights of all its filters there."""
        part = self._part(tile)
        return Streams(part.occupied, part.occupied, part.weights)

    def operation_counts(self, m: int, n: int, k: int) -> dict[str, int]:
        """Every weight is added."""
        return self._counts((m, n, k), FoldCounts(ceil_div(n, self.array.cols) * k, n * k, n * k))

    def tile_counts(self, tile: Tile) -> dict[str, int]:
        """Nonzero weights are added."""
        return self._counts(tile.shape, self._part(tile))

    def _counts(self, shape: tuple[int, int, int], part: FoldCounts) -> dict[str, int]:
        """Counts of m pixels whose folds of filters take `part`."""
        m, n, k = shape
        executed, lanes = m * part.nonzeros, m * part.weights
        counts = {
            "macs_executed": executed,
            "ternary_gated": lanes - executed,
            "ternary_skipped": m * n * k - lanes,
            "register_bits": lanes * (CODE_BITS + self.trace.activation_bits) + executed * self.array.accumulator_bits,
        }
        if not self.array.zero_skipping:
            return counts
        over_m = ceil_div(m, self.array.rows)
        return counts | {"sram_index_bits": over_m * self.index_bits(0, n, 0, k), "decodes": over_m * part.occupied}

    def _part(self, tile: Tile) -> FoldCounts:
        """What the folds of a tile's filters take."""
        _, n, k = tile.shape
        steps = ceil_div(n, self.array.cols) * k
        if self.is_shape:
            return FoldCounts(steps, n * k, n * k)
        part = self._pattern.part(tile.n0, tile.n1, tile.k0, tile.k1)
        return part if self.array.zero_skipping else part._replace(occupied=steps, weights=n * k)

    @cached_property
    def _pattern(self) -> FoldPattern:
        return FoldPattern(self.trace.weight_tile(0, self.trace.N, 0, self.trace.K), self.array.cols)

    def functional(self) -> NDArray[np.int64]:
        """Fold by fold of filters: the k of its bitmap, and the packed codes of its weights there."""
        from .kernels import add_subtract

        trace, cols = self.trace, self.array.cols
        out = np.empty((trace.M, trace.N), np.int64)
        for pixels, x in self.activation_slices():
            for n0 in range(0, trace.N, cols):
                weight = trace.weight_tile(n0, min(n0 + cols, trace.N), 0, trace.K)
                bitmap = weight.any(axis=0) if self.array.zero_skipping else np.ones(trace.K, bool)
                packed = np.ascontiguousarray(weight[:, bitmap])
                add_subtract(x, np.flatnonzero(bitmap), packed != 0, packed < 0, out[pixels, n0 : n0 + cols])
        return self.without_zero_point(out)
