"""numba kernels of scnn on values: the Cartesian product that computes the outputs, and how many entries are stored."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .kernels import Flags, Taps, sort_taps
from .plan import Plan

Int64s = NDArray[np.int64]


@njit(cache=True)
def multiply(ifmap: Int64s, weight: Int64s, plan: Plan, out: Int64s) -> None:
    """Adds ifmap (B, C, H, W) with weight (N, C, R, S) to out (B, N, OH, OW), PE by PE and channel by channel."""
    taps = sort_taps(weight.shape[2], weight.shape[3], plan.stride, plan.dilation)
    phases = plan.stride[0] * plan.stride[1]
    acts = np.empty((plan.tile[0] * plan.tile[1], 3), np.int64)
    weights = np.empty((plan.group * weight.shape[2] * weight.shape[3], 4), np.int64)
    for first in range(0, weight.shape[0], plan.group):
        for channel in range(ifmap.shape[1]):
            for phase in range(phases):
                own = taps.order[taps.begin[phase] : taps.begin[phase + 1]]
                wide = _nonzero_weights(weight[first : first + plan.group, channel], first, own, taps, weights)
                if wide == 0:
                    continue
                for image in range(ifmap.shape[0]):
                    for pe in range(plan.grid[0] * plan.grid[1]):
                        high = _nonzero_activations(ifmap[image, channel], pe, phase, plan, acts)
                        _scatter(acts[:high], weights[:wide], plan, out[image])


@njit(cache=True)
def _nonzero_weights(weight: Int64s, first: int, own: Int64s, taps: Taps, rows: Int64s) -> int:
    """Rows (filter, tap's row, tap's column, value) of a group's (N, R, S) weights at the taps of one phase."""
    count = 0
    for tap in own:
        for k in range(weight.shape[0]):
            value = weight[k, tap // weight.shape[2], tap % weight.shape[2]]
            if value != 0:
                rows[count, 0], rows[count, 1] = first + k, taps.rows[tap]
                rows[count, 2], rows[count, 3] = taps.columns[tap], value
                count += 1
    return count


@njit(cache=True)
def _nonzero_activations(plane: Int64s, pe: int, phase: int, plan: Plan, rows: Int64s) -> int:
    """Rows (x, y, value) of a PE's tile of the padded plane, at the positions of one phase."""
    top, left, count = pe // plan.grid[1] * plan.tile[0], pe % plan.grid[1] * plan.tile[1], 0
    for x in range(max(top, plan.padding[0]), min(top + plan.tile[0], plan.padding[0] + plane.shape[0])):
        if x % plan.stride[0] != phase // plan.stride[1]:
            continue
        for y in range(max(left, plan.padding[1]), min(left + plan.tile[1], plan.padding[1] + plane.shape[1])):
            value = plane[x - plan.padding[0], y - plan.padding[1]]
            if y % plan.stride[1] == phase % plan.stride[1] and value != 0:
                rows[count, 0], rows[count, 1], rows[count, 2] = x, y, value
                count += 1
    return count


@njit(cache=True)
def _scatter(acts: Int64s, weights: Int64s, plan: Plan, out: Int64s) -> None:
    """Every activation times every weight, each product to its output; those outside are dropped."""
    for a in range(acts.shape[0]):
        for w in range(weights.shape[0]):
            x = (acts[a, 0] - weights[w, 1]) // plan.stride[0]
            y = (acts[a, 1] - weights[w, 2]) // plan.stride[1]
            if 0 <= x < plan.out[0] and 0 <= y < plan.out[1]:
                out[weights[w, 0], x, y] += acts[a, 2] * weights[w, 3]


@njit(cache=True)
def place_entries(nonzero: Flags, plan: Plan, reach: int) -> Int64s:
    """Entries of every filter and channel of nonzero (N, C, R, S), padding zeros included, (N, C).

    A filter group's weights of one channel and phase are one stream, taps outer, filters inner; an entry is at most
    `reach` positions behind the one before it. A padding zero counts for the filter at whose position it stands.
    """
    taps = sort_taps(nonzero.shape[2], nonzero.shape[3], plan.stride, plan.dilation)
    filters, channels, columns = nonzero.shape[0], nonzero.shape[1], nonzero.shape[3]
    entries = np.zeros((filters, channels), np.int64)
    for first in range(0, filters, plan.group):
        group = min(plan.group, filters - first)
        for channel in range(channels):
            for phase in range(taps.begin.size - 1):
                position, last = -1, -1
                for tap in taps.order[taps.begin[phase] : taps.begin[phase + 1]]:
                    for k in range(first, first + group):
                        position += 1
                        if nonzero[k, channel, tap // columns, tap % columns]:
                            for padding in range(last + reach, position, reach):
                                entries[first + padding % group, channel] += 1
                            entries[k, channel] += 1
                            last = position
    return entries
