"""The search for the least of a figure, compiled: sizes along M and K in the order of a lower bound.

A heap holds what is known of an ifmap size (a, c): a bound that no loop order and no size along N undercuts, then the
least over these without any halo, with the first tile's, and with all tiles' halos. Where a size must be measured, the
kernel returns and is called again, so that nothing is measured that cannot win or tie.
"""

from __future__ import annotations

from math import inf, isfinite, isnan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .kernels import (
    CYCLES,
    ENERGY,
    NO_FIGURE,
    SERIAL_CYCLES,
    TRAFFIC,
    Terms,
    compute_of,
    cuts_of,
    cycles_of,
    ends_of,
    energy_of,
    figure_of,
    fits_beside,
    inlined,
    kernel,
    least_traffic_of,
    steps_of,
    tiles_of,
    traffic_of,
)
from .tables import Tables

FUZZ = 1e-9  # relative, of sums in another order
LEAST, BOUND, FIRST, MEASURED = -1, 0, 1, 2  # what is known of an ifmap size: nothing, no halo, the first tile's, all
DONE, WANTS_FIRST, WANTS_ALL = range(3)


class Query(NamedTuple):
    """The least of `figure` where `other` is at most `most` and `another` at most `another_most`, of sizes allowed."""

    figure: int
    other: int
    most: float
    another: int
    another_most: float
    allowed_m: NDArray[np.bool_]
    allowed_n: NDArray[np.bool_]
    allowed_k: NDArray[np.bool_]


Goal = tuple[int, float, int, float]  # a figure, its slack, the figure that decides within it, and what is near enough
Allowed = tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]


class Queue(NamedTuple):
    """The heap (`value`, and what is known with the place in `entry`), which sizes were measured, in their order.

    `number` is of entries in the heap, of sizes measured, the size that is wanted, and how far `pick` has come; `best`
    has the least so far and the limits that `pick` has found.
    """

    value: NDArray[np.float64]
    entry: NDArray[np.int64]
    is_measured: NDArray[np.bool_]
    measured: NDArray[np.int64]
    number: NDArray[np.int64]
    best: NDArray[np.float64]


@inlined
def _before(search: Queue, i: int, j: int) -> bool:
    if search.value[i] != search.value[j]:
        return bool(search.value[i] < search.value[j])
    for part in range(3):
        if search.entry[i, part] != search.entry[j, part]:
            return bool(search.entry[i, part] < search.entry[j, part])
    return False


@inlined
def _swap(search: Queue, i: int, j: int) -> None:
    search.value[i], search.value[j] = search.value[j], search.value[i]
    for part in range(3):
        search.entry[i, part], search.entry[j, part] = search.entry[j, part], search.entry[i, part]


@inlined
def _push(search: Queue, value: float, known: int, a: int, c: int) -> None:
    at = search.number[0]
    search.value[at] = value
    search.entry[at, 0], search.entry[at, 1], search.entry[at, 2] = known, a, c
    search.number[0] += 1
    while at and _before(search, at, (at - 1) // 2):
        _swap(search, at, (at - 1) // 2)
        at = (at - 1) // 2


@inlined
def _pop(search: Queue) -> None:
    last = search.number[0] - 1
    search.number[0] = last
    _swap(search, 0, last)
    at = 0
    while True:
        least = at
        for child in (2 * at + 1, 2 * at + 2):
            if child < last and _before(search, child, least):
                least = child
        if least == at:
            return
        _swap(search, at, least)
        at = least


@inlined
def _within(
    tables: Tables, terms: Terms, rule: Query, order: int, cuts: int, a: int, b: int, c: int, moved: float,
    ifmap: float, first: float,
) -> bool:  # fmt: skip
    """Whether a tiling is inside the limits."""
    for figure, most in ((rule.other, rule.most), (rule.another, rule.another_most)):
        if figure == NO_FIGURE:
            continue
        if figure == ENERGY:
            if not energy_of(tables, terms, order, cuts, a, b, c, ifmap, first) <= most:
                return False
        elif not figure_of(figure, tables, terms, a, b, c, moved, first) <= most:
            return False
    return True


@inlined
def _least_of_order(
    tables: Tables, terms: Terms, rule: Query, order: int, a: int, b: int, c: int, ifmap: float, first: float
) -> float:  # fmt: skip
    cuts = cuts_of(tables, a, b, c)
    moved = traffic_of(tables, terms, order, cuts, a, b, c, ifmap)
    if not _within(tables, terms, rule, order, cuts, a, b, c, moved, ifmap, first):
        return inf
    if rule.figure == ENERGY:
        return energy_of(tables, terms, order, cuts, a, b, c, ifmap, first)
    return figure_of(rule.figure, tables, terms, a, b, c, moved, first)


@inlined
def _least_of(tables: Tables, terms: Terms, rule: Query, a: int, c: int, ifmap: float, first: float) -> float:
    """The least over loop orders and sizes along N. But for energy, the order that moves least is best in all."""
    best, by_order = inf, rule.figure == ENERGY or rule.other == ENERGY or rule.another == ENERGY
    for b in terms.b:
        if not rule.allowed_n[b] or not fits_beside(tables, terms, a, b, c):
            continue
        if not by_order:
            moved = least_traffic_of(tables, terms, a, b, c, ifmap)
            if _within(tables, terms, rule, 0, 0, a, b, c, moved, ifmap, first):
                best = min(best, figure_of(rule.figure, tables, terms, a, b, c, moved, first))
            continue
        cuts = cuts_of(tables, a, b, c)
        for place in range(1, tables.distinct[cuts, 0] + 1):
            order = tables.distinct[cuts, place]
            best = min(best, _least_of_order(tables, terms, rule, order, a, b, c, ifmap, first))
    return best


@kernel
def least_traffic(tables: Tables, terms: Terms, out: NDArray[np.float64]) -> None:
    """Write the least traffic without halo, by size along M and K, to `out`; inf where nothing fits."""
    for a in terms.a:
        for c in terms.c:
            best = inf
            for b in terms.b:
                if fits_beside(tables, terms, a, b, c):
                    best = min(best, least_traffic_of(tables, terms, a, b, c, tables.no_halo[c]))
            out[a, c] = best


@inlined
def _lower_bound(figure: int, tables: Tables, terms: Terms, a: int, c: int, moved: float) -> float:
    """What no loop order and no size along N undercuts: the least traffic with the compute of the fewest tiles."""
    if figure == TRAFFIC:
        return moved
    if figure == ENERGY:
        return -inf
    if figure == SERIAL_CYCLES or not terms.overlaps or terms.rate == inf:
        time = moved / terms.rate if terms.rate < inf else 0.0
        return compute_of(tables, terms, a, terms.b[0], c) + time
    return max(compute_of(tables, terms, a, terms.b[0], c), moved / terms.rate)


@kernel
def begin(tables: Tables, terms: Terms, rule: Query, least: NDArray[np.float64], search: Queue) -> None:
    """Fill the heap; `least` is what `least_traffic` wrote."""
    search.number[0], search.best[0] = 0, inf
    for a in terms.a:
        for c in terms.c:
            if isfinite(least[a, c]) and rule.allowed_m[a] and rule.allowed_k[c]:
                _push(search, _lower_bound(rule.figure, tables, terms, a, c, least[a, c]), LEAST, a, c)


@inlined
def _advance(tables: Tables, terms: Terms, rule: Query, known: int, a: int, c: int, search: Queue) -> int:
    """Find out more of an ifmap size and put it back, unless it does not fit; what must be measured for that."""
    if known == LEAST:
        value = _least_of(tables, terms, rule, a, c, tables.no_halo[c], 0.0)
        if isfinite(value):
            _push(search, value, BOUND, a, c)
    elif known == BOUND:
        if isnan(tables.first[a, c]):
            return WANTS_FIRST
        if tables.first[a, c] <= terms.room_ifmap:
            _push(search, _least_of(tables, terms, rule, a, c, tables.no_halo[c], tables.first[a, c]), FIRST, a, c)
    else:
        if isnan(tables.total[a, c]):
            return WANTS_ALL
        if not search.is_measured[a, c]:
            search.is_measured[a, c] = True
            search.measured[search.number[1], 0], search.measured[search.number[1], 1] = a, c
            search.number[1] += 1
        if tables.largest[a, c] <= terms.room_ifmap:
            value = _least_of(tables, terms, rule, a, c, tables.total[a, c], tables.first[a, c])
            _push(search, value, MEASURED, a, c)
    return DONE


@kernel
def proceed(tables: Tables, terms: Terms, rule: Query, slack: float, search: Queue) -> int:
    """Look on until nothing left may be within `slack` of the best, or a size must be measured first."""
    while search.number[0] and search.value[0] <= search.best[0] * (1 + slack + FUZZ):
        value, known, a, c = search.value[0], search.entry[0, 0], search.entry[0, 1], search.entry[0, 2]
        _pop(search)
        if known == MEASURED:
            search.best[0] = min(search.best[0], value)
            continue
        wanted = _advance(tables, terms, rule, known, a, c, search)
        if wanted != DONE:
            search.number[2], search.number[3] = a, c
            _push(search, value, known, a, c)
            return wanted
    return DONE


@kernel
def fewest_tiles(
    tables: Tables, terms: Terms, rule: Query, search: Queue, orders: int
) -> tuple[float, int, int, int, int]:
    """Of what is measured and within the limits: the fewest cuts whose cost nobody knows, then the fewest tiles.

    The number by which they count with the loop order and the places; inf where there is none.
    """
    best = (inf, 0, 0, 0, 0)
    for place in range(search.number[1]):
        a, c = search.measured[place, 0], search.measured[place, 1]
        if tables.largest[a, c] > terms.room_ifmap or not (rule.allowed_m[a] and rule.allowed_k[c]):
            continue
        for b in terms.b:
            if not rule.allowed_n[b] or not fits_beside(tables, terms, a, b, c):
                continue
            cost = _cuts_of_unknown_cost(tables, terms, a, b, c) * 1e12 + tiles_of(tables, a, b, c)
            if cost > best[0]:
                continue
            cuts = cuts_of(tables, a, b, c)
            for order in range(orders):
                moved = traffic_of(tables, terms, order, cuts, a, b, c, tables.total[a, c])
                ifmap, first = tables.total[a, c], tables.first[a, c]
                if _within(tables, terms, rule, order, cuts, a, b, c, moved, ifmap, first):
                    found = (cost, order, a, b, c)
                    best = found if found < best else best
                    break
    return best


@inlined
def _cuts_of_unknown_cost(tables: Tables, terms: Terms, a: int, b: int, c: int) -> float:
    m = tables.count_m[a] if terms.costly_m else 1.0
    n = tables.count_n[b] if terms.costly_n else 1.0
    return m * n * (tables.count_k[c] if terms.costly_k else 1.0) - 1


@kernel
def pick(
    tables: Tables, terms: Terms, goal: Goal, allowed: Allowed, least: NDArray[np.float64], search: Queue, orders: int
) -> tuple[int, float, int, int, int, int]:  # fmt: skip
    """What must be measured first, or DONE with what `fewest_tiles` says of the best by a goal among sizes allowed.

    The least of the first figure is looked for, then that of the second within the first one's slack.
    """
    first, slack, second, near = goal
    m, n, k = allowed
    if search.number[4] == 0:
        begin(tables, terms, Query(first, NO_FIGURE, inf, NO_FIGURE, inf, m, n, k), least, search)
        search.number[4] = 1
    if search.number[4] == 1:
        wanted = proceed(tables, terms, Query(first, NO_FIGURE, inf, NO_FIGURE, inf, m, n, k), slack, search)
        if wanted != DONE:
            return wanted, inf, 0, 0, 0, 0
        if search.best[0] == inf:
            search.number[4] = 0
            return DONE, inf, 0, 0, 0, 0
        search.best[1] = search.best[0] * (1 + slack + FUZZ)
        begin(tables, terms, Query(second, first, search.best[1], NO_FIGURE, inf, m, n, k), least, search)
        search.number[4] = 2
    within = Query(second, first, search.best[1], NO_FIGURE, inf, m, n, k)
    wanted = proceed(tables, terms, within, near, search)
    if wanted != DONE:
        return wanted, inf, 0, 0, 0, 0
    search.number[4] = 0
    inside = Query(TRAFFIC, first, search.best[1], second, search.best[0] * (1 + near + FUZZ), m, n, k)
    cost, order, a, b, c = fewest_tiles(tables, terms, inside, search, orders)
    return DONE, cost, order, a, b, c


@kernel
def least_steps(
    tables: Tables, terms: Terms, search: Queue, orders: int, most: float
) -> tuple[float, int, int, int, int]:
    """The fewest cycles as equal steps, of the tilings measured so far that take at most so many."""
    best = (inf, 0, 0, 0, 0)
    for place in range(search.number[1]):
        a, c = search.measured[place, 0], search.measured[place, 1]
        if tables.largest[a, c] > terms.room_ifmap:
            continue
        ifmap, first, of_cell = tables.total[a, c], tables.first[a, c], (inf, 0, 0, 0, 0)
        for b in terms.b:
            if not fits_beside(tables, terms, a, b, c):
                continue
            cuts = cuts_of(tables, a, b, c)
            for order in range(orders):
                moved = traffic_of(tables, terms, order, cuts, a, b, c, ifmap)
                cycles = cycles_of(tables, terms, a, b, c, moved, first, 1.0)
                if cycles <= most:
                    steps = cycles
                    if terms.overlaps:
                        steps = steps_of(tables, terms, order, cuts, a, b, c, ifmap, first)
                    found = (steps, order, a, b, c)
                    of_cell = found if found < of_cell else of_cell
        if of_cell[0] < best[0]:
            best = of_cell
    return best


@kernel
def described(
    tables: Tables, terms: Terms, order: int, a: int, b: int, c: int
) -> tuple[float, float, float, float, float]:
    """Bytes, cycles, least cycles and energy of a measured tiling, and the bytes of its ends."""
    cuts, ifmap, first = cuts_of(tables, a, b, c), tables.total[a, c], tables.first[a, c]
    moved = traffic_of(tables, terms, order, cuts, a, b, c, ifmap)
    cycles = figure_of(CYCLES, tables, terms, a, b, c, moved, first)
    least = cycles_of(tables, terms, a, b, c, moved, first, 0.0)
    energy = energy_of(tables, terms, order, cuts, a, b, c, ifmap, first)
    return moved, cycles, least, energy, ends_of(tables, terms, a, b, c, first)
