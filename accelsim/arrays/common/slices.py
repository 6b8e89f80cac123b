"""How much of an operand a functional datapath holds at a time."""

from __future__ import annotations

SLICE_ELEMENTS = 2**20  # of an operand, as 64-bit integers 8 MiB


def row_slices(rows: int, columns: int, step: int = 1) -> list[tuple[int, int]]:
    """Runs of rows, multiples of `step` but for the last, of SLICE_ELEMENTS at most or of one step.

    >>> row_slices(10, 2**18, step=2)
    [(0, 4), (4, 8), (8, 10)]
    """
    size = max(1, SLICE_ELEMENTS // (columns * step)) * step
    return [(start, min(start + size, rows)) for start in range(0, rows, size)]
