"""Sums over tiles, one or all of a grid at once, from running sums of a table of counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]


class UnitSums:
    """Counts of every unit of a matrix, (⌈rows / unit_rows⌉, ⌈columns / unit_columns⌉), and their sums over tiles.

    Tiles are cut on the units: an edge is a multiple of them or the matrix's end.

    >>> sums = UnitSums(np.array([[1, 2], [3, 4]]), unit_columns=64)
    >>> sums.of_tile(1, 2, 0, 100)
    7
    >>> sums.of_tiles(np.array([0, 1, 2]), np.array([0, 100]))
    array([[3],
           [7]])
    """

    def __init__(self, counts: NDArray[np.integer], unit_rows: int = 1, unit_columns: int = 1) -> None:
        self.units = unit_rows, unit_columns
        self.sums = running_sums(counts)

    def of_tile(self, r0: int, r1: int, c0: int, c1: int) -> int:
        """The sum over one tile, from its four corners."""
        rows, columns = self.units
        top, bottom, left, right = r0 // rows, -(-r1 // rows), c0 // columns, -(-c1 // columns)
        sums = self.sums
        return int(sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left])

    def of_rows(self, r0: int, r1: int, c0: int, c1: int) -> Int64s:
        """The sum of each unit of rows of a tile, (units,)."""
        rows, columns = self.units
        part = self.sums[r0 // rows : -(-r1 // rows) + 1]
        return np.diff(part[:, -(-c1 // columns)] - part[:, c0 // columns])

    def of_tiles(self, rows: Int64s, columns: Int64s) -> Int64s:
        """The sum of every tile between successive edges, (tiles down, tiles across)."""
        return sums_of_tiles(self.sums, in_units(rows, self.units[0]), in_units(columns, self.units[1]))


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
