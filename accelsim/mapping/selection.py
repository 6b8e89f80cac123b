"""The best tiling of a GEMM's sizes by a rule, with as few halos measured as that takes."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Literal, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..arrays.base import Program, Tile
from ..trace.operand_names import BUFFERS
from .goals import MappingProblem
from .tables import TileSizes

if TYPE_CHECKING:
    from .kernels import Terms

Figure = Literal["traffic", "cycles", "energy", "serial_cycles", "least_cycles"]
FIGURES: tuple[Figure, ...] = ("traffic", "cycles", "energy", "serial_cycles", "least_cycles")  # as kernels number them
STEPS_NEAR = 0.1  # of the fewest cycles: what `least_steps` looks at

Place = tuple[int, int, int, int]  # order, and place among the sizes along M, N and K
Flags = NDArray[np.bool_]
Allowed = tuple[Flags, Flags, Flags] | None  # by size along M, N and K
Among = tuple[list[int], list[int], list[int]]


class GoalRule(NamedTuple):
    """The least of `primary`; of what is within `slack` of it the least of `secondary`; within `near` any."""

    primary: Figure
    slack: float
    secondary: Figure
    near: float


class Selection:
    """Picks tilings of a program's `sizes` at the places `among` (along M, N and K), the ones that may fit.

    Halos make the ifmap's bytes dear to measure, so they are measured in the order of a lower bound (no halo) and only
    while the bound is no worse than the best tiling so far: what is left out cannot win or tie.
    """

    def __init__(self, program: Program, sizes: TileSizes, problem: MappingProblem, among: Among) -> None:
        from .selection_kernels import Queue

        self.sizes, self.tables, self.among = sizes, sizes.tables, among
        self.terms = _terms(program, problem, among)
        shape = self.tables.first.shape
        cells = shape[0] * shape[1]
        self.search = Queue(
            np.zeros(cells + 1), np.zeros((cells + 1, 3), np.int64), np.zeros(shape, np.bool_),
            np.zeros((cells, 2), np.int64), np.zeros(5, np.int64), np.zeros(2),
        )  # fmt: skip
        m, n, k = (np.ones(len(sizes.options[d]), np.bool_) for d in "MNK")
        self.everything = m, n, k
        for c in among[2]:
            sizes.measure_no_halo(c)
        self.least_traffic = self._least_traffic()
        self.leasts: dict[Figure, float] = {}

    def fits(self) -> bool:
        """Whether any tiling does."""
        return self.least("traffic") < inf

    def least(self, figure: Figure) -> float:
        """The least of a figure over all tilings."""
        if figure not in self.leasts:
            self.leasts[figure] = self._lowest(figure)
        return self.leasts[figure]

    def pick(self, rule: GoalRule, allowed: Allowed = None) -> Place | None:
        """The best by a rule, among the sizes allowed; then the fewest tiles, then the first loop order."""
        from .selection_kernels import DONE, pick

        goal = FIGURES.index(rule.primary), rule.slack, FIGURES.index(rule.secondary), rule.near
        among, orders = self.everything if allowed is None else allowed, len(self.sizes.orders)
        while True:
            wanted, cost, *place = pick(self.tables, self.terms, goal, among, self.least_traffic, self.search, orders)
            if wanted == DONE:
                order, a, b, c = place
                return None if cost == inf else (order, a, b, c)
            self._measure(wanted)

    def least_steps(self) -> Place:
        """The fewest cycles as equal steps, of the tilings measured so far that have nearly the fewest."""
        from .selection_kernels import least_steps

        most = self.least("cycles") * (1 + STEPS_NEAR)
        return least_steps(self.tables, self.terms, self.search, len(self.sizes.orders), most)[1:]

    def described(self, place: Place) -> tuple[float, float, float, float, float]:
        """Bytes, cycles, least cycles and energy of a tiling, and the bytes of its ends."""
        from .selection_kernels import described

        _, a, _, c = place
        self.sizes.measure_first(a, c)
        if np.isnan(self.tables.total[a, c]):
            self.sizes.measure_all(a, c)
        return described(self.tables, self.terms, *place)

    def _least_traffic(self) -> NDArray[np.float64]:
        """Of each ifmap size, without halo: the same for equal rooms, whatever the DRAM's rate and the costs."""
        from .selection_kernels import least_traffic

        terms = self.terms
        key = terms.a.tobytes(), terms.b.tobytes(), terms.c.tobytes(), terms[4:6], terms[9:12]
        if key not in self.sizes.least_traffic:
            least = np.full_like(self.tables.first, inf)
            least_traffic(self.tables, self.terms, least)
            self.sizes.least_traffic[key] = least
        return self.sizes.least_traffic[key]

    def _lowest(self, figure: Figure) -> float:
        """The least of a figure; all that may be as little is measured."""
        from .kernels import NO_FIGURE
        from .selection_kernels import DONE, Query, begin, proceed

        query = Query(FIGURES.index(figure), NO_FIGURE, inf, NO_FIGURE, inf, *self.everything)
        begin(self.tables, self.terms, query, self.least_traffic, self.search)
        while (wanted := proceed(self.tables, self.terms, query, 0.0, self.search)) != DONE:
            self._measure(wanted)
        return float(self.search.best[0])

    def _measure(self, wanted: int) -> None:
        """The ifmap size that a kernel returned for."""
        from .selection_kernels import WANTS_FIRST

        measure = self.sizes.measure_first if wanted == WANTS_FIRST else self.sizes.measure_all
        measure(int(self.search.number[2]), int(self.search.number[3]))


def _terms(program: Program, problem: MappingProblem, among: Among) -> Terms:
    from .kernels import Terms

    trace, grain, costs = program.trace, program.grain, problem.costs
    costly = frozenset[str]() if program.prices_cuts else grain.costly
    a, b, c = (np.array(places, np.int64) for places in among)
    moves = {part: float(part not in problem.resident) for part in BUFFERS}
    return Terms(
        a, b, c,
        room_ifmap=float(problem.room("ifmap")), room_filter=float(problem.room("filter")),
        room_ofmap=float(problem.room("ofmap")), rate=float(problem.bytes_per_cycle), groups=float(problem.groups),
        overlaps=problem.overlaps,
        moves_ifmap=moves["ifmap"], moves_filter=moves["filter"], moves_ofmap=moves["ofmap"],
        cost_ifmap=float(costs.ifmap), cost_filters=float(costs.filters), cost_ofmap=float(costs.ofmap),
        cost_psum=float(costs.psum), cost_cycle=float(costs.cycle),
        whole=_whole_cycles(program, is_timed=problem.bytes_per_cycle < inf),
        cut_cycles=float(program.cut_cycles), fill_cycles=float(program.fill_cycles),
        t="MNK".index(grain.whole), macs=float(trace.M * trace.N * trace.K),
        costly_m="M" in costly, costly_n="N" in costly, costly_k="K" in costly,
    )  # fmt: skip


_WHOLE: WeakKeyDictionary[Program, float] = WeakKeyDictionary()


def _whole_cycles(program: Program, *, is_timed: bool) -> float:
    """Busy cycles of the GEMM in one tile, walked once a program.

    Where values decide and no transfer takes time, one cycle stands for any number of them: all tilings have as many.
    """
    if not is_timed and not program.prices_cuts:
        return 1.0
    if program not in _WHOLE:
        _WHOLE[program] = float(program.work(Tile(0, program.trace.M, 0, program.trace.N, 0, program.trace.K)).cycles)
    return _WHOLE[program]
