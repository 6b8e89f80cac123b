"""How long scnn's PEs take on a tile: filter group by filter group, walked once and remembered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..base import ceil_div
from .plan import Plan

SLOTS = 8  # a bank is chosen by a filter's three low bits

Flags = NDArray[np.uint8]
Span = tuple[int, int]


class StepTime(NamedTuple):
    """Of a tile or group without its halo: busy cycles; of all PEs vector pairs, cycles, products, fetched vectors."""

    cycles: int
    steps: int
    work: int
    mults: int  # products inside the output
    products: int
    vectors: int  # of activations


def total(times: Iterable[StepTime], multiple: int) -> StepTime:
    """The sum of all, `multiple` times over."""
    return StepTime(*(multiple * sum(column) for column in zip(*times, strict=True)))


class TileTimes:
    """Times of the tiles of one convolution. `active` (B, C, H, W) and `nonzero` (N, C, R, S) are 1 where values are.

    Without `active` all activations are nonzero, and one image stands for all.
    """

    def __init__(self, plan: Plan, channel_barrier: bool, active: Flags | None, nonzero: Flags, plane: Span) -> None:
        self.plan, self.channel_barrier = plan, channel_barrier
        self.active, self.nonzero, self.plane = active, nonzero, plane
        self.known: dict[tuple[Span, Span, Span], StepTime] = {}

    def of_tile(self, images: Span, filters: Span, channels: Span) -> StepTime:
        """Times all groups of the row of tiles that begins with this one at once, and remembers them."""
        if (images, filters, channels) not in self.known:
            step, end = filters[1] - filters[0], len(self.nonzero)
            spans = [(n, min(n + step, end)) for n in range(filters[0], end, step)]
            every = [edge for span in spans for edge in self._edges(*span)[:-1]] + [end]
            active, multiple = self._active_planes(images, channels)
            nonzero = self.nonzero[:, channels[0] : channels[1]]
            times = dict(zip(every, self._run(active, nonzero, every), strict=False))
            for span in spans:
                groups = [times[edge] for edge in self._edges(*span)[:-1]]
                self.known[images, span, channels] = total(groups, multiple)
        return self.known[images, filters, channels]

    def of_full_tile(self, images: Span, filters: Span, channels: Span) -> StepTime:
        """The same where all weights are nonzero: groups of equal size that start at equal slots take equally long."""
        equal = 1 if self.active is not None else channels[1] - channels[0]  # one channel stands for all
        planes = channels[0], channels[0] + (channels[1] - channels[0]) // equal
        active, multiple = self._active_planes(images, planes)
        times = []
        for (first, size), count in self._groups(*filters).items():
            nonzero = np.ones((first + size, active.shape[1], *self.nonzero.shape[2:]), np.uint8)
            times.append(total(self._run(active, nonzero, [first, first + size]), count * multiple * equal))
        return total(times, 1)

    def _edges(self, n0: int, n1: int) -> list[int]:
        """Where the filter groups of a tile begin, and its end."""
        return [*range(n0, n1, self.plan.group), n1]

    def _groups(self, n0: int, n1: int) -> Counter[Span]:
        """How many filter groups start at which slot with how many filters."""
        full, rest = divmod(n1 - n0, self.plan.group)
        groups: Counter[Span] = Counter()
        for turn in range(min(SLOTS, full)):
            groups[(n0 + turn * self.plan.group) % SLOTS, self.plan.group] += ceil_div(full - turn, SLOTS)
        if rest:
            groups[(n1 - rest) % SLOTS, rest] += 1
        return groups

    def _active_planes(self, images: Span, channels: Span) -> tuple[Flags, int]:
        """Nonzero activations (images, C, H, W), and how often they come."""
        if self.active is None:
            return np.ones((1, channels[1] - channels[0], *self.plane), np.uint8), images[1] - images[0]
        return self.active[images[0] : images[1], channels[0] : channels[1]], 1

    def _run(self, active: Flags, nonzero: Flags, edges: list[int]) -> list[StepTime]:
        """What each filter group between the edges takes."""
        from .kernels import walk

        arrays = np.ascontiguousarray(active), np.ascontiguousarray(nonzero), np.array(edges, np.int64)
        sums = walk(*arrays, self.plan, self.channel_barrier)
        return [StepTime(*row) for row in sums.tolist()]
