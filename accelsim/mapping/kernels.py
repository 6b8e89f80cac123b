"""Bytes, cycles and energy of one tiling, compiled: what the search asks of millions of them.

`tables` are a GEMM's (Tables), `terms` the machine's (Terms); a tiling is a loop order and its places a, b, c among the
sizes along M, N and K. What one pass over the ifmap moves is dear to measure where it has halos, so that it is an
argument, and every figure rises with it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .candidates import TILE_LIMIT
from .tables import Tables

TRAFFIC, CYCLES, ENERGY, SERIAL_CYCLES, LEAST_CYCLES, NO_FIGURE = range(6)
SUSTAINED = 0.75  # of the DRAM's best rate: refresh, rows that close, reads and writes in turn
Function = TypeVar("Function", bound=Callable[..., Any])
# No kernel makes an array, so none needs numba's counting of references (`_nrt`), which takes longer than the rest.
OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": False}


class Terms(NamedTuple):
    """What the figures depend on beside the tables.

    Rooms are in bytes, `rate` in bytes a cycle, costs in pJ a byte and a cycle; `moves_*` are 1 where an operand
    crosses and else 0. `whole` are the GEMM's busy cycles, to which a cut of dimension `t` and a further tile
    add. `macs` is M · N · K. `costly_*` says which cuts have a price that nobody knows.
    """

    a: NDArray[np.int64]  # places of the sizes that may fit
    b: NDArray[np.int64]
    c: NDArray[np.int64]
    room_ifmap: float
    room_filter: float
    room_ofmap: float
    rate: float
    groups: float
    overlaps: bool
    moves_ifmap: float
    moves_filter: float
    moves_ofmap: float
    cost_ifmap: float
    cost_filters: float
    cost_ofmap: float
    cost_psum: float
    cost_cycle: float
    whole: float
    cut_cycles: float
    fill_cycles: float
    t: int
    macs: float
    costly_m: bool
    costly_n: bool
    costly_k: bool


def kernel(function: Function) -> Function:
    """Compile a function, and keep the result on disk."""
    return cast(Function, njit(**OPTIONS)(function))


def inlined(function: Function) -> Function:
    """Compile a function into those that call it."""
    return cast(Function, njit(**OPTIONS, forceinline=True)(function))


@inlined
def tiles_of(tables: Tables, a: int, b: int, c: int) -> float:
    """How many tiles there are."""
    return float(tables.count_m[a] * tables.count_n[b] * tables.count_k[c])


@inlined
def fits_beside(tables: Tables, terms: Terms, a: int, b: int, c: int) -> bool:
    """Whether the largest filter and output tiles fit, and the tiles are not too many."""
    if tables.largest_filters[b, c] > terms.room_filter or tiles_of(tables, a, b, c) > TILE_LIMIT:
        return False
    return bool(tables.need[a, b, tables.spills[c]] <= terms.room_ofmap)


@inlined
def cuts_of(tables: Tables, a: int, b: int, c: int) -> int:
    """Which dimensions are cut: 1 for M, 2 for N, 4 for K."""
    return int(tables.count_m[a] > 1) + 2 * int(tables.count_n[b] > 1) + 4 * int(tables.count_k[c] > 1)


@inlined
def traffic_of(tables: Tables, terms: Terms, order: int, cuts: int, a: int, b: int, c: int, ifmap: float) -> float:
    """DRAM bytes."""
    again = tables.count_n[b] if tables.repeats[cuts, order, 0] else 1.0
    visits = tables.count_k[c] if tables.repeats[cuts, order, 1] else 1.0
    loads = tables.filters[b, c] * terms.moves_filter * (tables.count_m[a] if tables.repeats[cuts, order, 2] else 1.0)
    beside = loads + tables.outputs[a, b] * terms.moves_ofmap + tables.psums[a, b] * (visits - 1)
    return float(again * (ifmap * terms.moves_ifmap) + beside)


@inlined
def least_traffic_of(tables: Tables, terms: Terms, a: int, b: int, c: int, ifmap: float) -> float:
    """DRAM bytes under the best loop order."""
    cuts, least = cuts_of(tables, a, b, c), inf
    for place in range(1, tables.distinct[cuts, 0] + 1):
        least = min(least, traffic_of(tables, terms, tables.distinct[cuts, place], cuts, a, b, c, ifmap))
    return least


@inlined
def compute_of(tables: Tables, terms: Terms, a: int, b: int, c: int) -> float:
    """Busy cycles: the whole GEMM's, and what cuts of T and further tiles add."""
    t = tables.count_m[a] if terms.t == 0 else tables.count_n[b] if terms.t == 1 else tables.count_k[c]
    return float(terms.whole + (terms.cut_cycles * (t - 1) + terms.fill_cycles * (tiles_of(tables, a, b, c) - t)))


@inlined
def last_compute_of(tables: Tables, terms: Terms, a: int, b: int, c: int) -> float:
    """Busy cycles of the last tile, as its share of the MACs."""
    m = tables.size[0] - (tables.count_m[a] - 1) * tables.m[a]
    n = tables.size[1] - (tables.count_n[b] - 1) * tables.n[b]
    k = tables.size[2] - (tables.count_k[c] - 1) * tables.k[c]
    return float(compute_of(tables, terms, a, b, c) * (m * n * k / terms.macs))


@inlined
def ends_of(tables: Tables, terms: Terms, a: int, b: int, c: int, first: float) -> float:
    """Bytes of the first tile's operands and of the last one's outputs, as far as they cross."""
    beside = tables.first_filters[b, c] * terms.moves_filter
    return float(first * terms.moves_ifmap + beside + tables.last_output[a, b] * terms.moves_ofmap)


@inlined
def serial_cycles_of(tables: Tables, terms: Terms, a: int, b: int, c: int, moved: float) -> float:
    """Compute and the traffic's time one after the other."""
    return compute_of(tables, terms, a, b, c) + (moved / terms.rate if terms.rate < inf else 0.0)


@inlined
def cycles_of(
    tables: Tables, terms: Terms, a: int, b: int, c: int, moved: float, first: float, last: float
) -> float:  # fmt: skip
    """The larger of compute with its ends, and of the traffic's time with the last tile's compute behind it.

    The ends are the load before the first tile and the write-back behind the last. Where buffers are single, nothing
    overlaps and both add up. With `last` 0 the last tile's compute is left out: no schedule takes less.
    """
    if terms.rate == inf or not terms.overlaps:
        return serial_cycles_of(tables, terms, a, b, c, moved)
    ends = ends_of(tables, terms, a, b, c, first) / terms.rate
    behind = last * last_compute_of(tables, terms, a, b, c)
    busy = compute_of(tables, terms, a, b, c) + ends / terms.groups
    return max(busy, moved / terms.rate + behind / terms.groups)


@inlined
def figure_of(
    figure: int, tables: Tables, terms: Terms, a: int, b: int, c: int, moved: float, first: float
) -> float:  # fmt: skip
    """Bytes or cycles of a tiling that moves so much; each rises with it."""
    if figure == TRAFFIC:
        return moved
    if figure == SERIAL_CYCLES:
        return serial_cycles_of(tables, terms, a, b, c, moved)
    return cycles_of(tables, terms, a, b, c, moved, first, 1.0 if figure == CYCLES else 0.0)


@inlined
def energy_of(
    tables: Tables, terms: Terms, order: int, cuts: int, a: int, b: int, c: int, ifmap: float, first: float
) -> float:  # fmt: skip
    """pJ of what crosses and of the time that it takes."""
    again = tables.count_n[b] if tables.repeats[cuts, order, 0] else 1.0
    visits = tables.count_k[c] if tables.repeats[cuts, order, 1] else 1.0
    loads = tables.filters[b, c] * terms.moves_filter * (tables.count_m[a] if tables.repeats[cuts, order, 2] else 1.0)
    outputs, psums = tables.outputs[a, b] * terms.moves_ofmap, tables.psums[a, b] * (visits - 1)
    beside = loads * terms.cost_filters + outputs * terms.cost_ofmap + psums * terms.cost_psum
    energy = again * (ifmap * terms.moves_ifmap * terms.cost_ifmap) + beside
    if terms.cost_cycle == 0.0:
        return float(energy)
    moved = traffic_of(tables, terms, order, cuts, a, b, c, ifmap)
    return float(energy + terms.cost_cycle * cycles_of(tables, terms, a, b, c, moved, first, 1.0))


@inlined
def steps_of(
    tables: Tables, terms: Terms, order: int, cuts: int, a: int, b: int, c: int, ifmap: float, first: float
) -> float:  # fmt: skip
    """Cycles where each tile's operands come while the tile before is computed, and no sooner.

    The DMA engines may run ahead where an operand stays for several tiles, so that the schedule takes between `cycles`
    and this: equal steps, each the longer of computing a tile and of moving what it changes, at a rate that a DRAM
    surely sustains.
    """
    rate = terms.rate * SUSTAINED
    count = (tables.count_m[a], tables.count_n[b], tables.count_k[c])
    tile = compute_of(tables, terms, a, b, c) / tiles_of(tables, a, b, c)
    visits = count[2] if tables.repeats[cuts, order, 1] else 1.0
    ifmaps = ifmap * terms.moves_ifmap / (count[0] * count[2])
    filters = tables.filters[b, c] * terms.moves_filter / (count[1] * count[2])
    written = tables.outputs[a, b] * terms.moves_ofmap + tables.psums[a, b] * (visits - 1)
    outputs = written / (visits * count[0] * count[1])
    cycles, times = 0.0, 1.0
    for depth in range(3):
        changed = (False, False, False)
        for inner in range(depth, 3):
            dimension = tables.orders[order, inner]
            if inner == depth or count[dimension] > 1:
                changed = (changed[0] or dimension != 1, changed[1] or dimension != 0, changed[2] or dimension != 2)
        moved = (ifmaps if changed[0] else 0.0) + (filters if changed[1] else 0.0) + (outputs if changed[2] else 0.0)
        steps = count[tables.orders[order, depth]]
        cycles = cycles + times * (steps - 1) * max(tile, moved / rate)
        times = times * steps
    return float(cycles + tile + ends_of(tables, terms, a, b, c, first) / rate / terms.groups)
