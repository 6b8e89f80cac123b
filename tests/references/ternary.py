"""ternary moved one clock at a time: every PE adds, subtracts or rests, from the design's words alone."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tests.references import os as reference_os


def taken_k(filters: np.ndarray, zero_skipping: bool) -> list[int]:
    """The k that enter for a fold of filters: those at which at least one of them is nonzero."""
    return [k for k in range(filters.shape[1]) if not zero_skipping or any(int(w) != 0 for w in filters[:, k])]


def signal(rows: int, cols: int) -> int:
    """Cycles in which the signal that lets outputs go reaches the last PE from the first: a hop right and down each."""
    reached, cycles = {(0, 0)}, 0
    while (rows - 1, cols - 1) not in reached:
        right, down = {(r, c + 1) for r, c in reached}, {(r + 1, c) for r, c in reached}
        reached = {(r, c) for r, c in reached | right | down if r < rows and c < cols}
        cycles += 1
    return cycles


def run(
    weight: np.ndarray, activation: np.ndarray, rows: int, cols: int, zero_skipping: bool
) -> tuple[int, np.ndarray, Counter[str]]:
    """(cycles, O, what the PEs did: "add", "subtract" or "rest")."""
    done: Counter[str] = Counter()

    def work(value: int, code: int) -> int:
        done[{1: "add", 0: "rest", -1: "subtract"}[code]] += 1
        return {1: value, 0: 0, -1: -value}[code]

    cycles, parts = 0, []
    for n in range(0, len(weight), cols):
        fold = weight[n : n + cols]
        taken = taken_k(fold, zero_skipping)
        pixels = [[int(row[k]) for k in taken] for row in activation]
        filters = [[int(row[k]) for k in taken] for row in fold]
        if taken:
            passed, output = reference_os.layer(pixels, filters, rows, cols, work)
        else:  # nothing enters; the outputs of each fold of pixels still have to leave
            passed = sum(signal(rows, cols) for _ in range(0, len(activation), rows))
            output = np.zeros((len(activation), len(fold)), np.int64)
        cycles += passed
        parts.append(output)
    return cycles, np.concatenate(parts, axis=1), done
