"""The Pareto front: the rows of a table of costs that no other row beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 512  # rows that are compared with the front at a time


def on_front(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each row is on the front, less being better in every column.

    A row is off it where another is as good in all columns and better in one; so equal rows are on it together. A row
    that lacks a number (NaN) is not on it, and beats none.

    >>> on_front(np.array([[1.0, 5.0], [2.0, 2.0], [3.0, 3.0], [2.0, 2.0], [0.0, np.nan]])).tolist()
    [True, True, False, True, False]
    """
    if not costs.shape[1]:
        return np.ones(len(costs), dtype=np.bool_)  # equal in all that they are compared by
    chosen = np.zeros(len(costs), dtype=np.bool_)
    known = np.flatnonzero(~np.isnan(costs).any(axis=1))
    order = known[np.lexsort(costs[known].T[::-1])]  # what beats a row comes before it
    best = np.empty((0, costs.shape[1]))
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        block = block[~_beaten(costs[block], best)]
        block = block[~_beaten(costs[block], costs[block])]
        chosen[block] = True
        best = np.vstack([best, costs[block]])
    return chosen


def front(costs: NDArray[np.float64]) -> NDArray[np.intp]:
    """The numbers of the rows on the front, in order.

    >>> front(np.array([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0]])).tolist()
    [0, 1]
    """
    return np.flatnonzero(on_front(costs))


def _beaten(rows: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each row is beaten by one of the others."""
    no_worse: NDArray[np.bool_] = np.ones((len(rows), len(others)), dtype=np.bool_)
    better: NDArray[np.bool_] = np.zeros((len(rows), len(others)), dtype=np.bool_)
    for row, other in zip(rows.T, others.T, strict=True):  # a column of each
        np.logical_and(no_worse, other[None, :] <= row[:, None], out=no_worse)
        np.logical_or(better, other[None, :] < row[:, None], out=better)
    return np.asarray((no_worse & better).any(axis=1))
