"""The tile sizes that are tried along one dimension."""

from __future__ import annotations

from ..arrays.base import ceil_div

FEW_UNITS = 32
USUAL_TILES = 2048  # along one dimension; more are tried only where so many do not fit
TILE_LIMIT = 200_000  # of a layer
CUTS_OF_T = 32  # all up to so many, then each a twelfth more


def candidates(size: int, grain: int, most_tiles: int) -> list[int]:
    """Tile sizes in multiples of the grain, largest first.

    All where they are few, else the smallest for each number of tiles up to `most_tiles`.

    >>> candidates(100, 32, USUAL_TILES)
    [100, 96, 64, 32]
    """
    units = ceil_div(size, grain)
    if units <= FEW_UNITS:
        return [min(step * grain, size) for step in range(units, 0, -1)]
    root = min(int(units**0.5) + 1, most_tiles)
    counts = {*range(1, root + 1), *(ceil_div(units, step) for step in range(1, root + 1))}
    steps = {ceil_div(units, count) for count in counts if count <= most_tiles}
    return sorted((min(step * grain, size) for step in steps), reverse=True)


def temporal_candidates(size: int, grain: int, most_tiles: int) -> list[int]:
    """The same along T, where every cut costs a fill: all numbers of tiles up to CUTS_OF_T, then a geometric row.

    >>> len(temporal_candidates(9216, 1, USUAL_TILES)) < len(candidates(9216, 1, USUAL_TILES)) / 2
    True
    """
    units = ceil_div(size, grain)
    if units <= FEW_UNITS:
        return candidates(size, grain, most_tiles)
    counts, count = [*range(1, CUTS_OF_T + 1)], CUTS_OF_T
    while count < min(units, most_tiles):
        count += ceil_div(count, 12)
        counts.append(min(count, units, most_tiles))
    return sorted({min(ceil_div(units, count) * grain, size) for count in counts}, reverse=True)
