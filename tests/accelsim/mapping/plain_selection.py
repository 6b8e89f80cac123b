"""The plain reference of accelsim.mapping.selection: a heap in Python over figures in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.mapping.traffic import Bytes

from .plain_grid import EVERYTHING, Figure, TileGrid

FUZZ = 1e-9  # relative, of sums in another order
STEPS_NEAR = 0.1  # of the fewest cycles: what `least_steps` looks at
BOUND, FIRST, MEASURED = range(3)  # what is known of an ifmap size: no halo, the first tile's, all tiles'

Place = tuple[int, int, int, int]  # order, and place among the sizes along M, N and K
Allowed = NDArray[np.bool_] | None  # by sizes


class GoalRule(NamedTuple):
    """The least of `primary`; of what is within `slack` of it the least of `secondary`; within `near` any."""

    primary: Figure
    slack: float
    secondary: Figure
    near: float


class Selection:
    """Picks tilings of a grid.

    Halos make the ifmap's bytes dear to measure, so they are measured in the order of a lower bound (no halo) and only
    while the bound is no worse than the best tiling so far: what is left out cannot win or tie.
    """

    def __init__(self, grid: TileGrid, ifmap_room: float) -> None:
        self.grid, self.ifmap_room = grid, ifmap_room
        self.bounds: dict[Figure, Bytes] = {}
        self.first: dict[tuple[int, int], float] = {}
        self.measured: dict[tuple[int, int], float] = {}  # inf where the largest tile does not fit
        self.no_halo = np.array([grid.footprint.ifmap_at_least(k) for k in grid.options["K"]], float)[
            None, None, None, :
        ]

    def fits(self) -> bool:
        """Whether any tiling does."""
        return self.least("traffic") < inf

    def least(self, figure: Figure) -> float:
        """The least of a figure over all tilings."""
        return self._lowest(figure, 0.0, (), None)

    def ifmap_at(self, a: int, c: int) -> tuple[float, float]:
        """Bytes of one pass over the ifmap and of its first tile, at measured sizes."""
        return self.measured[a, c], self.first[a, c]

    def pick(self, rule: GoalRule, allowed: Allowed = None) -> Place | None:
        """The best by a rule, among the sizes allowed; then the fewest tiles, then the first loop order."""
        lowest = self._lowest(rule.primary, rule.slack, (), allowed)
        if lowest == inf:
            return None
        limits = ((rule.primary, lowest * (1 + rule.slack + FUZZ)),)
        second = self._lowest(rule.secondary, rule.near, limits, allowed)
        return self._fewest_tiles((*limits, (rule.secondary, second * (1 + rule.near + FUZZ))), allowed)

    def least_steps(self) -> Place:
        """The fewest cycles as equal steps, of the tilings measured so far that have nearly the fewest."""
        most = self.least("cycles") * (1 + STEPS_NEAR)
        best, place = inf, (0, 0, 0, 0)
        for (a, c), ifmap in self.measured.items():
            if ifmap == inf:
                continue
            cell = slice(None), a, slice(None), c
            cycles = self.grid.cycles(cell, ifmap, self.first[a, c])
            if cycles.min() > most:
                continue
            steps = np.where(cycles <= most, self.grid.steps(cell, ifmap, self.first[a, c]), inf)
            order, b = (int(i) for i in np.unravel_index(int(steps.argmin()), steps.shape))
            if steps[order, b] < best:
                best, place = float(steps[order, b]), (order, a, b, c)
        return place

    def _bound(self, goal: Figure) -> Bytes:
        if goal not in self.bounds:
            self.bounds[goal] = self.grid.figure(goal, EVERYTHING, self.no_halo, 0.0)
        return self.bounds[goal]

    def _lowest(self, goal: Figure, slack: float, limits: Sequence[tuple[Figure, float]], allowed: Allowed) -> float:
        """The least of a figure within limits of others; all that may be within `slack` of it is measured."""
        bound = self._bound(goal)
        for other, most in limits:
            bound = np.where(self._bound(other) <= most, bound, inf)
        if allowed is not None:
            bound = np.where(allowed[None], bound, inf)
        lowest = bound.min(axis=(0, 2))
        queue = [(float(lowest[a, c]), BOUND, int(a), int(c)) for a, c in np.argwhere(np.isfinite(lowest))]
        heapify(queue)
        best = inf
        while queue and queue[0][0] <= best * (1 + slack + FUZZ):
            value, known, a, c = heappop(queue)
            if known == MEASURED:
                best = min(best, value)
            elif self._measure(a, c, known + 1):
                heappush(queue, (self._value(goal, a, c, known + 1, limits, allowed), known + 1, a, c))
        return best

    def _measure(self, a: int, c: int, known: int) -> bool:
        """Measure the first ifmap tile of these sizes, or all; False where they do not fit."""
        m, k = self.grid.options["M"][a], self.grid.options["K"][c]
        if known == FIRST:
            if (a, c) not in self.first:
                self.first[a, c] = self.grid.footprint.first_ifmap(m, k)
            return self.first[a, c] <= self.ifmap_room
        if (a, c) not in self.measured:
            total, largest = self.grid.footprint.ifmap(m, k)
            self.measured[a, c] = total if largest <= self.ifmap_room else inf
        return self.measured[a, c] < inf

    def _value(
        self, goal: Figure, a: int, c: int, known: int, limits: Sequence[tuple[Figure, float]], allowed: Allowed
    ) -> float:
        """The least of a figure at an ifmap size, of which so much is known."""
        ifmap = self.measured[a, c] if known == MEASURED else float(self.no_halo[0, 0, 0, c])
        cell = slice(None), a, slice(None), c
        values = self.grid.figure(goal, cell, ifmap, self.first[a, c])
        return float(np.where(self._within(a, c, ifmap, limits, allowed), values, inf).min())

    def _within(
        self, a: int, c: int, ifmap: float, limits: Sequence[tuple[Figure, float]], allowed: Allowed
    ) -> NDArray[np.bool_]:
        cell = slice(None), a, slice(None), c
        inside = np.ones((len(self.grid.orders), self.grid.tiles.shape[1]), bool)
        if allowed is not None:
            inside &= allowed[a, :, c]
        for other, most in limits:
            inside &= self.grid.figure(other, cell, ifmap, self.first[a, c]) <= most
        return inside

    def _fewest_tiles(self, limits: Sequence[tuple[Figure, float]], allowed: Allowed) -> Place:
        """Of what lies within limits: the fewest cuts whose cost nobody knows, then the fewest tiles."""
        grid, best = self.grid, (inf, 0, 0, 0, 0)
        costly = np.ones_like(grid.tiles)
        if not grid.program.prices_cuts:
            for dimension in grid.program.grain.costly:
                costly = costly * grid.count[dimension]
        cost = (costly - 1) * 1e12 + grid.tiles
        for (a, c), ifmap in self.measured.items():
            if ifmap < inf:
                inside = self._within(a, c, ifmap, limits, allowed)
                of_cell = np.where(inside, cost[None, a, :, c], inf)
                order, b = (int(i) for i in np.unravel_index(int(of_cell.argmin()), of_cell.shape))
                if of_cell[order, b] < inf:
                    best = min(best, (float(of_cell[order, b]), order, a, b, c))
        return best[1:]
