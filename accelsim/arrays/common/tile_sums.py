"""Sums over all tiles of a grid at once, from running sums of a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]


def running_sums(counts: NDArray[np.integer]) -> Int64s:
    """Sums of counts (rows, columns) above and left of each corner, (rows + 1, columns + 1)."""
    sums = np.zeros((counts.shape[0] + 1, counts.shape[1] + 1), np.int64)
    np.cumsum(counts.cumsum(axis=0, dtype=np.int64), axis=1, out=sums[1:, 1:])
    return sums


def sums_of_tiles(sums: Int64s, rows: Int64s, columns: Int64s) -> Int64s:
    """Of every tile between successive edges, in rows and columns of the table: (tiles down, tiles across)."""
    return np.diff(np.diff(sums[np.ix_(rows, columns)], axis=0), axis=1)


def in_units(edges: Int64s, unit: int) -> Int64s:
    """Edges of elements as edges of units; the last may end within one."""
    return -(-edges // unit)


def areas_of_tiles(rows: Int64s, columns: Int64s) -> Int64s:
    """Cells of every tile between successive edges."""
    return np.multiply.outer(np.diff(rows), np.diff(columns))
