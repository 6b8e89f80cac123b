"""An output-stationary fold moved one clock at a time: values enter at the left and at the top and go from PE to PE.

The streams enter skewed, row r and column c a cycle behind the one before. A PE works in the cycle in which it holds a
value of either stream. Rows and columns of the array that have no output take part with empty values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

EMPTY = "empty"  # travels where the array has no output; None is a register that holds nothing yet


def fold(left: list[list[Any]], top: list[list[Any]], work: Callable[[Any, Any], int]) -> tuple[int, np.ndarray]:
    """(cycles until every PE has seen its streams, psums); streams are equally long lists."""
    rows, cols, length = len(left), len(top), len(left[0])
    from_left: list[list[Any]] = [[None] * cols for _ in range(rows)]
    from_top: list[list[Any]] = [[None] * cols for _ in range(rows)]
    psums, seen, cycle = np.zeros((rows, cols), np.int64), 0, 0
    while seen < rows * cols * length:
        for r in reversed(range(rows)):
            for c in reversed(range(cols)):
                from_left[r][c] = from_left[r][c - 1] if c else _entering(left[r], cycle - r)
                from_top[r][c] = from_top[r - 1][c] if r else _entering(top[c], cycle - c)
        for r in range(rows):
            for c in range(cols):
                a, b = from_left[r][c], from_top[r][c]
                assert (a is None) == (b is None)
                seen += a is not None
                if a is not None and EMPTY not in (a, b):
                    psums[r, c] += work(a, b)
        cycle += 1
    return cycle, psums


def _entering(stream: list[Any], at: int) -> Any:
    return stream[at] if 0 <= at < len(stream) else None


def layer(
    pixels: Sequence[list[Any]], filters: Sequence[list[Any]], rows: int, cols: int, work: Callable[[Any, Any], int]
) -> tuple[int, np.ndarray]:
    """(cycles, O) of all folds, one after another, from a stream a pixel and a filter."""
    output = np.zeros((len(pixels), len(filters)), np.int64)
    idle = [EMPTY] * len(pixels[0])
    cycles = 0
    for m in range(0, len(pixels), rows):
        for n in range(0, len(filters), cols):
            left, top = list(pixels[m : m + rows]), list(filters[n : n + cols])
            taken, psums = fold(left + [idle] * (rows - len(left)), top + [idle] * (cols - len(top)), work)
            output[m : m + rows, n : n + cols] = psums[: len(left), : len(top)]
            cycles += taken
    return cycles, output
