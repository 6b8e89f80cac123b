"""How scnn cuts a convolution: planar tiles, groups of filters, stride phases, and the halo between tiles."""

from __future__ import annotations

from typing import NamedTuple

from ...trace.conv import ConvGeometry, Pair
from ..base import ceil_div

INDEX_BITS = 4  # zeros between an entry and the one before it: up to 15


class Plan(NamedTuple):
    """Sizes that the kernels need; pairs are (vertical, horizontal)."""

    out: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    grid: Pair  # PEs that have a tile; there may be more
    tile: Pair  # of the padded ifmap, a PE
    vectors: Pair  # (I, F)
    banks: int
    group: int  # filters whose outputs the accumulators hold at once; 0 where not even one filter's fit


def plan_of(conv: ConvGeometry, grid: Pair, vectors: Pair, banks: int, accumulators: int) -> Plan:
    """The cut of a layer: tiles of ⌈padded size / PEs⌉ and groups of ⌊accumulators / outputs of a tile⌋ filters."""
    out = conv.out_height, conv.out_width
    rows, columns = conv.height + 2 * conv.padding[0], conv.width + 2 * conv.padding[1]
    used = min(grid[0], rows), min(grid[1], columns)
    tile = ceil_div(rows, used[0]), ceil_div(columns, used[1])
    area = ceil_div(out[0], used[0]) * ceil_div(out[1], used[1])
    return Plan(out, conv.stride, conv.padding, conv.dilation, used, tile, vectors, banks, accumulators // area)


def halo_regions(conv: ConvGeometry, plan: Plan) -> list[int]:
    """Psums of one filter that a PE between others hands to each of its neighbours.

    Along an axis a PE's outputs reach d·(R−1) − p positions beyond one edge of its tile and p beyond the other. An axis
    of one PE has no neighbours.
    """
    vertical, horizontal = (_reaches(conv, plan, axis) for axis in (0, 1))
    return [v * h for i, v in enumerate(vertical) for j, h in enumerate(horizontal) if (i, j) != (0, 0)]


def _reaches(conv: ConvGeometry, plan: Plan, axis: int) -> list[int]:
    """The tile's own size, then what lies beyond its two edges."""
    if plan.grid[axis] == 1:
        return [plan.tile[axis]]
    beyond = conv.dilation[axis] * (conv.kernel[axis] - 1) - conv.padding[axis]
    return [plan.tile[axis], max(0, beyond), conv.padding[axis]]
