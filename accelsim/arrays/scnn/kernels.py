"""The numba kernel of scnn's time: products by accumulator bank, vector by vector.

The bank of output (x, y) of filter k has bits x0 and y0, the parity k2 ⊕ x1 ⊕ y1, and k1 k0. So what one filter's
products with a vector of activations do to the banks depends on the tap alone, but for k's three low bits: they are
counted once a tap, in 8 counters, for all filters. A weight vector of one tap whose filters differ in k1 k0 ("plain")
takes as long as the busiest of those counters says; any other ("mixed") is added up from them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .plan import Plan

Flags = NDArray[np.uint8]
Int64s = NDArray[np.int64]
Counters = NDArray[np.uint16]

CYCLES, STEPS, WORK, MULTS, PRODUCTS, VECTORS = range(6)  # sums of a filter group
REACHED_BANKS = 32
PARTS = 8  # counters of a tap: parity, x0, y0


class Taps(NamedTuple):
    """Filter taps sorted by stride phase; phase p has those at begin[p]..begin[p + 1] − 1 of `order`."""

    order: Int64s
    begin: Int64s
    rows: Int64s  # of every tap, in ifmap positions
    columns: Int64s


class Weights(NamedTuple):
    """One channel's weight vectors by filter group."""

    nonzeros: Int64s  # (groups, taps)
    plain: Int64s  # plain vectors, (groups, taps)
    vectors: Int64s  # (groups, phases)
    mixed: Int64s  # end of the group's and phase's mixed vectors, (groups · phases + 1,)
    length: Int64s  # of a mixed vector
    tap: Int64s  # (mixed vectors, F)
    slot: Int64s  # the filter's three low bits, (mixed vectors, F)


class Actives(NamedTuple):
    """One PE's activations of one channel and phase, by tap and vector."""

    counters: Counters  # (taps, vectors, 2, PARTS): for filters with k2 = 0 and 1
    busiest: Int64s  # Σ over vectors of the busiest bank's products with one weight, at least 1, (taps,)
    inside: Int64s  # products with one weight inside the output, (taps,)


@njit(cache=True)
def sort_taps(rows: int, columns: int, stride: tuple[int, int], dilation: tuple[int, int]) -> Taps:
    """The taps of a (rows, columns) kernel by phase, within a phase row by row."""
    taps = rows * columns
    row, column = np.arange(taps) // columns * dilation[0], np.arange(taps) % columns * dilation[1]
    phase = row % stride[0] * stride[1] + column % stride[1]
    order, begin = np.empty(taps, np.int64), np.zeros(stride[0] * stride[1] + 1, np.int64)
    at = 0
    for p in range(stride[0] * stride[1]):
        for tap in range(taps):
            if phase[tap] == p:
                order[at] = tap
                at += 1
        begin[p + 1] = at
    return Taps(order, begin, row, column)


@njit(cache=True)
def walk(active: Flags, nonzero: Flags, edges: Int64s, plan: Plan, channel_barrier: bool) -> Int64s:
    """What filter groups edges[g]..edges[g + 1] − 1 take on images active (B, C, H, W), without halo, (groups, 6).

    nonzero is (N, C, R, S). CYCLES of the array, STEPS (vector pairs) and WORK (cycles) of all PEs, MULTS inside the
    output of all PRODUCTS, and activation VECTORS fetched.
    """
    sums = np.zeros((edges.size - 1, 6), np.int64)
    taps = sort_taps(nonzero.shape[2], nonzero.shape[3], plan.stride, plan.dilation)
    area = nonzero.shape[2] * nonzero.shape[3]
    weights, actives = _room_for_weights(edges, area, plan), _room_for_actives(area, plan)
    images = active.shape[0]
    busy = np.zeros((images, edges.size - 1, plan.grid[0] * plan.grid[1]), np.int64)
    for channel in range(active.shape[1]):
        _collect(nonzero[:, channel], edges, plan, taps, weights)
        for image in range(images):
            for pe in range(busy.shape[2]):
                _serve(active[image, channel], pe, plan, taps, weights, actives, busy[image, :, pe], sums)
        if channel_barrier:
            _pace(busy, sums)
    _pace(busy, sums)
    return sums


@njit(cache=True)
def _pace(busy: Int64s, sums: Int64s) -> None:
    """A barrier: every image and filter group has taken as long as its slowest PE."""
    for image in range(busy.shape[0]):
        for group in range(busy.shape[1]):
            sums[group, CYCLES] += busy[image, group].max()
            sums[group, WORK] += busy[image, group].sum()
    busy[:] = 0


@njit(cache=True)
def _room_for_weights(edges: Int64s, taps: int, plan: Plan) -> Weights:
    groups, phases, wide = edges.size - 1, plan.stride[0] * plan.stride[1], plan.vectors[1]
    most = (edges[-1] - edges[0]) * taps // wide + groups * min(phases, taps) + 1
    by_tap = np.zeros((2, groups, taps), np.int64)
    by_entry = np.zeros((2, most, wide), np.int64)
    vectors, mixed = np.zeros((groups, phases), np.int64), np.zeros(groups * phases + 1, np.int64)
    return Weights(by_tap[0], by_tap[1], vectors, mixed, np.zeros(most, np.int64), by_entry[0], by_entry[1])


@njit(cache=True)
def _room_for_actives(taps: int, plan: Plan) -> Actives:
    most = -(-plan.tile[0] // plan.stride[0]) * -(-plan.tile[1] // plan.stride[1]) // plan.vectors[0] + 1
    sums = np.zeros((2, taps), np.int64)
    return Actives(np.zeros((taps, most, 2, PARTS), np.uint16), sums[0], sums[1])


@njit(cache=True)
def _collect(nonzero: Flags, edges: Int64s, plan: Plan, taps: Taps, weights: Weights) -> None:
    """One channel's weights (N, R, S) in vectors of F: taps outer, filters innermost."""
    columns, at = nonzero.shape[2], 0
    groups, phases = weights.vectors.shape
    weights.nonzeros[:] = 0
    weights.plain[:] = 0
    weights.vectors[:] = 0
    for group in range(groups):
        for phase in range(phases):
            count = 0
            for tap in taps.order[taps.begin[phase] : taps.begin[phase + 1]]:
                for k in range(edges[group], edges[group + 1]):
                    if nonzero[k, tap // columns, tap % columns]:
                        weights.tap[at, count], weights.slot[at, count] = tap, k & 7
                        weights.nonzeros[group, tap] += 1
                        count += 1
                        if count == plan.vectors[1]:
                            at, count = _close(at, count, group, phase, plan.banks, weights), 0
            if count > 0:
                at = _close(at, count, group, phase, plan.banks, weights)
            weights.mixed[group * phases + phase + 1] = at


@njit(cache=True)
def _close(at: int, count: int, group: int, phase: int, banks: int, weights: Weights) -> int:
    """Files the vector at `at` as plain or mixed; where the next one goes."""
    weights.vectors[group, phase] += 1
    tap, seen, plain = weights.tap[at, 0], 0, banks in (4, 8, 16, 32)
    for entry in range(count):
        bit = 1 << (weights.slot[at, entry] & 3)
        plain = plain and weights.tap[at, entry] == tap and not seen & bit
        seen |= bit
    if plain:
        weights.plain[group, tap] += 1
        return at
    weights.length[at] = count
    return at + 1


@njit(cache=True)
def _serve(
    plane: Flags, pe: int, plan: Plan, taps: Taps, weights: Weights, actives: Actives, busy: Int64s, sums: Int64s
) -> None:
    """Adds one PE's cycles on one channel to busy, by filter group."""
    groups, phases = weights.vectors.shape
    for phase in range(phases):
        own = taps.order[taps.begin[phase] : taps.begin[phase + 1]]
        if own.size == 0:
            continue
        count = _place(plane, pe, phase, plan, taps, own, actives)
        vectors = (count + plan.vectors[0] - 1) // plan.vectors[0]
        _find_busiest(own, vectors, plan.banks, actives)
        for group in range(groups):
            if vectors == 0 or weights.vectors[group, phase] == 0:
                continue
            sums[group, STEPS] += vectors * weights.vectors[group, phase]
            sums[group, VECTORS] += vectors
            for tap in own:
                busy[group] += weights.plain[group, tap] * actives.busiest[tap]
                sums[group, MULTS] += weights.nonzeros[group, tap] * actives.inside[tap]
                sums[group, PRODUCTS] += weights.nonzeros[group, tap] * count
            first = weights.mixed[group * phases + phase]
            last = weights.mixed[group * phases + phase + 1]
            if last > first:
                busy[group] += _add_up(first, last, vectors, plan.banks, weights, actives.counters)


@njit(cache=True)
def _place(plane: Flags, pe: int, phase: int, plan: Plan, taps: Taps, own: Int64s, actives: Actives) -> int:
    """Counts the products of a PE's nonzero activations of a phase, rows outer; returns their number."""
    top, left = pe // plan.grid[1] * plan.tile[0], pe % plan.grid[1] * plan.tile[1]
    step, count = plan.stride, 0
    actives.inside[:] = 0
    for x in range(top + (phase // step[1] - top) % step[0], top + plan.tile[0], step[0]):
        row = x - plan.padding[0]
        if row < 0 or row >= plane.shape[0]:
            continue
        for y in range(left + (phase % step[1] - left) % step[1], left + plan.tile[1], step[1]):
            column = y - plan.padding[1]
            if column < 0 or column >= plane.shape[1] or plane[row, column] == 0:
                continue
            vector = count // plan.vectors[0]
            if count % plan.vectors[0] == 0:
                for tap in own:
                    actives.counters[tap, vector] = 0
            count += 1
            for tap in own:
                oy, ox = (x - taps.rows[tap]) // step[0], (y - taps.columns[tap]) // step[1]
                if 0 <= oy < plan.out[0] and 0 <= ox < plan.out[1]:
                    part = ((oy ^ ox) & 2) << 1 | (oy & 1) << 1 | ox & 1
                    actives.counters[tap, vector, 0, part] += 1
                    actives.counters[tap, vector, 1, part ^ 4] += 1
                    actives.inside[tap] += 1
    return count


@njit(cache=True)
def _find_busiest(own: Int64s, vectors: int, banks: int, actives: Actives) -> None:
    """Cycles of one weight with every vector; banks beyond those that there are fold onto the others."""
    parts = max(1, min(PARTS, banks // 4))
    for tap in own:
        total = 0
        for vector in range(vectors):
            most = 1
            for part in range(parts):
                hits = 0
                for other in range(part, PARTS, parts):
                    hits += actives.counters[tap, vector, 0, other]
                most = max(most, hits)
            total += most
        actives.busiest[tap] = total


@njit(cache=True)
def _add_up(first: int, last: int, vectors: int, banks: int, weights: Weights, counters: Counters) -> int:
    """Cycles of mixed weight vectors first..last − 1 with all activation vectors."""
    hits, folded, cycles = np.zeros((4, PARTS), np.uint16), np.zeros(REACHED_BANKS, np.uint16), 0
    for at in range(first, last):
        for vector in range(vectors):
            hits[:] = 0
            for entry in range(weights.length[at]):
                slot = weights.slot[at, entry]
                one = counters[weights.tap[at, entry], vector, slot >> 2]
                for part in range(PARTS):
                    hits[slot & 3, part] += one[part]
            cycles += _most(hits) if banks == REACHED_BANKS else _most_folded(hits, folded, banks)
    return cycles


@njit(cache=True)
def _most(hits: Counters) -> int:
    most = np.uint16(1)
    for low in range(4):
        for part in range(PARTS):
            most = max(most, hits[low, part])
    return int(most)


@njit(cache=True)
def _most_folded(hits: Counters, folded: Counters, banks: int) -> int:
    folded[:] = 0
    for low in range(4):
        for part in range(PARTS):
            folded[(4 * part + low) % banks] += hits[low, part]
    return max(1, int(folded.max()))
