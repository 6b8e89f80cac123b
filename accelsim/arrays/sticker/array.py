"""sticker: one PE array that runs each layer in the mode that the sparsity of its weights and activations selects."""

from __future__ import annotations

from itertools import product
from typing import Annotated, ClassVar, Literal, NamedTuple, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ...config import Config
from ...errors import ConfigError
from ...trace.gemm import GemmTrace
from ...trace.operand import Ints
from ..base import BufferPorts, Grain, PEArray, Port, Size, Tile, Work, buffer_ports, ceil_div
from ..common.compressed import CompressedProgram
from ..common.slices import row_slices
from ..common.tile_sums import Int64s
from ..counters import Cause, CounterSpec, idle, statistic
from .operand import PLACE_BITS, WORD, Density, Operand

Share = Annotated[float, Field(ge=0, le=1)]


class Thresholds(Config):
    """Density up to `sparse` is sparse, above `dense` is dense, between them medium. The defaults are assumptions."""

    sparse: Share = 0.35
    dense: Share = 0.75

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.sparse > self.dense:
            message = f"array.thresholds.sparse is {self.sparse}; at most array.thresholds.dense is expected"
            raise ConfigError(f"{message}, which is {self.dense}")
        return self

    def classify(self, density: float) -> Density:
        """sparse, medium or dense."""
        if density <= self.sparse:
            return "sparse"
        return "dense" if density > self.dense else "medium"


MODES = tuple(f"{w}_{a}" for w, a in product(get_args(Density), repeat=2))  # of weights, of activations
MODE_COUNTERS = tuple(statistic(f"sticker_cycles_{mode}", "cycles", f"cycles in mode {mode}") for mode in MODES)


class StickerArray(PEArray):
    """pe_rows × pe_cols PEs; `thresholds` class weights and activations of a layer, and the two classes are its mode.

    A pass gives every PE one output: pixel m0 + i and filter n0 + j to PE (i, j), and it ends with its slowest PE, no
    earlier than after a cycle. Cycles of a PE in a pass, with |·| nonzeros, by mode:

    | weights          | activations      | cycles of a PE | source                                           |
    |------------------|------------------|----------------|--------------------------------------------------|
    | dense or medium  | dense or medium  | K              | VLSI 2018: PEs do dense operations; assumption:  |
    |                  |                  |                | one a cycle, and medium is dense with gated zeros|
    | sparse           | dense or medium  | |W_n|          | VLSI 2018: PEs do sparse operations; assumption: |
    |                  |                  |                | one nonzero weight a cycle                       |
    | dense or medium  | sparse           | |X_m|          | VLSI 2018, as above; assumption: one nonzero     |
    |                  |                  |                | activation a cycle                               |
    | sparse           | sparse           | |X_m ∩ W_n|    | VLSI 2018, as above; assumption: one pair of     |
    |                  |                  |                | nonzeros a cycle, without any delay              |

    VLSI 2018 is Yuan et al., STICKER, Symposium on VLSI Circuits 2018, whose abstract names an autonomous sparsity
    detector that switches the modes, a memory with a mode for each sparsity, and set-associative PEs for dense and
    sparse operations. Assumptions besides: the thresholds; the barrier of a pass; no conflict in the PEs' sets; sparse
    operands are stored as nonzeros with 6-bit places and a 7-bit count for every 64 k, medium ones as nonzeros and a
    bitmap; weights travel as they are stored, activations travel from DRAM uncompressed and are classed on the chip.
    A zero of a medium operand takes its cycle, but is neither read nor multiplied. Lost MAC slots: `gated`, such
    zeros; `imbalance`, PEs that wait for the slowest of their pass; `edge`, PEs without a pixel or a filter.
    """

    kind: Literal["sticker"] = "sticker"
    takes_raw_codes: ClassVar[bool] = False
    multiplies_floats: ClassVar[bool] = True
    scalable: ClassVar[tuple[str, ...]] = ("pe_rows", "pe_cols")
    counters: ClassVar[tuple[CounterSpec, ...]] = (
        idle("sticker_idle_gated", Cause.ZEROS, "PEs that hold a pair with a zero of a medium operand"),
        idle("sticker_idle_imbalance", Cause.IMBALANCE, "PEs that wait for the slowest of their pass"),
        idle("sticker_idle_edge", Cause.EDGE, "PEs without a pixel or a filter"),
        *MODE_COUNTERS,
    )
    pe_rows: Size = 16
    pe_cols: Size = 16
    thresholds: Thresholds = Thresholds()

    @property
    def peak_macs(self) -> int:
        """One MAC a PE a cycle."""
        return self.pe_rows * self.pe_cols

    @property
    def buffer_ports(self) -> BufferPorts:
        """A pixel a row and a filter a column; how sparse operands reach their PEs in time is not modelled."""
        pixels, filters = Port(1, self.pe_rows, limited=False), Port(1, self.pe_cols, limited=False)
        return buffer_ports(pixels, filters, Port(1, self.pe_cols, limited=False))

    @property
    def runs_every_layer(self) -> bool:
        """Any coding, in one of its modes."""
        return True

    def program(self, trace: GemmTrace) -> StickerProgram:
        """Any coding runs: the values are integers. An operand without values is dense."""
        return StickerProgram(self, trace)

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """A MAC, two operands with their places and decoders, and an accumulator in registers a PE."""
        registers = weight_bits + activation_bits + 2 * PLACE_BITS + self.accumulator_bits
        unit = {"mac": 1, "register_bit": registers, "decoder": 2}
        return {name: float(self.peak_macs * count) for name, count in unit.items()}


class FilterOperand(Operand):
    """Filters of a trace."""

    def __init__(self, array: StickerArray, trace: GemmTrace) -> None:
        self.trace, whole = trace, trace.weight
        share = 1.0 if whole is None else np.count_nonzero(whole) / whole.size
        super().__init__("dense" if whole is None else array.thresholds.classify(share), trace.N, trace.K)

    def rows(self, r0: int, r1: int) -> Ints:
        """Filters r0..r1−1."""
        return self.trace.weight_tile(r0, r1, 0, self.k)


class PixelOperand(Operand):
    """Pixels of a trace; the class is that of its ifmap, before any padding."""

    def __init__(self, array: StickerArray, trace: GemmTrace) -> None:
        self.trace, operand = trace, trace.activation_operand
        values = None if operand is None else operand.whole()
        share = 1.0 if values is None else np.count_nonzero(values) / values.size
        super().__init__("dense" if values is None else array.thresholds.classify(share), trace.M, trace.K)

    def rows(self, r0: int, r1: int) -> Ints:
        """Pixels r0..r1−1."""
        return self.trace.activation_tile(r0, r1, 0, self.k)


class PassTime(NamedTuple):
    """Of one tile's passes: cycles, slots of PEs that hold an output, and slots in which these take an operand pair."""

    cycles: int
    occupied: int
    taken: int


class StickerProgram(CompressedProgram):
    """One GEMM on StickerArray in the mode that its operands select."""

    array: StickerArray
    unit_k = WORD

    def __init__(self, array: StickerArray, trace: GemmTrace) -> None:
        super().__init__(array, trace)
        self.weights, self.activations = FilterOperand(array, trace), PixelOperand(array, trace)
        self.mode = f"{self.weights.density}_{self.activations.density}"

    @property
    def grain(self) -> Grain:
        """Whole passes, and whole words of k. A cut of K ends every pass earlier."""
        return Grain(self.array.pe_rows, self.array.pe_cols, WORD, "K", frozenset({"K"}))

    def work_key(self, tile: Tile) -> object:
        """Of a dense operand only the size matters."""
        rows = tile.shape[0] if self.activations.density == "dense" else (tile.m0, tile.m1)
        filters = tile.shape[1] if self.weights.density == "dense" else (tile.n0, tile.n1)
        return rows, filters, tile.k0, tile.k1

    def work(self, tile: Tile) -> Work:
        """The passes' cycles by the mode's rule, and where all MAC slots went."""
        passes, executed = self._passes(tile), self._executed(tile)
        lost = {
            "gated": passes.taken - executed,
            "imbalance": passes.occupied - passes.taken,
            "edge": self.array.peak_macs * passes.cycles - passes.occupied,
        }
        idle = {f"sticker_idle_{reason}": slots for reason, slots in lost.items()}
        counts = self._counts(tile, executed) | idle | {f"sticker_cycles_{self.mode}": passes.cycles}
        return Work(passes.cycles, self.count(**counts))

    def _passes(self, tile: Tile) -> PassTime:
        (m, n, k), array = tile.shape, self.array
        pixels, filters = (tile.m0, tile.m1, tile.k0, tile.k1), (tile.n0, tile.n1, tile.k0, tile.k1)
        skips = self.weights.density == "sparse", self.activations.density == "sparse"
        if all(skips):
            return self._matched(pixels, filters)
        if skips[0]:
            cycles, occupied = _slowest(self.weights.row_nonzeros(*filters), array.pe_cols)
            return PassTime(ceil_div(m, array.pe_rows) * cycles, m * occupied, m * self.weights.nonzeros(*filters))
        if skips[1]:
            cycles, occupied = _slowest(self.activations.row_nonzeros(*pixels), array.pe_rows)
            return PassTime(ceil_div(n, array.pe_cols) * cycles, n * occupied, n * self.activations.nonzeros(*pixels))
        return PassTime(ceil_div(m, array.pe_rows) * ceil_div(n, array.pe_cols) * k, m * n * k, m * n * k)

    def _matched(self, pixels: tuple[int, int, int, int], filters: tuple[int, int, int, int]) -> PassTime:
        """Both operands sparse: pair by pair."""
        from .kernels import matches

        m, n = pixels[1] - pixels[0], filters[1] - filters[0]
        rows, cols = min(self.array.pe_rows, m), min(self.array.pe_cols, n)
        most, taken = matches(self.activations.part(*pixels), self.weights.part(*filters), rows, cols)
        cycles = np.maximum(most, 1)
        return PassTime(int(cycles.sum()), int(_sizes(m, rows) @ cycles @ _sizes(n, cols)), int(taken))

    def _executed(self, tile: Tile) -> int:
        """Multiplications that no zero of a sparse or medium operand stopped."""
        (m, n, _), w, x = tile.shape, self.weights, self.activations
        pixels, filters = (tile.m0, tile.m1, tile.k0, tile.k1), (tile.n0, tile.n1, tile.k0, tile.k1)
        if x.density == "dense":
            return m * w.nonzeros(*filters)
        if w.density == "dense":
            return n * x.nonzeros(*pixels)
        return int(x.column_nonzeros(*pixels) @ w.column_nonzeros(*filters))

    def _counts(self, tile: Tile, executed: int) -> dict[str, int]:
        """A pass reads each of its pixels and filters once, as they are stored."""
        (m, n, _), trace, w, x = tile.shape, self.trace, self.weights, self.activations
        pixels, filters = (tile.m0, tile.m1, tile.k0, tile.k1), (tile.n0, tile.n1, tile.k0, tile.k1)
        over_m, over_n = ceil_div(m, self.array.pe_rows), ceil_div(n, self.array.pe_cols)
        reads = x.nonzeros(*pixels) * over_n, w.nonzeros(*filters) * over_m
        index_bits = x.index_bits(*pixels) * over_n + w.index_bits(*filters) * over_m
        psums = tile.psums
        operands = executed * (trace.weight_bits + trace.activation_bits + self.array.accumulator_bits)
        return {
            "macs_executed": executed,
            "sram_ifmap_reads": reads[0],
            "sram_filter_reads": reads[1],
            "sram_index_bits": index_bits,
            "sram_ofmap_writes": m * n,
            "sram_psum_reads": psums,
            "register_bits": operands + psums * self.array.accumulator_bits,
            "decodes": reads[0] * (x.density == "sparse") + reads[1] * (w.density == "sparse"),
        }

    @property
    def uniform_weights(self) -> bool:
        """Of dense weights all are stored."""
        return self.weights.density == "dense"

    def entry_counts(self) -> Int64s:
        """Nonzeros of every (filter, word)."""
        return self.weights.word_nonzeros()

    @property
    def entry_index_bits(self) -> int:
        """A place of a sparse weight."""
        return self.weights.entry_index_bits

    def fixed_index_bits(self, n: Int64s, k: Int64s) -> Int64s:
        """Counts beside sparse weights, a bitmap beside medium ones."""
        return self.weights.fixed_index_bits(n, k)

    def functional(self) -> NDArray[np.int64]:
        """Pair by pair: where the masks of a stored pixel and a stored filter meet, their values are multiplied."""
        from .kernels import multiply

        trace, filters = self.trace, self.weights.stored(0, self.trace.N)
        out = np.zeros((trace.M, trace.N), np.int64)
        for m0, m1 in row_slices(trace.M, trace.K):
            multiply(*self.activations.stored(m0, m1), *filters, out[m0:m1])
        return out


def _sizes(count: int, step: int) -> NDArray[np.int64]:
    """Members of each run of `step`."""
    return np.diff(np.minimum(np.arange(0, count + step, step), count))


def _slowest(counts: NDArray[np.int64], step: int) -> tuple[int, int]:
    """(cycles, slots occupied) of runs of `step` PEs that take `counts` cycles each; a run takes one at least."""
    step = min(step, len(counts))
    cycles = np.maximum(np.maximum.reduceat(counts, np.arange(0, len(counts), step)), 1)
    return int(cycles.sum()), int(cycles @ _sizes(len(counts), step))
