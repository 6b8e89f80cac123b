"""scnn moved one clock at a time: vectors, multipliers and accumulator banks, from the design's words alone.

The padded ifmap is cut into a tile of ⌈X/rows⌉ × ⌈Y/columns⌉ a PE, the filters into groups. For an image, a group and a
channel every PE lists its nonzero activations (x outer, y inner) and the group's nonzero weights (r, then s, then
filter) by stride phase, and pairs I of the ones with F of the others. A pair is multiplied in one cycle; its products
wait in queues, one an accumulator bank, and each bank adds one a cycle; the next pair is multiplied once all queues are
empty, and a pair without products inside the output takes a cycle too. PEs wait for each other after every channel, or
after a group. Then the halo moves.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

import numpy as np

Product = tuple[tuple[int, int, int], int]  # (filter, x, y) and value
Step = list[Product | None]  # None: a product outside the output


@dataclass(frozen=True)
class Layer:
    """One group of a convolution: ifmap (B, C, H, W), weight (N, C, R, S)."""

    ifmap: np.ndarray
    weight: np.ndarray
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]

    @property
    def padded(self) -> tuple[int, int]:
        return tuple(s + 2 * p for s, p in zip(self.ifmap.shape[2:], self.padding, strict=True))

    @property
    def out(self) -> tuple[int, int]:
        sizes = zip(self.padded, self.weight.shape[2:], self.stride, self.dilation, strict=True)
        return tuple((size - d * (kernel - 1) - 1) // s + 1 for size, kernel, s, d in sizes)


@dataclass(frozen=True)
class Machine:
    grid: tuple[int, int]
    vectors: tuple[int, int]
    banks: int
    accumulators: int
    barrier: str


@dataclass
class Pe:
    """What is left to do, what waits at the banks, and the sums."""

    lanes: int
    steps: deque[Step] = field(default_factory=deque)
    queues: list[deque[Product]] = field(default_factory=list)
    sums: Counter[tuple[int, int, int]] = field(default_factory=Counter)

    @property
    def busy(self) -> bool:
        return bool(self.steps) or any(self.queues)

    def clock(self, tally: Counter[str]) -> None:
        """One cycle: multiply the next pair if all products are added, then let each bank add one."""
        if any(self.queues):
            tally["conflict"] += self.lanes
        elif self.steps:
            step = self.steps.popleft()
            inside = [p for p in step if p is not None]
            tally["mults"] += len(inside)
            tally["outside"] += len(step) - len(inside)
            tally["fragment"] += self.lanes - len(inside)
            tally["steps"] += 1
            for found in inside:
                self.queues[bank_of(*found[0], len(self.queues))].append(found)
        else:
            tally["barrier"] += self.lanes
        for queue in self.queues:
            if queue:
                place, value = queue.popleft()
                self.sums[place] += value


@dataclass
class Outcome:
    cycles: int
    output: np.ndarray  # (B, N, OH, OW)
    tally: Counter[str]


def bank_of(k: int, x: int, y: int, banks: int) -> int:
    parity = ((k & 4) << 2) ^ ((x & 2) << 3) ^ ((y & 2) << 3)
    return (parity + ((x & 1) << 3) + ((y & 1) << 2) + (k & 3)) % banks


def cuts(items: list, size: int) -> Iterator[list]:
    return (items[i : i + size] for i in range(0, len(items), size))


def tile_sizes(layer: Layer, machine: Machine) -> tuple[int, int]:
    return tuple(-(-size // pes) for size, pes in zip(layer.padded, machine.grid, strict=True))


def group_size(layer: Layer, machine: Machine) -> int:
    area = np.prod([-(-size // pes) for size, pes in zip(layer.out, machine.grid, strict=True)])
    return machine.accumulators // int(area)


def activations_of(layer: Layer, image: int, channel: int, pe: tuple[int, int], tile: tuple[int, int]) -> list:
    """(x, y, value) of the nonzeros of one tile of the padded plane."""
    plane = np.pad(layer.ifmap[image, channel], [(p, p) for p in layer.padding])
    xs, ys = (range(at * t, min((at + 1) * t, s)) for at, t, s in zip(pe, tile, layer.padded, strict=True))
    return [(x, y, int(plane[x, y])) for x in xs for y in ys if plane[x, y]]


def weights_of(layer: Layer, channel: int, filters: range) -> list:
    """(filter, r, s, value) of the nonzeros of a group, r and s in ifmap positions."""
    rows, columns = layer.weight.shape[2:]
    return [
        (k, r * layer.dilation[0], s * layer.dilation[1], int(layer.weight[k, channel, r, s]))
        for r, s, k in product(range(rows), range(columns), filters)
        if layer.weight[k, channel, r, s]
    ]


def multiply(layer: Layer, act: tuple, weight: tuple) -> Product | None:
    (x, y, a), (k, r, s, w) = act, weight
    place = (x - r) // layer.stride[0], (y - s) // layer.stride[1]
    inside = all(0 <= p < size for p, size in zip(place, layer.out, strict=True))
    return ((k, *place), a * w) if inside else None


def steps_of(layer: Layer, machine: Machine, acts: list, weights: list, tally: Counter[str]) -> Iterator[Step]:
    """Every I activations with every F weights of the same phase."""
    for phase in product(range(layer.stride[0]), range(layer.stride[1])):
        high = [a for a in acts if (a[0] % layer.stride[0], a[1] % layer.stride[1]) == phase]
        wide = [w for w in weights if (w[1] % layer.stride[0], w[2] % layer.stride[1]) == phase]
        for some in cuts(high, machine.vectors[0]) if wide else ():
            tally["vectors"] += 1
            for others in cuts(wide, machine.vectors[1]):
                yield [multiply(layer, a, w) for a in some for w in others]


def halo_of(layer: Layer, machine: Machine, tile: tuple[int, int]) -> list[int]:
    """Psums of a filter in each border region between a PE and its neighbours."""
    sides = []
    for axis in (0, 1):
        reach = layer.dilation[axis] * (layer.weight.shape[2 + axis] - 1)
        edges = [max(0, reach - layer.padding[axis]), layer.padding[axis]] if machine.grid[axis] > 1 else []
        sides.append([tile[axis], *edges])
    return [sides[0][i] * sides[1][j] for i in range(len(sides[0])) for j in range(len(sides[1])) if i or j]


def run(layer: Layer, machine: Machine) -> Outcome:
    """All images and groups, one after another."""
    (images, channels), filters = layer.ifmap.shape[:2], len(layer.weight)
    tile, size, tally, cycles = tile_sizes(layer, machine), group_size(layer, machine), Counter(), 0
    pes, lanes = list(np.ndindex(*machine.grid)), machine.vectors[0] * machine.vectors[1]
    halo = halo_of(layer, machine, tile)
    output = np.zeros((images, filters, *layer.out), np.int64)
    for image, group in product(range(images), cuts(list(range(filters)), size)):
        array = [Pe(lanes, queues=[deque() for _ in range(machine.banks)]) for _ in pes]
        for channel in range(channels):
            weights = weights_of(layer, channel, group)
            for pe, at in zip(array, pes, strict=True):
                acts = activations_of(layer, image, channel, at, tile)
                pe.steps.extend(steps_of(layer, machine, acts, weights, tally))
            while (machine.barrier == "channel" or channel == channels - 1) and any(pe.busy for pe in array):
                cycles += 1
                for pe in array:
                    pe.clock(tally)
        for _ in range(max(halo, default=0) * len(group)):
            cycles += 1
            tally["halo"] += lanes * len(pes)
        tally["halo_psums"] += sum(halo) * len(group) * len(pes)
        for pe in array:
            for (k, x, y), value in pe.sums.items():
                output[image, k, x, y] += value
    return Outcome(cycles, output, tally)


def stored_entries(layer: Layer, size: int) -> tuple[int, int]:
    """Entries with padding zeros, and streams: a group's weights of one channel and phase, 4-bit counts of zeros."""
    entries, streams = 0, 0
    rows, columns = layer.weight.shape[2:]
    for group, channel in product(cuts(list(range(len(layer.weight))), size), range(layer.weight.shape[1])):
        phases: dict[tuple[int, int], list[int]] = {}
        for r, s, k in product(range(rows), range(columns), group):
            phase = r * layer.dilation[0] % layer.stride[0], s * layer.dilation[1] % layer.stride[1]
            phases.setdefault(phase, []).append(int(layer.weight[k, channel, r, s]))
        streams += len(phases)
        for stream in phases.values():
            zeros = 0
            for value in np.trim_zeros(stream, "b"):
                zeros = 0 if value or zeros == 15 else zeros + 1
                entries += zeros == 0
    return entries, streams
