"""One convolution on scnn: what its tiles cost, what its weights take, and the outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from accelsim.arrays.base import Grain, Program, Tile, Work, ceil_div
from accelsim.arrays.common.tile_sums import Int64s, in_units, running_sums, sums_of_tiles
from accelsim.arrays.scnn.plan import INDEX_BITS, halo_regions
from accelsim.trace.gemm import GemmTrace

if TYPE_CHECKING:
    from accelsim.arrays.scnn.array import ScnnArray

COUNT_BITS = 16  # entries of a stream
SLOTS = 8  # a bank is chosen by a filter's three low bits
CHANNEL_CUTS = 32  # along K; more would only lengthen the search for a mapping

Flags = NDArray[np.uint8]
Integer = TypeVar("Integer", bound=np.integer)


class Walk(NamedTuple):
    """Of a tile or group without its halo: busy cycles; of all PEs vector pairs, cycles, products, fetched vectors."""

    cycles: int
    steps: int
    work: int
    mults: int  # products inside the output
    products: int
    vectors: int  # of activations


def total(walks: Iterable[Walk], times: int) -> Walk:
    """The sum of all, `times` over."""
    return Walk(*(times * sum(column) for column in zip(*walks, strict=True)))


class ScnnProgram(Program):
    """One group's convolution on Scnn; where columns were pruned, the kernel is whole again, with zeros there."""

    array: ScnnArray

    def __init__(self, array: ScnnArray, trace: GemmTrace) -> None:
        super().__init__(array, trace)
        assert trace.conv is not None
        self.conv = trace.conv
        self.plan = array.plan(trace.conv)
        self._walks: dict[tuple[tuple[int, int, int, int], int, int], Walk] = {}

    @property
    def grain(self) -> Grain:
        """Whole images and channels. Filters by a divisor of the group, at most F; each tile forms groups anew."""
        group, most, area = self.plan.group, self.array.filter_vector, self.conv.out_height * self.conv.out_width
        divides = group < self.trace.N  # else the layer is one group
        filters = next(n for n in range(min(most, group), 0, -1) if group % n == 0 or not divides)
        pruned = self.conv.columns is not None
        k = self.trace.K if pruned else ceil_div(self.conv.channels, CHANNEL_CUTS) * self.conv.taps
        return Grain(area, filters, k, "K", frozenset({"N", "K"}))

    def work_key(self, tile: Tile) -> object:
        """Without activations all images are alike."""
        images = (tile.m0, tile.m1) if self.trace.activation_operand is not None else tile.m1 - tile.m0
        return images, tile.n0, tile.n1, tile.k0, tile.k1

    def work(self, tile: Tile) -> Work:
        """The exact cycles of every PE and step, and where all multiplier slots went."""
        walk, array = self._walk(tile), self.array
        images, (_, n, _) = self._images(tile), tile.shape
        halo = max(self._halo, default=0) * n * images
        lost = {
            "fragment": walk.steps * array.lanes - walk.mults,
            "conflict": (walk.work - walk.steps) * array.lanes,
            "barrier": (walk.cycles * array.pes - walk.work) * array.lanes,
            "halo": halo * array.peak_macs,
        }
        idle = {f"scnn_idle_{reason}": count for reason, count in lost.items()}
        return Work(walk.cycles + halo, self.count(**self._counts(tile, walk), **idle))

    def _counts(self, tile: Tile, walk: Walk) -> dict[str, int]:
        (m, n, _), array = tile.shape, self.array
        weights, acts = walk.steps * array.filter_vector, walk.vectors * array.ifmap_vector  # vectors are read whole
        halo, psums = sum(self._halo) * n * array.pes * self._images(tile), tile.psums
        index_bits = (weights + acts) * INDEX_BITS
        operands = weights * self.stored_weight_bits + acts * self.trace.activation_bits + index_bits
        return {
            "macs_executed": walk.mults,
            "sram_ifmap_reads": acts,
            "sram_filter_reads": weights,
            "sram_index_bits": index_bits,
            "sram_ofmap_writes": m * n,
            "sram_psum_reads": psums,
            "register_bits": operands + (walk.mults + halo + psums) * array.accumulator_bits,
            "decodes": weights + acts,
            "scnn_mults": walk.mults,
            "scnn_outside": walk.products - walk.mults,
            "scnn_halo_psums": halo,
        }

    def weight_bits(self, n0: int, n1: int, k0: int, k1: int) -> int:
        """Entries, padding zeros included, at a weight's own width or at the codebook's."""
        return self._entries(n0, n1, *self._channels(k0, k1)) * self.stored_weight_bits

    def index_bits(self, n0: int, n1: int, k0: int, k1: int) -> int:
        """4 bits an entry, and a count a stream of each group, channel and stride phase that has taps."""
        c0, c1 = self._channels(k0, k1)
        streams = ceil_div(n1 - n0, self.plan.group) * (c1 - c0) * self._phases
        return self._entries(n0, n1, c0, c1) * INDEX_BITS + streams * COUNT_BITS

    def bits_of_tiles(self, n: Int64s, k: Int64s) -> tuple[Int64s, Int64s]:
        """From the running sums of entries."""
        channels = k // self.conv.taps if self.conv.columns is None else np.array([0, self.conv.channels])
        streams = np.multiply.outer(in_units(np.diff(n), self.plan.group), np.diff(channels)) * self._phases
        entries = sums_of_tiles(self._prefix, n, channels)
        return entries * self.stored_weight_bits, entries * INDEX_BITS + streams * COUNT_BITS

    @property
    def stored_weight_bits(self) -> int:
        """A weight at its own width, or at the codebook's."""
        return self.trace.number_format.stored_weight_bits

    def functional(self) -> NDArray[np.int64]:
        """Nonzero activations times nonzero weights, scattered to the outputs that they belong to."""
        from accelsim.arrays.scnn.datapath import multiply

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
        return (tile.m1 - tile.m0) // (self.conv.out_height * self.conv.out_width)

    def _channels(self, k0: int, k1: int) -> tuple[int, int]:
        """The channels of whole ones; columns that were pruned here and there are never cut."""
        if self.conv.columns is not None:
            return 0, self.conv.channels
        return k0 // self.conv.taps, k1 // self.conv.taps

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
        kept = np.ones((trace.N, trace.K), np.uint8) if trace.weight is None else (trace.weight != 0).astype(np.uint8)
        return self._whole_kernel(kept)

    @cached_property
    def _prefix(self) -> NDArray[np.int64]:
        """Entries of the filters and channels before every (filter, channel), (N + 1, C + 1)."""
        from accelsim.arrays.scnn.datapath import place_entries

        plan = self.plan._replace(group=min(self.plan.group, self.trace.N))
        entries = place_entries(self._nonzero, plan, 2**INDEX_BITS)
        return running_sums(entries)

    def _entries(self, n0: int, n1: int, c0: int, c1: int) -> int:
        """Stored entries; padding zeros stay where the whole layer's encoding has them."""
        prefix = self._prefix
        return int(prefix[n1, c1] - prefix[n0, c1] - prefix[n1, c0] + prefix[n0, c0])

    @cached_property
    def _active(self) -> Flags | None:
        ifmap = self.trace.ifmap
        return None if ifmap is None else (ifmap != 0).astype(np.uint8)

    def _walk(self, tile: Tile) -> Walk:
        """Walks all groups of the row of tiles that begins with this one at once, and keeps them."""
        place = tile.m0, tile.m1, tile.k0, tile.k1
        if (place, tile.n0, tile.n1) not in self._walks:
            step = tile.n1 - tile.n0
            spans = [(n, min(n + step, self.trace.N)) for n in range(tile.n0, self.trace.N, step)]
            every = [edge for span in spans for edge in self._edges(*span)[:-1]] + [self.trace.N]
            c0, c1 = self._channels(tile.k0, tile.k1)
            active, times = self._active_planes(tile, c0, c1)
            walks = dict(zip(every, self._run(active, self._nonzero[:, c0:c1], every), strict=False))
            for n0, n1 in spans:
                groups = [walks[edge] for edge in self._edges(n0, n1)[:-1]]
                self._walks[place, n0, n1] = total(groups, times)
        return self._walks[place, tile.n0, tile.n1]

    def _edges(self, n0: int, n1: int) -> list[int]:
        """Where the filter groups of a tile begin, and its end."""
        return [*range(n0, n1, self.plan.group), n1]

    def _active_planes(self, tile: Tile, c0: int, c1: int) -> tuple[Flags, int]:
        """Nonzero activations (images, C, H, W), and how often they come: without values one image stands for all."""
        if self._active is None:
            return np.ones((1, c1 - c0, self.conv.height, self.conv.width), np.uint8), self._images(tile)
        area = self.conv.out_height * self.conv.out_width
        return self._active[tile.m0 // area : tile.m1 // area, c0:c1], 1

    def _run(self, active: Flags, nonzero: Flags, edges: list[int]) -> list[Walk]:
        """What each filter group between the edges takes."""
        from accelsim.arrays.scnn.kernels import walk

        arrays = np.ascontiguousarray(active), np.ascontiguousarray(nonzero), np.array(edges, np.int64)
        sums = walk(*arrays, self.plan, self.array.barrier == "channel")
        return [Walk(*row) for row in sums.tolist()]


class ScnnShape(ScnnProgram):
    """The same without weight values: all are nonzero, and filter groups that start at alike banks cost the same."""

    uniform_weights = True

    def work_key(self, tile: Tile) -> object:
        """Where filters start matters for their banks alone."""
        sizes = tile.n0 % SLOTS, tile.n1 - tile.n0, tile.k1 - tile.k0, tile.k0 > 0
        if self.trace.activation_operand is None:
            return tile.m1 - tile.m0, *sizes
        return tile.m0, tile.m1, tile.k0, tile.k1, *sizes

    def _entries(self, n0: int, n1: int, c0: int, c1: int) -> int:
        return (n1 - n0) * (c1 - c0) * self.conv.taps

    def _walk(self, tile: Tile) -> Walk:
        c0, c1 = self._channels(tile.k0, tile.k1)
        alike = 1 if self._active is not None else c1 - c0  # one channel stands for all
        active, times = self._active_planes(tile, c0, c0 + (c1 - c0) // alike)
        walks = []
        for (first, filters), count in self._groups(tile.n0, tile.n1).items():
            nonzero = np.ones((first + filters, active.shape[1], *self.conv.kernel), np.uint8)
            walks.append(total(self._run(active, nonzero, [first, first + filters]), count * times * alike))
        return total(walks, 1)

    def _groups(self, n0: int, n1: int) -> Counter[tuple[int, int]]:
        """How many filter groups start at which slot with how many filters."""
        full, rest = divmod(n1 - n0, self.plan.group)
        groups: Counter[tuple[int, int]] = Counter()
        for turn in range(min(SLOTS, full)):
            groups[(n0 + turn * self.plan.group) % SLOTS, self.plan.group] += ceil_div(full - turn, SLOTS)
        if rest:
            groups[(n1 - rest) % SLOTS, rest] += 1
        return groups
