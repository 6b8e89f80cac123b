"""Subtiles of an output tile, finished one after another, so that the vector unit need not wait for the whole."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import lcm

from ..arrays.base import Grain, Tile, ceil_div
from ..mapping.footprint import spans

SUBTILES = 64  # of a layer, as far as the grain allows: the last one's time in the vector unit is little of the whole


def subtiles_of(tile: Tile, grain: Grain, K: int, rows: int, wanted: int) -> Iterator[Tile]:
    """About `wanted` subtiles of a tile, along M and then N, whose work adds up to the tile's.

    They are cut on the grain and where a cut costs no cycles, to parts that run on at least, along M in multiples of
    `rows` too. A tile that does not span K whole finishes at once.
    """
    if tile.k0 > 0 or tile.k1 < K or wanted == 1:
        yield tile
        return
    fixed = {grain.whole, *(grain.costly - grain.refilled)}
    m, n, _ = tile.shape
    m_step = m if "M" in fixed else _step(m, lcm(grain.m, rows), wanted)
    n_step = n if "N" in fixed else _step(n, grain.n, ceil_div(wanted, ceil_div(m, m_step)))
    before, continues = tile.before, tile.continues
    for (m0, m1), (n0, n1) in product(spans(m, m_step), spans(n, n_step)):
        subtile = Tile(tile.m0 + m0, tile.m0 + m1, tile.n0 + n0, tile.n0 + n1, tile.k0, tile.k1, before, continues)
        yield subtile
        before, continues = subtile.shape, True


def _step(size: int, unit: int, parts: int) -> int:
    """The smallest multiple of `unit` that cuts a size into no more than `parts`, or the size."""
    return min(size, ceil_div(ceil_div(size, unit), parts) * unit)
