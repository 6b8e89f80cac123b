"""Arrays that take a GEMM fold by fold, and what one of their programs does: SCALE-Sim's folds, or overlapped ones."""

from __future__ import annotations

from functools import cached_property
from math import lcm
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ...technology.table import EnergyTable
from ...trace.gemm import GemmTrace
from ..base import BufferPorts, Grain, PEArray, Port, Program, Size, Tile, Work, buffer_ports, ceil_div
from ..counters import Counts
from ..operation import Operation
from .fold_sequence import FoldSequence
from .nm_pattern import NM, check_pattern, compressed_length


class FoldedArray(PEArray):
    """R rows × C cols of MACs that take a GEMM fold by fold; N:M weights shorten K where a subclass says so."""

    scalable: ClassVar[tuple[str, ...]] = ("rows", "cols")
    rows: Size = 32
    cols: Size = 32
    dataflow: Literal["os", "ws", "is"] = "os"

    @property
    def peak_macs(self) -> int:
        """One MAC a PE a cycle."""
        return self.rows * self.cols

    @property
    def buffer_ports(self) -> BufferPorts:
        """R operands that stream along the rows, C that enter at the columns, and C outputs or psums."""
        rows, cols = Port(1, self.rows), Port(1, self.cols)
        return buffer_ports(cols, rows, cols) if self.dataflow == "is" else buffer_ports(rows, cols, cols)

    @property
    def runs_every_layer(self) -> bool:
        """Any coding at its bits; weights that break an N:M pattern are an error, and no matter for a fallback."""
        return True

    @property
    def sparsity(self) -> NM:
        """n of m weights that may be nonzero; 1:1 where they are dense."""
        return NM(1, 1)

    @property
    def clips_edges(self) -> bool:
        """Whether an edge fold fills and drains the occupied rows and columns only."""
        return False

    @property
    def hides_loads(self) -> bool:
        """Whether the stationary operand of a fold loads behind the fold before."""
        return False

    @property
    def overlaps_folds(self) -> bool:
        """Whether a fold starts while the one before drains or its operand loads."""
        return False

    @property
    def gated_counter(self) -> str:
        """The counter of MACs that stood still because an operand was zero; "" where none does."""
        return ""

    def operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """A MAC an executed multiply-accumulate and, with `nm`, the multiplexer that picks its activation."""
        mac = super().operations(table, weight_bits, activation_bits)
        gates = self.sparsity.multiplexer_gates(activation_bits)
        return (*mac, Operation("activation picked of a group", "macs_executed", table.gates(gates))) if gates else mac

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """A MAC, two operand registers and an accumulator register a PE.

        With `nm` also the m − 1 other activations of a group, the weight's index and an m:1 multiplexer, and a decoder
        for each column that weights enter at.
        """
        nm = self.sparsity
        registers = weight_bits + activation_bits + self.accumulator_bits
        if nm.index_bits:
            registers += (nm.m - 1) * activation_bits + nm.index_bits // nm.n
        unit = {"mac": 1, "register_bit": registers, "gate": nm.multiplexer_gates(activation_bits)}
        a_pe = {name: float(self.peak_macs * count) for name, count in unit.items()}
        return a_pe | {"decoder": float(self.cols if nm.index_bits else 0)}


class SystolicProgram(Program):
    """One GEMM in folds; `axes` names the dimensions that lie along Sr, Sc and T."""

    array: FoldedArray
    uniform_weights = True
    prices_cuts = True

    def __init__(self, array: FoldedArray, trace: GemmTrace) -> None:
        super().__init__(array, trace)
        self.nm = array.sparsity
        if self.nm.n < self.nm.m and trace.weight_operand is not None:
            check_pattern(trace.weight_tile(0, trace.N, 0, trace.K), self.nm, trace.name)

    @cached_property
    def axes(self) -> str:
        """Sr, Sc and T as letters of M, N, K."""
        return {"os": "MNK", "ws": "KNM", "is": "KMN"}[self.array.dataflow]

    @property
    def grain(self) -> Grain:
        """Multiples of R along Sr and C along Sc; along K, of whole N:M groups too."""
        step = dict(zip(self.axes, (self.array.rows, self.array.cols, 1), strict=True))
        k = lcm(step["K"], self.nm.n) // self.nm.n * self.nm.m
        spans = self.axes[:2] if self.array.overlaps_folds else ""
        return Grain(step["M"], step["N"], k, self.axes[2], frozenset(self.axes[2] + spans), frozenset(spans))

    @cached_property
    def sequence(self) -> FoldSequence:
        """The clocks of folds that overlap."""
        array = self.array
        return FoldSequence(array.rows, array.cols, loads=array.dataflow != "os", clipped=array.clips_edges)

    @property
    def cut_cycles(self) -> int:
        """Every fold is filled once more; weights that load behind the fold before cost nothing.

        Folds that overlap are filled once, and those shorter than R wait for one another.
        """
        sr, sc, _ = self._spans((self.trace.M, self.trace.N, self.trace.K))
        rows, cols = self.array.rows, self.array.cols
        folds = ceil_div(sr, rows) * ceil_div(sc, cols)
        if self.array.overlaps_folds:
            return self.sequence.cut_cycles(folds)
        load = 0 if self.array.dataflow == "os" or self.array.hides_loads else rows
        return folds * (load + rows + cols - 2)

    @property
    def fill_cycles(self) -> int:
        """Of folds that overlap each tile fills the array once; it is what a tile costs exactly where T ≥ R."""
        if not self.array.overlaps_folds:
            return 0
        return self.sequence.cut_cycles(1) if self.array.clips_edges else self.sequence.fill_cycles

    @property
    def joins_groups(self) -> bool:
        """Folds that overlap do so from group to group."""
        return self.array.overlaps_folds

    def untiled_counts(self) -> Counts:
        """With zero gating the MACs that have an operand 0: all less Σ_k nnz(X[:, k]) · nnz(W[:, k]) of raw codes."""
        if not self.array.gated_counter:
            return self.count()
        executed = self.trace.M * self.trace.N * compressed_length(self.trace.K, self.nm)
        return self.count(**{self.array.gated_counter: executed - self._ungated()})

    def _ungated(self) -> int:
        """MACs whose operands, as the array sees them, are both not 0."""
        if not self.trace.activation_zero_point:
            return self.effectual_macs()
        weight = self.trace.weight
        return sum(
            int(np.count_nonzero(x, axis=0) @ np.count_nonzero(weight, axis=0)) if weight is not None
            else int(np.count_nonzero(x)) * self.trace.N
            for _, x in self.activation_slices()
        )  # fmt: skip

    def work_key(self, tile: Tile) -> object:
        """Only sizes matter, what ran before, and whether psums come back."""
        return tile.shape, tile.before, tile.continues, tile.k0 > 0

    def work(self, tile: Tile) -> Work:
        """Cycles by the fold table, SRAM words as SCALE-Sim counts them plus the psums read back."""
        return Work(self._cycles(tile), self.count(**self._counts(tile)))

    def _spans(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """(Sr, Sc, T) of a tile, K compressed."""
        sizes = dict(zip("MNK", (*shape[:2], compressed_length(shape[2], self.nm)), strict=True))
        return sizes[self.axes[0]], sizes[self.axes[1]], sizes[self.axes[2]]

    def _edges(self, size: int, full: int) -> list[tuple[int, int]]:
        """Fold sizes along an axis as (occupied, how many)."""
        if not self.array.clips_edges:
            return [(full, ceil_div(size, full))]
        return [(full, size // full)] * (size >= full) + [(size % full, 1)] * (size % full > 0)

    def _cycles(self, tile: Tile) -> int:
        sr, sc, t = self._spans(tile.shape)
        if self.array.overlaps_folds:
            return self._overlapped((sr, sc, t), tile)
        folds = [
            (r, c, nr * nc) for r, nr in self._edges(sr, self.array.rows) for c, nc in self._edges(sc, self.array.cols)
        ]
        stream = sum(n * (t + r + c - 2) for r, c, n in folds)
        if self.array.dataflow == "os":
            return stream
        if self.array.hides_loads:
            return stream + self._exposed_load(folds[0][0], tile.before)
        return stream + sum(n * r for r, _, n in folds)

    def _overlapped(self, spans: tuple[int, int, int], tile: Tile) -> int:
        """A sequence of folds, or what they add to one; with `hides_loads` its first load hides behind the tile before.

        That is so because the shadow registers are free once the last fold before has begun.
        """
        if tile.before is not None and tile.continues:
            return self.sequence.cycles(spans, self._spans(tile.before))
        cycles = self.sequence.cycles(spans)
        if tile.before is None or not self.array.hides_loads or self.array.dataflow == "os":
            return cycles
        rows = self._edges(spans[0], self.array.rows)[0][0]
        return cycles - rows + self._exposed_load(rows, tile.before)

    def _exposed_load(self, rows: int, before: tuple[int, int, int] | None) -> int:
        """Load cycles of a tile's first fold that the fold before cannot hide; folds run Sc inside Sr.

        Within a tile every load hides: rows never grow from fold to fold, and a fold lasts at least its rows.
        """
        if before is None:
            return rows
        sr, sc, t = self._spans(before)
        last = [self._edges(size, full)[-1][0] for size, full in ((sr, self.array.rows), (sc, self.array.cols))]
        return max(0, rows - (t + last[0] + last[1] - 2))

    def _counts(self, tile: Tile) -> dict[str, int]:
        m, n, _ = tile.shape
        k = compressed_length(tile.shape[2], self.nm)
        fm, fn, fk = self._fold_counts(m, n, k)
        outputs, again = m * n * fk, m * n * (fk - (tile.k0 == 0))
        groups = ceil_div(tile.shape[2], self.nm.m) * n * fm
        return {
            "macs_executed": m * n * k,
            "sram_ifmap_reads": m * k * fn,
            "sram_filter_reads": n * k * fm,
            "sram_index_bits": groups * self.nm.index_bits,
            "sram_ofmap_writes": outputs,
            "sram_psum_reads": again,
            "register_bits": self._register_bits(m, n, k),
            "decodes": n * k * fm if self.nm.index_bits else 0,
        }

    def _fold_counts(self, m: int, n: int, k: int) -> tuple[int, int, int]:
        """How often filter, ifmap and outputs pass the SRAM port: folds along M, N and K where they repeat."""
        r, c = self.array.rows, self.array.cols
        if self.array.dataflow == "os":
            return ceil_div(m, r), ceil_div(n, c), 1
        return {"ws": (1, ceil_div(n, c), ceil_div(k, r)), "is": (ceil_div(m, c), 1, ceil_div(k, r))}[
            self.array.dataflow
        ]

    def _register_bits(self, m: int, n: int, k: int) -> int:
        """Bits latched: a hop of each moving value a MAC, and the shifting in of the stationary operand."""
        weight, activation, psum = self.trace.weight_bits, self.trace.activation_bits, self.array.accumulator_bits
        overlap = self.array.overlaps_folds  # a second register takes each output, or each stationary value, once more
        if self.array.dataflow == "os":
            return m * n * k * (weight + activation + psum) + m * n * psum * overlap
        moving, resting = (activation, weight) if self.array.dataflow == "ws" else (weight, activation)
        columns = n if self.array.dataflow == "ws" else m
        full, rest = divmod(k, self.array.rows)
        shifts = full * self.array.rows * (self.array.rows + 1) // 2 + rest * (rest + 1) // 2
        return m * n * k * (moving + psum) + columns * (shifts + k * overlap) * resting

    def spills_psums(self, k: int) -> bool:
        """os keeps psums in the PEs for a whole K; ws and is send them to the ofmap buffer fold by fold."""
        if self.array.dataflow == "os":
            return k < self.trace.K
        return compressed_length(self.trace.K, self.nm) > self.array.rows

    def weight_bits(self, n0: int, n1: int, k0: int, k1: int) -> int:
        """N:M weights travel compressed."""
        return (n1 - n0) * compressed_length(k1 - k0, self.nm) * self.trace.weight_bits

    def index_bits(self, n0: int, n1: int, k0: int, k1: int) -> int:
        """n·⌈log2 m⌉ bits an N:M group."""
        return (n1 - n0) * ceil_div(k1 - k0, self.nm.m) * self.nm.index_bits

    def effectual_macs(self) -> int:
        """As everywhere; a shape under `nm` counts its compressed K as nonzero."""
        if self.trace.weight_operand is None and self.nm.m > 1:
            return self.trace.M * self.trace.N * compressed_length(self.trace.K, self.nm)
        return self._effectual

    @cached_property
    def _effectual(self) -> int:
        return super().effectual_macs()

    def weights_nonzero(self) -> int:
        """As everywhere; a shape under `nm` counts its compressed K as nonzero."""
        if self.trace.weight_operand is None:
            return self.trace.N * compressed_length(self.trace.K, self.nm)
        return super().weights_nonzero()

    def functional(self) -> NDArray[np.int64]:
        """Fold by fold: each adds the product of its part to the psums, which the next fold along K takes up."""
        trace, grain = self.trace, self.grain
        out = np.zeros((trace.M, trace.N), np.int64)
        steps = [dict(zip("MNK", (grain.m, grain.n, grain.k), strict=True))[axis] for axis in "MNK"]
        t = "MNK".index(self.axes[2])
        steps[t] = (trace.M, trace.N, trace.K)[t]
        for m0 in range(0, trace.M, steps[0]):
            m1 = min(m0 + steps[0], trace.M)
            for k0 in range(0, trace.K, steps[2]):
                k1 = min(k0 + steps[2], trace.K)
                x = trace.raw_tile(m0, m1, k0, k1).astype(np.int64)
                for n0 in range(0, trace.N, steps[1]):
                    n1 = min(n0 + steps[1], trace.N)
                    out[m0:m1, n0:n1] += x @ trace.weight_tile(n0, n1, k0, k1).astype(np.int64).T
        return self.without_zero_point(out)
