"""scnn: PEs that multiply every nonzero activation of a planar tile with every nonzero weight of a filter group."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...technology.table import EnergyTable
from ...trace.conv import ConvGeometry
from ...trace.gemm import GemmTrace
from ..base import ArrayMemory, BufferPorts, Grain, PEArray, Port, Size, Tile, Work, buffer_ports, ceil_div
from ..common.compressed import CompressedProgram
from ..common.tile_sums import Int64s, in_units
from ..counters import Cause, CounterSpec, idle, statistic
from ..operation import Operation
from .plan import INDEX_BITS, Plan, halo_regions, plan_of
from .tile_time import SLOTS, StepTime, TileTimes

COUNT_BITS = 16  # entries of a stream
CHANNEL_CUTS = 32  # along K; more would only lengthen the search for a mapping
Flags = NDArray[np.uint8]
Integer = TypeVar("Integer", bound=np.integer)
Vector = Annotated[int, Field(ge=1, le=128)]  # so that a step's products fit the kernel's 16-bit counters


class ScnnArray(PEArray):
    """pe_rows × pe_cols PEs of I × F multipliers; the PT-IS-CP-sparse dataflow of SCNN (ISCA 2017), sections III-IV.

    The padded ifmap is cut into a planar tile a PE, the filters into groups of ⌊accumulators / outputs of a tile⌋. For
    every image, group and input channel a PE takes its nonzero activations, I at a time (rows outer), with the group's
    nonzero weights, F at a time (taps outer, filters innermost); with stride s each of the s² phases by itself. Such a
    step lasts as many cycles as the busiest accumulator bank has products, at least one. Products outside the output
    are dropped. The slowest PE sets the pace at every channel (`barrier: channel`) or group. After a group, PEs hand
    the psums beyond their tiles to their neighbours, the largest of the up to eight regions setting the time. Output
    (x, y) of filter k has bank (16·(k2 ⊕ x1 ⊕ y1) + 8·x0 + 4·y0 + k mod 4) mod banks, subscripts being bits.

    Weights travel and lie in the filter buffer as nonzeros with 4-bit counts of the zeros before them (section IV), a
    padding zero after each further 16 positions and a 16-bit count a stream (the width is this project's); padding
    zeros are dropped before vectors are formed. Activations travel dense, as touched elements; in the PEs they are
    compressed too, and their indices are priced like the weights'. Filling accumulators from and draining them to the
    ofmap buffer takes no cycles: they are double-buffered.
    """

    kind: Literal["scnn"] = "scnn"
    takes_raw_codes: ClassVar[bool] = False
    multiplies_floats: ClassVar[bool] = True
    scalable: ClassVar[tuple[str, ...]] = ("pe_rows", "pe_cols")
    counters: ClassVar[tuple[CounterSpec, ...]] = (
        idle("scnn_idle_fragment", Cause.EDGE, "multipliers without a product inside the output in a step"),
        idle("scnn_idle_conflict", Cause.CONFLICT, "multipliers that wait for the busiest accumulator bank"),
        idle("scnn_idle_barrier", Cause.IMBALANCE, "multipliers of PEs that wait for the slowest"),
        idle("scnn_idle_halo", Cause.CONFLICT, "multipliers while psums go to the neighbours"),
        statistic("scnn_mults", "products", "products inside the output"),
        statistic("scnn_outside", "products", "products outside the output, which are dropped"),
        statistic("scnn_halo_psums", "psums", "psums handed to neighbours"),
    )
    pe_rows: Size = 8
    pe_cols: Size = 8
    ifmap_vector: Vector = 4
    filter_vector: Vector = 4
    banks: Annotated[int, Field(ge=1, le=32)] = 32
    accumulators: Size = 1024
    barrier: Literal["channel", "group"] = "channel"

    @property
    def pes(self) -> int:
        """pe_rows · pe_cols."""
        return self.pe_rows * self.pe_cols

    @property
    def lanes(self) -> int:
        """Multipliers of a PE, I · F."""
        return self.ifmap_vector * self.filter_vector

    @property
    def peak_macs(self) -> int:
        """I · F a PE."""
        return self.pes * self.lanes

    @property
    def buffer_ports(self) -> BufferPorts:
        """A PE has its own activations and weights, and reads a vector of either with its indices.

        How outputs reach its share of the ofmap buffer in time is not modelled.
        """
        vectors = Port(self.pes, self.ifmap_vector, INDEX_BITS), Port(self.pes, self.filter_vector, INDEX_BITS)
        return buffer_ports(*vectors, Port(self.pes))

    def plan(self, conv: ConvGeometry) -> Plan:
        """How a convolution is cut."""
        grid, vectors = (self.pe_rows, self.pe_cols), (self.ifmap_vector, self.filter_vector)
        return plan_of(conv, grid, vectors, self.banks, self.accumulators)

    def program(self, trace: GemmTrace) -> ScnnProgram:
        """Convolutions in any coding whose planar tiles fit the accumulators; UnsupportedLayerError otherwise."""
        if trace.conv is None:
            raise self.refuse(trace, "it is no convolution and has no planar tiles")
        if self.plan(trace.conv).group == 0:
            out = f"{trace.conv.out_height}x{trace.conv.out_width}"
            raise self.refuse(trace, f"a PE's part of its {out} outputs exceeds {self.accumulators} accumulators")
        return ScnnProgram(self, trace)

    def operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """A multiplication a product; a product inside the output goes through the crossbar and is accumulated.

        A psum is read from its bank, added to and written back; one handed to a neighbour is read there as well.
        Outputs are read to leave for the ofmap buffer, psums that come back are written. Assumption: all multiplexers
        in front of a bank switch.
        """
        mac = table.mac(weight_bits, activation_bits, self.accumulator_bits)
        outside = table.multiply(weight_bits, activation_bits)
        (memory,) = self.memories(weight_bits, activation_bits)
        read, write = (
            memory.word_bits * table.sram_bit(law, memory.size_bytes, memory.word_bits)
            for law in ("read_pj", "write_pj")
        )
        crossbar = table.gates(self.crossbar_gates(weight_bits, activation_bits))
        return (
            Operation("multiply-accumulate", "scnn_mults", mac),
            Operation("product outside the output", "scnn_outside", outside),
            Operation("product through the crossbar", "scnn_mults", crossbar),
            Operation("accumulator read and written", "scnn_mults", read + write, component="sram"),
            Operation("psum handed to a neighbour", "scnn_halo_psums", 2 * read + write, component="sram"),
            Operation("output read from its accumulator", "sram_ofmap_writes", read, component="sram"),
            Operation("psum written to its accumulator", "sram_psum_reads", write, component="sram"),
        )

    def crossbar_gates(self, weight_bits: int, activation_bits: int) -> int:
        """2:1 multiplexers of one bit that bring one of a PE's products to one bank."""
        return (self.lanes - 1) * (weight_bits + activation_bits)

    def memories(self, weight_bits: int, activation_bits: int) -> tuple[ArrayMemory, ...]:
        """The accumulators: `banks` SRAMs a PE, which hold both of the double-buffered halves."""
        size = 2 * self.accumulators * self.accumulator_bits / 8 / self.banks
        return (ArrayMemory("accumulators", self.pes * self.banks, size, self.accumulator_bits),)

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """A PE: MACs, further adders where there are more banks, the crossbar's multiplexers, vectors in registers.

        A decoder for each entry of a vector. The accumulators are `memories`.
        """
        entries = self.ifmap_vector + self.filter_vector
        operands = self.ifmap_vector * activation_bits + self.filter_vector * weight_bits + entries * INDEX_BITS
        unit = {
            "mac": self.lanes,
            "full_adder": max(0, self.banks - self.lanes) * self.accumulator_bits,
            "gate": self.banks * self.crossbar_gates(weight_bits, activation_bits),
            "register_bit": operands,
            "decoder": entries,
        }
        return {name: float(self.pes * count) for name, count in unit.items()}


class ScnnProgram(CompressedProgram):
    """One group's convolution on Scnn; where columns were pruned, the kernel is whole again, with zeros there."""

    array: ScnnArray
    entry_index_bits = INDEX_BITS
    looks_up_codebook = True

    def __init__(self, array: ScnnArray, trace: GemmTrace) -> None:
        super().__init__(array, trace)
        assert trace.conv is not None
        self.conv = trace.conv
        self.plan = array.plan(trace.conv)
        self.image_outputs = self.conv.out_height * self.conv.out_width

    @property
    def unit_k(self) -> int:
        """A channel; columns that were pruned here and there are never cut."""
        return self.conv.taps if self.conv.columns is None else self.trace.K

    @property
    def uniform_weights(self) -> bool:
        """Where all weights of whole kernels are nonzero."""
        return self.is_shape and self.conv.columns is None

    def entry_counts(self) -> NDArray[np.int64]:
        """Nonzeros and padding zeros of every (filter, channel); padding stays where the whole layer's encoding has it.

        Of all channels together where columns were pruned.
        """
        from .datapath import place_entries

        plan = self.plan._replace(group=min(self.plan.group, self.trace.N))
        entries = place_entries(self._nonzero, plan, 2**INDEX_BITS)
        return entries if self.conv.columns is None else entries.sum(axis=1, keepdims=True)

    def fixed_index_bits(self, n: Int64s, k: Int64s) -> Int64s:
        """A count a stream of each group, channel and stride phase that has taps."""
        channels = k // self.conv.taps if self.conv.columns is None else self.conv.channels
        return in_units(n, self.plan.group) * channels * self._phases * COUNT_BITS

    @property
    def grain(self) -> Grain:
        """Whole images and channels. Filters by a divisor of the group, at most F; each tile forms groups anew."""
        group, most = self.plan.group, self.array.filter_vector
        divides = group < self.trace.N  # else the layer is one group
        filters = next(n for n in range(min(most, group), 0, -1) if group % n == 0 or not divides)
        pruned = self.conv.columns is not None
        k = self.trace.K if pruned else ceil_div(self.conv.channels, CHANNEL_CUTS) * self.conv.taps
        return Grain(self.image_outputs, filters, k, "K", frozenset({"N", "K"}))

    def work_key(self, tile: Tile) -> object:
        """Without activations all images are equal; without weights only the banks at which filters start matter."""
        valued = self.trace.activation_operand is not None
        images = (tile.m0, tile.m1) if valued else tile.m1 - tile.m0
        if not self.uniform_weights:
            return images, tile.n0, tile.n1, tile.k0, tile.k1
        k = (tile.k0, tile.k1) if valued else tile.shape[2]
        return images, k, tile.n0 % SLOTS, tile.shape[1], tile.k0 > 0

    def work(self, tile: Tile) -> Work:
        """The exact cycles of every PE and step, and where all multiplier slots went."""
        time, array = self._time(tile), self.array
        images, (_, n, _) = self._images(tile), tile.shape
        halo = max(self._halo, default=0) * n * images
        lost = {
            "fragment": time.steps * array.lanes - time.mults,
            "conflict": (time.work - time.steps) * array.lanes,
            "barrier": (time.cycles * array.pes - time.work) * array.lanes,
            "halo": halo * array.peak_macs,
        }
        idle = {f"scnn_idle_{reason}": count for reason, count in lost.items()}
        return Work(time.cycles + halo, self.count(**self._counts(tile, time), **idle))

    def _counts(self, tile: Tile, time: StepTime) -> dict[str, int]:
        (m, n, _), array = tile.shape, self.array
        weights, acts = time.steps * array.filter_vector, time.vectors * array.ifmap_vector  # vectors are read whole
        halo, psums = sum(self._halo) * n * array.pes * self._images(tile), tile.psums
        index_bits = (weights + acts) * INDEX_BITS
        operands = weights * self.stored_weight_bits + acts * self.trace.activation_bits + index_bits
        return {
            "macs_executed": time.mults,
            "sram_ifmap_reads": acts,
            "sram_filter_reads": weights,
            "sram_index_bits": index_bits,
            "sram_ofmap_writes": m * n,
            "sram_psum_reads": psums,
            "register_bits": operands,
            "decodes": weights + acts,
            "scnn_mults": time.mults,
            "scnn_outside": time.products - time.mults,
            "scnn_halo_psums": halo,
        }

    def functional(self) -> NDArray[np.int64]:
        """Nonzero activations times nonzero weights, scattered to the outputs that they belong to."""
        from .datapath import multiply

        trace, conv = self.trace, self.conv
        weight, ifmap = trace.weight_tile(0, trace.N, 0, trace.K), trace.ifmap
        assert ifmap is not None
        out = np.zeros((conv.batch, trace.N, conv.out_height, conv.out_width), np.int64)
        plan = self.plan._replace(group=min(self.plan.group, trace.N))
        multiply(np.ascontiguousarray(ifmap, np.int64), self._whole_kernel(weight.astype(np.int64)), plan, out)
        return out.transpose(0, 2, 3, 1).reshape(trace.M, trace.N)

    def _whole_kernel(self, weight: NDArray[Integer]) -> NDArray[Integer]:
        """(N, K) as (N, C, R, S), with zeros where columns were pruned."""
        full = np.zeros((len(weight), self.conv.channels * self.conv.taps), weight.dtype)
        full[:, self.conv.full_k(0, self.trace.K)] = weight
        return full.reshape(len(weight), self.conv.channels, *self.conv.kernel)

    def _images(self, tile: Tile) -> int:
        return (tile.m1 - tile.m0) // self.image_outputs

    @cached_property
    def _halo(self) -> list[int]:
        return halo_regions(self.conv, self.plan)

    @cached_property
    def _phases(self) -> int:
        """Stride phases that have taps."""
        count = 1
        for size, step, spread in zip(self.conv.kernel, self.conv.stride, self.conv.dilation, strict=True):
            count *= len({tap * spread % step for tap in range(size)})
        return count

    @cached_property
    def _nonzero(self) -> Flags:
        """(N, C, R, S): 1 where a weight is nonzero."""
        trace = self.trace
        shape = np.ones((trace.N, trace.K), np.uint8)
        return self._whole_kernel(shape if trace.weight is None else (trace.weight != 0).astype(np.uint8))

    @cached_property
    def _times(self) -> TileTimes:
        conv, ifmap = self.conv, self.trace.ifmap
        active = None if ifmap is None else (ifmap != 0).astype(np.uint8)
        return TileTimes(self.plan, self.array.barrier == "channel", active, self._nonzero, (conv.height, conv.width))

    def _time(self, tile: Tile) -> StepTime:
        images = tile.m0 // self.image_outputs, tile.m1 // self.image_outputs
        channels = (tile.k0 // self.unit_k, tile.k1 // self.unit_k)
        if self.conv.columns is not None:
            channels = 0, self.conv.channels
        of_tile = self._times.of_full_tile if self.uniform_weights else self._times.of_tile
        return of_tile(images, (tile.n0, tile.n1), channels)
