"""Tile sizes and loop order: the ones that are best by the machine's goal, over every tiling and order that fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import permutations
from math import ceil, inf, lcm, log2

import numpy as np
from numpy.typing import NDArray

from ..arrays.base import Program, ceil_div
from ..errors import MappingError
from ..hardware.parts import Buffers
from ..trace.operand_names import BUFFERS
from .candidates import TILE_LIMIT, USUAL_TILES, candidates, temporal_candidates
from .footprint import Footprint, footprint_of
from .goals import MappingProblem
from .selection import Allowed, GoalRule, Place, Selection
from .tables import Numbers, TileSizes
from .tiling import Tiling

ORDERS = tuple("".join(p) for p in permutations("NMK"))
PIPELINE_TILES = 8  # so many tiles of an operator let loading, computing and write-back overlap
NEAR = 0.005  # of the least cycles or energy: mappings within it count as equal
RULES = {
    "cycles": GoalRule("cycles", NEAR, "traffic", 0.0),
    "traffic": GoalRule("traffic", 0.0, "cycles", NEAR),
    "energy": GoalRule("energy", NEAR, "traffic", 0.0),
}
HALVINGS = 4  # of the buffers, for the shortlists
SLOWEST, FASTEST = 2**-4, 2**12  # bytes a cycle of the slower DRAMs that the shortlists are made for
COMPROMISE = GoalRule("serial_cycles", 0.0, "cycles", NEAR)  # every byte and every cut counts, whichever is longer


@dataclass(frozen=True)
class Candidate:
    """A tiling, the cycles that its schedule takes at least, and the pJ of what a mapping decides.

    `ends` are the cycles of its first load and last write-back.
    """

    tiling: Tiling
    least_cycles: float
    ends: float
    energy: float


def choose(program: Program, problem: MappingProblem) -> Tiling:
    """The best mapping by `problem.mapping.goal` whose tiles fit.

    What the mapping gives is taken as it is: a size larger than the layer is the layer's, any other must lie on the
    grain. Ties go to the fewest tiles, then to the loop order in ORDERS. T stays whole where anything fits so, if the
    goal is cycles and the cost of a cut depends on values. Raises MappingError, which says what would fit.

    >>> import accelsim
    >>> array = accelsim.load_hardware("dense/os-16x16").array
    >>> choose(array.program(accelsim.GemmTrace("fc", M=32, N=64, K=100)), MappingProblem()).dram_bytes
    11648
    """
    return MappingSearch(program, problem).best().tiling


def fits(program: Program, tiling: Tiling, problem: MappingProblem) -> bool:
    """Whether the largest tiles of a tiling fit the buffers."""
    if problem.buffers is None:
        return True
    need = Footprint(program).need(tiling.m, tiling.n, tiling.k)
    return all(need[part] <= problem.room(part) for part in BUFFERS)


class MappingSearch:
    """All candidate tilings of one GEMM on one machine. Raises MappingError where none fits."""

    def __init__(self, program: Program, problem: MappingProblem, footprint: Footprint | None = None) -> None:
        self.program, self.problem, given = program, problem, problem.mapping
        self.orders = (given.order,) if given.order else ORDERS
        self.footprint = footprint or footprint_of(program)
        self.size = self.footprint.size
        self.grain = program.grain
        self.step = {"M": self.grain.m, "N": self.grain.n, "K": self.grain.k}
        self.given = {
            d: self._on_grain(d, size) for d, size in zip("MNK", (given.m, given.n, given.k), strict=True) if size
        }
        self.room = {part: problem.room(part) for part in BUFFERS}
        self.selection = self._selection()
        self.described: dict[Place, Candidate] = {}

    def best(self) -> Candidate:
        """The mapping that the goal's rule picks."""
        place = self._best()
        assert place is not None  # one at least fits
        return self._candidate(place)

    def _best(self) -> Place | None:
        goal = self.problem.mapping.goal
        if goal == "cycles" and not self.program.prices_cuts:
            place = self.selection.pick(RULES["cycles"], self._whole)
            if place is not None:
                return place
        return self.selection.pick(RULES[goal])

    def least_cycles(self) -> float:
        """No schedule of any mapping takes fewer."""
        return self.selection.least("least_cycles")

    def shortlists(self, rows: int = 1) -> Iterator[list[Candidate]]:
        """A few different mappings of which one may be the fastest: those for the buffers, for half of them and so on.

        What is fastest in small buffers, or behind a slow DRAM, is tried in larger ones and behind a faster one too,
        which therefore do not take longer.
        """
        smaller: MappingSearch | None = self
        for _ in range(1 + HALVINGS):
            if smaller is None:
                return
            yield smaller._few(rows)
            for slower in self._slower_rates():
                yield smaller._few_behind(slower, rows)
            smaller = smaller._halved()

    def _slower_rates(self) -> list[float]:
        """Half of the DRAM's bytes a cycle, half of that and so on: half as fast a DRAM has all but the first."""
        rate = self.problem.bytes_per_cycle
        if rate == inf:
            return []
        first = max(1, ceil(log2(rate / FASTEST)))
        return [rate / 2**j for j in range(first, first + 1 + ceil(log2(FASTEST / SLOWEST))) if rate / 2**j >= SLOWEST]

    def _few_behind(self, bytes_per_cycle: float, rows: int) -> list[Candidate]:
        """Those for a slower DRAM, with what their schedules take behind this one."""
        slower = copy(self)
        slower.problem = replace(self.problem, bytes_per_cycle=bytes_per_cycle)
        slower.selection = Selection(self.program, self.selection.sizes, slower.problem, self.selection.among)
        slower.selection.fits()
        return [self._candidate(place) for place in slower._few_places(rows)]

    def _few(self, rows: int) -> list[Candidate]:
        return [self._candidate(place) for place in self._few_places(rows)]

    def _few_places(self, rows: int) -> list[Place]:
        """The rule's, the least sum of compute and traffic's time, the fewest equal steps, the least traffic without
        cuts of T, and the rule's of tiles of a multiple of `rows` along M.
        """
        pick = self.selection.pick
        several = [
            self._best(),
            pick(COMPROMISE),
            self.selection.least_steps(),
            pick(RULES["traffic"], self._whole),
            pick(RULES["cycles"], self._in_rows(rows)) if rows > 1 else None,
        ]
        return [place for place in several if place is not None]

    def _halved(self) -> MappingSearch | None:
        """The search for half of the buffers, unlimited ones being as large as the layer; None where nothing fits."""
        layer = max(self.footprint.need(*self.size.values()).values())
        room = {part: min(self.room[part], 2.0 ** ceil(log2(layer))) / 2 for part in BUFFERS}
        double = self.problem.overlaps
        ifmap, filters, ofmap = (size * (2 if double else 1) / 1024 for size in room.values())
        try:
            buffers = Buffers(ifmap_kib=ifmap, filter_kib=filters, ofmap_kib=ofmap, double=double)
            return MappingSearch(self.program, replace(self.problem, buffers=buffers), self.footprint)
        except MappingError:
            return None

    @property
    def _whole(self) -> Allowed:
        """Tilings with T whole."""
        t, sizes = self.grain.whole, self.selection.sizes.options
        m, n, k = (np.array([d != t or size >= self.size[d] for size in sizes[d]]) for d in "MNK")
        return m, n, k

    def _in_rows(self, rows: int) -> Allowed:
        m = self.selection.tables.m
        _, n, k = self.selection.everything
        return (m % rows == 0) | (m >= self.size["M"]), n, k

    def _candidate(self, place: Place) -> Candidate:
        if place not in self.described:
            self.described[place] = self._described(place)
        return self.described[place]

    def _described(self, place: Place) -> Candidate:
        order, *places = place
        moved, cycles, least, energy, ends = self.selection.described(place)
        m, n, k = (self.selection.sizes.options[d][at] for d, at in zip("MNK", places, strict=True))
        t = self.grain.whole
        cuts = ceil_div(self.size[t], {"M": m, "N": n, "K": k}[t]) - 1
        tiling = Tiling(m, n, k, self.orders[order], int(moved), cuts, cycles)
        return Candidate(tiling, least, ends / self.problem.bytes_per_cycle, energy)

    def _selection(self) -> Selection:
        """Over the usual sizes, or over smaller ones where none of these fits."""
        for most_tiles in (USUAL_TILES, TILE_LIMIT):
            sizes = self._sizes(most_tiles)
            among = self._may_fit(sizes)
            if all(among):
                selection = Selection(self.program, sizes, self.problem, among)
                if selection.fits():
                    return selection
        raise MappingError(self._complaint())

    def _sizes(self, most_tiles: int) -> TileSizes:
        """Sizes of at most so many tiles along a dimension, with what their tiles take."""
        key = self.orders, tuple(self.given.items()), most_tiles, tuple(self.step.values())
        if key not in self.footprint.tables:
            self.footprint.tables[key] = TileSizes(self.footprint, self._options(most_tiles), self.orders)
        sizes: TileSizes = self.footprint.tables[key]
        return sizes

    def _options(self, most_tiles: int) -> dict[str, list[int]]:
        """Sizes of at most so many tiles along a dimension."""
        t = self.grain.whole
        along = {d: temporal_candidates if d == t else candidates for d in "MNK"}
        options = {d: along[d](self.size[d], self.step[d], most_tiles) for d in "MNK"}
        options["M"] = sorted({*options["M"], *self._whole_rows(along["M"], most_tiles)}, reverse=True)
        return options | {d: [size] for d, size in self.given.items()}

    def _on_grain(self, dimension: str, size: int) -> int:
        """A given tile size, no larger than the layer; MappingError where it is no multiple of the array's grain."""
        step = self.step[dimension]
        if size < self.size[dimension] and size % step:
            raise MappingError(
                f"mapping.{dimension.lower()} is {size}; a multiple of {step} is expected for layer "
                f"{self.program.trace.name!r} on {self.program.array.kind}, such as {ceil_div(size, step) * step}"
            )
        return min(size, self.size[dimension])

    def _whole_rows(self, sizes: Callable[[int, int, int], list[int]], most_tiles: int) -> Sequence[int]:
        """Tiles of whole output rows, which share the least halo."""
        conv = self.program.trace.conv
        return [] if conv is None else sizes(self.size["M"], lcm(self.step["M"], conv.out_width), most_tiles)

    def _may_fit(self, sizes: TileSizes) -> tuple[list[int], list[int], list[int]]:
        """The places along M, N and K whose sizes fit with the smallest of the other two.

        The smallest tile is the smallest in every buffer, but that a cut K may leave psums, which are wider than
        outputs.
        """
        m, n, k = (list(range(len(sizes.options[d]))) for d in "MNK")
        if self.problem.buffers is None:
            return m, n, k
        a, b, c, tables = m[-1], n[-1], k[-1], sizes.tables
        uncut, cut, along = tables.spills[0], tables.spills[-1], tables.spills
        along_m, along_n = (
            np.minimum(of_cut[..., uncut], of_cut[..., cut]) for of_cut in (tables.need[:, b], tables.need[a])
        )
        fits_m = self._fits(sizes.first_tiles([(at, c) for at in m]), tables.largest_filters[b, c], along_m)
        fits_n = self._fits(sizes.first_tiles([(a, c)]), tables.largest_filters[:, c], along_n)
        fits_k = self._fits(
            sizes.first_tiles([(a, at) for at in k]), tables.largest_filters[b], tables.need[a, b, along]
        )
        return np.flatnonzero(fits_m).tolist(), np.flatnonzero(fits_n).tolist(), np.flatnonzero(fits_k).tolist()

    def _fits(self, ifmap: Numbers, filters: Numbers, ofmap: Numbers) -> NDArray[np.bool_]:
        room = self.room
        return np.asarray((ifmap <= room["ifmap"]) & (filters <= room["filter"]) & (ofmap <= room["ofmap"]))

    def _need(self, m: int, n: int, k: int) -> dict[str, int]:
        """Bytes of the first ifmap tile and of the largest of the others, by buffer."""
        return {
            "ifmap": self.footprint.first_ifmap(m, k),
            "filter": self.footprint.filters(n, k)[1],
            "ofmap": self.footprint.resident_output(m, n, k),
        }

    def _complaint(self) -> str:
        """What the smallest tile needs; where it fits, how many tiles that would be."""
        smallest = self.step | self.given
        m, n, k = (min(smallest[d], self.size[d]) for d in "MNK")
        need = self._need(m, n, k) | {"ifmap": self.footprint.ifmap(m, k)[1]}
        if all(need[part] <= self.room[part] for part in BUFFERS):
            return f"layer {self.program.trace.name!r} needs more than {TILE_LIMIT} tiles; larger buffers are expected"
        factor = 2 if self.problem.overlaps else 1
        text = ", ".join(f"{part}_kib >= {ceil_div(size * factor, 1024)}" for part, size in need.items())
        tile = f"the smallest tile ({m} x {n} x {k})"
        return f"layer {self.program.trace.name!r}: {tile} does not fit the buffers; {text} would"
