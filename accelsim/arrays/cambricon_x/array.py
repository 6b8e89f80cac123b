"""cambricon_x: PEs of parallel multipliers whose step-indexed weights select the activations that they need."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...technology.table import EnergyTable
from ...trace.gemm import GemmTrace
from ..base import BufferPorts, Grain, PEArray, Port, Size, Tile, Work, buffer_ports, ceil_div
from ..common.compressed import CompressedProgram
from ..counters import Cause, CounterSpec, idle
from ..operation import Operation

WINDOW = 256  # activations that the selection of one PE looks at
COUNT_BITS = 9  # of a (filter, window): its entries, 0 to 256
PIXELS = 16  # tiles hold a multiple of so many pixels, which keeps the choice of tiles small and costs no cycle


class CambriconXArray(PEArray):
    """`pes` PEs of `multipliers` multipliers and an adder tree; compressed weights, dense activations.

    Filter n belongs to PE n mod pes. For each output pixel a PE walks its filters window after window, 256 consecutive
    k each; its selection unit decodes the steps of up to `multipliers` entries a cycle and picks their activations out
    of the window, so that a (filter, window) of e entries takes max(1, ⌈e / multipliers⌉) cycles. A step is the number
    of zeros since the entry before or the window's start, in `index_bits`; each further 2^index_bits of distance is an
    entry of value zero. PEs do not wait for one another until the layer (or a tile of it) ends.

    Lost multiplier slots: `padding` entries; `fragment`, the rest of the last group of a window; `extent`, windows
    without an entry; `barrier`, PEs that are done with their filters; `imbalance`, PEs that got no filter. Source:
    Cambricon-X (Zhang et al., MICRO 2016): 16 PEs that work asynchronously, irregular and compressed synapses, an
    indexing module that selects neurons; the cycle rule is DESIGN section 4's.
    Assumptions: 4 bits a step that begins anew in each window, 9 bits that count the entries of a (filter, window), one
    ifmap read an entry, and selection by a tree of multiplexers that all switch.
    """

    kind: Literal["cambricon_x"] = "cambricon_x"
    multiplies_floats: ClassVar[bool] = True
    scalable: ClassVar[tuple[str, ...]] = ("pes", "multipliers")
    counters: ClassVar[tuple[CounterSpec, ...]] = (
        idle("cambricon_x_idle_padding", Cause.PADDING, "multipliers that hold a padding zero"),
        idle("cambricon_x_idle_fragment", Cause.EDGE, "multipliers without an entry in the last group of a window"),
        idle("cambricon_x_idle_extent", Cause.INDEX, "multipliers of a PE that looks at a window without an entry"),
        idle("cambricon_x_idle_barrier", Cause.IMBALANCE, "multipliers of PEs that are done with their filters"),
        idle("cambricon_x_idle_imbalance", Cause.IMBALANCE, "multipliers of PEs that got no filter"),
    )
    pes: Size = 16
    multipliers: Annotated[int, Field(ge=1, le=WINDOW)] = 16
    index_bits: Annotated[int, Field(ge=1, le=16)] = 4

    @property
    def peak_macs(self) -> int:
        """pes · multipliers."""
        return self.pes * self.multipliers

    @property
    def buffer_ports(self) -> BufferPorts:
        """Each PE holds its own filters and reads `multipliers` entries with their steps, and as many activations.

        It finishes an output a cycle at most.
        """
        entries = Port(self.pes, self.multipliers, self.index_bits)
        return buffer_ports(Port(self.pes, self.multipliers), entries, Port(self.pes, 1))

    @property
    def runs_every_layer(self) -> bool:
        """Any coding, and convolutions pixel by pixel."""
        return True

    def program(self, trace: GemmTrace) -> CambriconXProgram:
        """Any coding runs: the values are integers."""
        return CambriconXProgram(self, trace)

    def multiplexer_gates(self, activation_bits: int) -> int:
        """2:1 multiplexers of one bit that pick one multiplier's activation out of the window."""
        return (WINDOW - 1) * activation_bits

    def operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """A MAC and a selection an entry: a padding zero is selected and multiplied like a weight."""
        mac = table.mac(weight_bits, activation_bits, self.accumulator_bits)
        selection = table.gates(self.multiplexer_gates(activation_bits))
        done = ("multiply-accumulate", mac), ("activation selected", selection)
        entries = ("", "macs_executed"), (" of a padding zero", "cambricon_x_idle_padding")
        return tuple(Operation(name + what, count, cost) for what, count in entries for name, cost in done)

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """A MAC, a 256:1 multiplexer and a decoder of steps a multiplier.

        A PE's window, weights, steps and accumulator in registers.
        """
        lanes = self.multipliers * (weight_bits + activation_bits + self.index_bits)
        bits = WINDOW * activation_bits + lanes + COUNT_BITS + self.accumulator_bits
        gates = self.peak_macs * self.multiplexer_gates(activation_bits)
        lanes_of = {"mac": self.peak_macs, "register_bit": self.pes * bits, "gate": gates, "decoder": self.peak_macs}
        return {name: float(count) for name, count in lanes_of.items()}


class Pixel(NamedTuple):
    """One output pixel over some filters and windows: entries by kind, and cycles."""

    nonzeros: int
    entries: int  # nonzeros and padding
    groups: int  # cycles that hold an entry, over all PEs
    empty: int  # cycles of windows without one
    busiest: int  # cycles of the PE that takes longest


class CambriconXProgram(CompressedProgram):
    """One GEMM on CambriconXArray. Weights and steps travel and lie in the filter buffer compressed."""

    array: CambriconXArray
    unit_k = WINDOW
    unit_index_bits = COUNT_BITS

    @property
    def entry_index_bits(self) -> int:
        """A step."""
        return self.array.index_bits

    @property
    def grain(self) -> Grain:
        """Pixels by a few, filters by rounds of the PEs, k by windows. Cuts of N and K add barriers."""
        return Grain(PIXELS, self.array.pes, WINDOW, "K", frozenset({"N", "K"}))

    def work(self, tile: Tile) -> Work:
        """Equal pixels, one after another in every PE, and where all multiplier slots went."""
        array, pixels = self.array, tile.m1 - tile.m0
        one = self._pixel(tile.n0, tile.n1, tile.k0, tile.k1)
        filled = min(array.pes, tile.n1 - tile.n0)
        busy = one.groups + one.empty
        lost = {
            "padding": one.entries - one.nonzeros,
            "fragment": one.groups * array.multipliers - one.entries,
            "extent": one.empty * array.multipliers,
            "barrier": (filled * one.busiest - busy) * array.multipliers,
            "imbalance": (array.pes - filled) * one.busiest * array.multipliers,
        }
        idle = {f"cambricon_x_idle_{reason}": slots * pixels for reason, slots in lost.items()}
        return Work(one.busiest * pixels, self.count(**self._counts(tile, one), **idle))

    def _counts(self, tile: Tile, one: Pixel) -> dict[str, int]:
        (m, n, k), array = tile.shape, self.array
        entries, cycles, psums = one.entries * m, (one.groups + one.empty) * m, tile.psums
        index_bits = entries * array.index_bits + m * n * ceil_div(k, WINDOW) * COUNT_BITS
        operands = entries * (self.trace.weight_bits + self.trace.activation_bits)
        return {
            "macs_executed": one.nonzeros * m,
            "sram_ifmap_reads": entries,
            "sram_filter_reads": entries,
            "sram_index_bits": index_bits,
            "sram_ofmap_writes": m * n,
            "sram_psum_reads": psums,
            "register_bits": operands + index_bits + (cycles + psums) * array.accumulator_bits,
            "decodes": entries,
        }

    def functional(self) -> NDArray[np.int64]:
        """The walk over steps and values, `multipliers` entries at a time."""
        from .kernels import encode, walk

        trace = self.trace
        weight = np.ascontiguousarray(trace.weight_tile(0, trace.N, 0, trace.K), np.int64)
        counts = self._entries[1]
        steps, values = encode(weight, counts, self.array.index_bits)
        out = np.zeros((trace.M, trace.N), np.int64)
        for pixels, x in self.activation_slices():
            walk(counts, steps, values, self.array.multipliers, x, out[pixels])
        return self.without_zero_point(out)

    @cached_property
    def _entries(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(nonzeros, entries) of every (filter, window), each (N, windows)."""
        from .kernels import count

        weight = self.trace.weight_tile(0, self.trace.N, 0, self.trace.K)
        nonzeros, entries = count(np.ascontiguousarray(weight != 0), self.array.index_bits)
        return nonzeros, entries

    def entry_counts(self) -> NDArray[np.int64]:
        """Nonzeros and padding of every (filter, window)."""
        return self._entries[1]

    @cached_property
    def _pixels(self) -> dict[tuple[int, int, int, int], Pixel]:
        return {}

    def _pixel(self, n0: int, n1: int, k0: int, k1: int) -> Pixel:
        """One pixel over whole windows of filters n0..n1−1, counted once."""
        if self.is_shape:
            return self._pixel_of_shape(n1 - n0, k1 - k0)
        key = n0, n1, k0, k1
        if key not in self._pixels:
            part = slice(n0, n1), slice(k0 // WINDOW, ceil_div(k1, WINDOW))
            nonzeros, entries = (counts[part] for counts in self._entries)
            groups = -(-entries // self.array.multipliers)
            cycles = np.maximum(groups, 1).sum(axis=1)
            pes = min(self.array.pes, n1 - n0)
            rounds = np.pad(cycles, (0, -(n1 - n0) % pes)).reshape(-1, pes)
            totals = (nonzeros.sum(), entries.sum(), groups.sum(), (entries == 0).sum(), rounds.sum(axis=0).max())
            self._pixels[key] = Pixel(*(int(total) for total in totals))
        return self._pixels[key]

    def _pixel_of_shape(self, n: int, k: int) -> Pixel:
        """Full windows, and the one that K's end cuts short."""
        full, rest = divmod(k, WINDOW)
        groups = full * ceil_div(WINDOW, self.array.multipliers) + ceil_div(rest, self.array.multipliers)
        return Pixel(n * k, n * k, n * groups, 0, ceil_div(n, self.array.pes) * groups)
