"""eie: PEs that own interleaved rows of compressed weights and walk the columns of nonzero activations."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...technology.table import EnergyTable
from ...trace.gemm import GemmTrace
from ..base import BufferPorts, Grain, PEArray, Port, Size, Tile, Work, buffer_ports, ceil_div
from ..common.compressed import CompressedProgram
from ..common.slices import row_slices
from ..common.tile_sums import Int64s
from ..counters import Cause, CounterSpec, idle, statistic
from ..operation import Operation
from .csc import BLOCK, CscMatrix, TileColumns

POINTER_BITS = 16  # of a column pointer, and of the column that waits in a FIFO beside its activation
WORD_BITS = 64  # of a PE's matrix memory: so many bits of entries are read at a time
LATENCY = 2  # cycles from a broadcast to its service: into the FIFO, and out of it to the pointer memories
FIRST = 1 + LATENCY  # the cycle of a first service; activations are read in cycle 0
DRAIN = 5  # cycles behind the last address: matrix read, then four stages of arithmetic


class EieArray(PEArray):
    """`pes` PEs; PE p owns rows p, p + pes, ... in compressed sparse columns with relative indices of `index_bits`.

    The nonzero activations of one vector are broadcast, one a cycle, to the PEs' FIFOs. A FIFO is a ring of
    `fifo_depth` slots, one of which tells full from empty, so that fifo_depth − 1 activations wait in it; while any
    is full, nothing is broadcast. A PE reads the column's two pointers the cycle after it took the activation from its
    FIFO, then addresses one entry a cycle, padding zeros included, and at least one cycle a column; with the last
    address it takes the next activation. So a broadcast is served two cycles later at the earliest, and a slot is free
    again as its service begins. Matrix read and four stages of arithmetic follow. The M vectors (batch, or pixels
    of a convolution) run one after another. Source: EIE (Han et al., ISCA 2016), sections III and IV.
    """

    kind: Literal["eie"] = "eie"
    takes_raw_codes: ClassVar[bool] = False
    multiplies_floats: ClassVar[bool] = True
    scalable: ClassVar[tuple[str, ...]] = ("pes",)
    counters: ClassVar[tuple[CounterSpec, ...]] = (
        idle("eie_idle_padding", Cause.PADDING, "PEs that multiply a padding zero"),
        idle("eie_idle_pointer", Cause.INDEX, "PEs that look at a column without an entry"),
        idle("eie_idle_queue", Cause.IMBALANCE, "PEs whose FIFO is empty while others are busy"),
        idle("eie_idle_imbalance", Cause.IMBALANCE, "PEs that are done with their vector, or own no row"),
        idle("eie_idle_pipeline", Cause.EDGE, "fill before the first service and drain behind the last"),
        statistic("eie_entries", "entries", "entries stored, padding zeros included"),
        statistic("eie_padding", "entries", "padding zeros stored"),
        statistic("eie_work", "entries", "entries of active columns, padding zeros included"),
        statistic("eie_max_pe", "entries", "entries of the busiest PE, summed over vectors"),
        statistic("eie_matrix_words", "words", "64-bit words read from the PEs' matrix memories"),
        statistic("eie_pointer_reads", "pairs", "pairs of column pointers read"),
    )
    pes: Size = 64
    fifo_depth: Annotated[int, Field(ge=2, le=2**40)] = 8
    index_bits: Annotated[int, Field(ge=1, le=16)] = 4

    @property
    def peak_macs(self) -> int:
        """One entry a PE a cycle."""
        return self.pes

    @property
    def buffer_ports(self) -> BufferPorts:
        """Each PE holds its own weights and pointers, and its share of the activations.

        A matrix word has 64 bits. The scan for nonzero activations runs ahead, and no cycle rule says when.
        """
        return buffer_ports(Port(self.pes), Port(self.pes, word_bits=WORD_BITS), Port(self.pes))

    @property
    def runs_every_layer(self) -> bool:
        """Any coding, and convolutions pixel by pixel."""
        return True

    def program(self, trace: GemmTrace) -> EieProgram:
        """Any coding runs: the values are integers, looked up where the coding is a codebook."""
        return EieProgram(self, trace)

    def operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """A MAC an entry of an active column: a padding zero is multiplied like a weight."""
        mac = table.mac(weight_bits, activation_bits, self.accumulator_bits)
        return (Operation("multiply-accumulate of an entry", "eie_work", mac),)

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """A MAC and a decoder a PE; FIFO, both pointers, matrix word, row and accumulator in registers."""
        fifo = self.fifo_depth * (activation_bits + POINTER_BITS)
        bits = fifo + 3 * POINTER_BITS + WORD_BITS + self.accumulator_bits
        return {"mac": float(self.pes), "register_bit": float(self.pes * bits), "decoder": float(self.pes)}


class BroadcastTime(NamedTuple):
    """Of one tile, summed over its vectors; PE-cycles where nothing else is said. `pes` have rows of the tile."""

    pes: int
    cycles: int
    free: int  # the PEs' first free cycles
    last: int  # the last PE's first free cycle
    busiest: int  # the busiest PE's entries
    words: int  # matrix words read
    started: int  # vectors with a nonzero activation
    broadcasts: int
    weights: int  # real weights of active columns
    entries: int  # with their padding zeros
    empty: int  # columns without an entry in a PE


class EieProgram(CompressedProgram):
    """One GEMM on EieArray. Weights and indices travel and lie in the filter buffer as compressed sparse columns."""

    array: EieArray
    unit_k = BLOCK
    looks_up_codebook = True

    def __init__(self, array: EieArray, trace: GemmTrace) -> None:
        super().__init__(array, trace)
        self._last_columns: tuple[tuple[int, int, int, int], TileColumns] | None = None

    @property
    def unit_n(self) -> int:
        """A row of every PE."""
        return min(self.array.pes, self.trace.N)

    @property
    def entry_index_bits(self) -> int:
        """A distance."""
        return self.array.index_bits

    def entry_counts(self) -> Int64s:
        """Weights and padding zeros of every (row of every PE) × (BLOCK columns)."""
        return self._matrix.entries_of_blocks()

    def fixed_index_bits(self, n: Int64s, k: Int64s) -> Int64s:
        """K + 1 pointers a PE."""
        return np.minimum(self.array.pes, n) * (k + 1) * self._pointer_bits

    @property
    def grain(self) -> Grain:
        """Rows by rounds of the PEs; a cut of N or K broadcasts, fills and drains again."""
        return Grain(1, self.array.pes, BLOCK, "K", frozenset({"N", "K"}))

    def work_key(self, tile: Tile) -> object:
        """Without activations all vectors are equal; the stored entries are counted with the first.

        Without weights either, only sizes matter and whether psums come back.
        """
        if self._without_values:
            return tile.shape, tile.k0 > 0, tile.m0 == 0
        rows = (tile.m0, tile.m1) if self.trace.activation_operand is not None else (tile.m0 == 0, tile.m1 - tile.m0)
        return rows, tile.n0, tile.n1, tile.k0, tile.k1

    def work(self, tile: Tile) -> Work:
        """The exact cycles of every vector, and where all PE-cycles went."""
        time = self._time(tile)
        filled = time.pes * FIRST * time.started
        lost = {
            "padding": time.entries - time.weights,
            "pointer": time.empty,
            "queue": time.free - filled - time.entries - time.empty,
            "imbalance": time.pes * time.last - time.free + (self.array.pes - time.pes) * time.cycles,
            "pipeline": time.pes * (time.cycles - time.last) + filled,
        }
        idle = {f"eie_idle_{reason}": count for reason, count in lost.items()}
        return Work(time.cycles, self.count(**self._counts(tile, time), **idle))

    def _counts(self, tile: Tile, time: BroadcastTime) -> dict[str, int]:
        m, n, k = tile.shape
        read, pairs, psums = time.words * self._word_entries, time.broadcasts * time.pes, tile.psums
        once = tile.m0 == 0  # what is stored, not what is read
        stored = self.entries(tile.n0, tile.n1, tile.k0, tile.k1) if once else 0
        latched = pairs * (self.trace.activation_bits + 3 * POINTER_BITS) + time.words * WORD_BITS
        return {
            "macs_executed": time.weights,
            "sram_ifmap_reads": m * k,
            "sram_filter_reads": read,
            "sram_index_bits": read * self.array.index_bits + pairs * 2 * self._pointer_bits,
            "sram_ofmap_writes": m * n,
            "sram_psum_reads": psums,
            "register_bits": latched + (time.entries + psums) * self.array.accumulator_bits,
            "decodes": time.entries,
            "eie_entries": stored,
            "eie_padding": stored - self._weights(tile) if once else 0,
            "eie_work": time.entries,
            "eie_max_pe": time.busiest,
            "eie_matrix_words": time.words,
            "eie_pointer_reads": pairs,
        }

    def functional(self) -> NDArray[np.int64]:
        """PE by PE, the walk over the encoded columns of the nonzero activations."""
        from .kernels import walk

        trace, pes = self.trace, self._matrix.pes
        weight = trace.weight_tile(0, trace.N, 0, trace.K)
        matrices = [self._matrix.pe_matrix(p, weight) for p in range(pes)]
        out = np.zeros((trace.M, trace.N), np.int64)
        for pixels, x in self.activation_slices():
            for p, matrix in enumerate(matrices):
                walk(*matrix, x, out[pixels, p::pes])
        return out

    @property
    def _without_values(self) -> bool:
        return self.is_shape and self.trace.activation_operand is None

    @property
    def _word_entries(self) -> int:
        """Entries of a matrix word."""
        return max(1, WORD_BITS // (self.stored_weight_bits + self.array.index_bits))

    @cached_property
    def _pointer_bits(self) -> int:
        return max(POINTER_BITS, self._most_entries().bit_length())

    @cached_property
    def _matrix(self) -> CscMatrix:
        trace = self.trace
        shape = trace.weight_operand is None
        weight = np.ones((trace.N, trace.K), bool) if shape else trace.weight_tile(0, trace.N, 0, trace.K) != 0
        return CscMatrix(weight, self.unit_n, self.array.index_bits)

    def _most_entries(self) -> int:
        """Entries of the PE that stores the most."""
        return ceil_div(self.trace.N, self.array.pes) * self.trace.K if self.is_shape else self._matrix.most_entries()

    def _weights(self, tile: Tile) -> int:
        """Real weights of the tile."""
        _, n, k = tile.shape
        return n * k if self.is_shape else int(self._columns(tile).weights.sum())

    def _columns(self, tile: Tile) -> TileColumns:
        """The tile's columns; the last tile's are remembered for the next vectors."""
        key = tile.n0, tile.n1, tile.k0, tile.k1
        if self._last_columns is None or self._last_columns[0] != key:
            self._last_columns = key, self._matrix.tile_columns(*key, self._word_entries)
        return self._last_columns[1]

    def _time(self, tile: Tile) -> BroadcastTime:
        """What the tile's vectors take."""
        if self._without_values:
            return self._time_of_shape(tile)
        from .kernels import broadcast

        columns, m = self._columns(tile), tile.m1 - tile.m0
        sums, vectors = np.zeros(5, np.int64), np.zeros(tile.k1 - tile.k0, np.int64)
        for active in self._active(tile):
            broadcast(active, *columns[:3], self.array.fifo_depth - 1, LATENCY, sums)
            vectors += np.count_nonzero(active, axis=0)
        if self.trace.activation_operand is None:
            sums, vectors = sums * m, vectors * m
        free, last, busiest, words, started = (int(value) for value in sums)
        cycles = last + DRAIN * started + (m - started)
        broadcasts = int(vectors.sum())
        return BroadcastTime(
            columns.pes, cycles, free, last, busiest, words, started, broadcasts, **columns.of_active(vectors)
        )

    def _active(self, tile: Tile) -> Iterator[NDArray[np.bool_]]:
        """Where the vectors' activations are not zero, some vectors at a time; one stands for all without values."""
        k = tile.k1 - tile.k0
        if self.trace.activation_operand is None:
            yield np.ones((1, k), bool)
            return
        for m0, m1 in row_slices(tile.m1 - tile.m0, k):
            yield self.trace.activation_tile(tile.m0 + m0, tile.m0 + m1, tile.k0, tile.k1) != 0

    def _time_of_shape(self, tile: Tile) -> BroadcastTime:
        """The closed form where all weights and activations are nonzero.

        PE 0 has `most` rows and sets the pace; the others have as many, or one fewer and wait for it.
        """
        m, n, k = tile.shape
        pes, most = min(self.array.pes, n), ceil_div(n, self.array.pes)
        longest = n - (most - 1) * pes  # PEs with `most` rows
        ends = [self._end(k, rows, most) for rows in (most, most - 1)]
        words = [ceil_div(k * rows, self._word_entries) for rows in (most, most - 1)]
        free, read = (longest * both[0] + (pes - longest) * both[1] for both in (ends, words))
        one = BroadcastTime(pes, ends[0] + DRAIN, free, ends[0], k * most, read, 1, k, k * n, k * n, 0)
        return BroadcastTime(pes, *(count * m for count in one[1:]))

    def _end(self, k: int, rows: int, most: int) -> int:
        """The first free cycle of a PE with `rows` rows in each of k columns, where the slowest has `most`."""
        depth = self.array.fifo_depth - 1
        pace = max(most, 2) if depth == 1 else most
        sent = k if k <= depth else max(k, FIRST + (k - 1 - depth) * pace)
        return max(FIRST + (k - 1) * rows, sent + 2) + rows
