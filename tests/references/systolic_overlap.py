"""A systolic array whose folds overlap, moved one clock at a time: second accumulators, shadow registers and ports.

Written from the machine, not from its formula. A fold starts at the first clock at which nothing that it needs is
taken: `_Reserved` books registers and ports clock by clock. Then every register is moved with its value and the fold
that it belongs to, and a register that is written before it was read, or a port that two values want, is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Fold:
    """os: rows of X and of W, (r, T) and (c, T). ws, is: what moves, (T, r), and what stays, (r, c)."""

    first: np.ndarray
    second: np.ndarray
    shape: tuple[int, int]  # rows and columns that it occupies
    start: int = 0
    load: int = 0


def run(
    xs: list[np.ndarray], ws: list[np.ndarray], rows: int, cols: int, dataflow: str, clipped: bool, together: int = 1
) -> tuple[int, np.ndarray]:
    """(clocks, O of all groups side by side): the folds of all groups, `together` of them in one, are one sequence."""
    folds, places = [], []
    for g in range(0, len(xs), together):
        for fold, place in _folds(xs[g : g + together], ws[g : g + together], rows, cols, dataflow, clipped):
            folds.append(fold)
            places.append((g, place))
    clocks, results = (_output_stationary if dataflow == "os" else _stationary)(folds, rows, cols)
    m, n = len(xs[0]), len(ws[0])
    sums = [np.zeros((m, n) if dataflow != "is" else (n, m), np.int64) for _ in xs]
    for (g, (a, b)), fold, result in zip(places, folds, results, strict=True):
        if dataflow == "os":
            part = result[: len(fold.first), : len(fold.second)]
            sums[g][a : a + part.shape[0], b : b + part.shape[1]] += part
            continue
        part, width = result[:, : fold.second.shape[1]], sums[0].shape[1]
        for column in range(part.shape[1]):  # of a packed fold each group's columns go to its own output
            sums[g + (b + column) // width][:, (b + column) % width] += part[:, column]
    return clocks, np.hstack([total.T if dataflow == "is" else total for total in sums])


def _folds(xs, ws, rows, cols, dataflow, clipped):
    """The folds of one pack of groups in order, with the place of their outputs; Sc inside Sr."""
    if dataflow == "os":
        x, w = xs[0], ws[0]
        for m0 in range(0, len(x), rows):
            for n0 in range(0, len(w), cols):
                a, b = x[m0 : m0 + rows], w[n0 : n0 + cols]
                yield Fold(a, b, (len(a), len(b)) if clipped else (rows, cols)), (m0, n0)
        return
    stays, moves = (ws, xs) if dataflow == "ws" else (xs, ws)
    held = _block_diagonal([part.T for part in stays])
    moving = np.hstack(moves)
    for r0 in range(0, held.shape[0], rows):
        for c0 in range(0, held.shape[1], cols):
            part = held[r0 : r0 + rows, c0 : c0 + cols]
            yield Fold(moving[:, r0 : r0 + rows], part, part.shape if clipped else (rows, cols)), (r0, c0)


def _block_diagonal(parts: list[np.ndarray]) -> np.ndarray:
    out = np.zeros((sum(len(p) for p in parts), sum(p.shape[1] for p in parts)), np.int64)
    r = c = 0
    for part in parts:
        out[r : r + len(part), c : c + part.shape[1]] = part
        r, c = r + len(part), c + part.shape[1]
    return out


class _Reserved:
    """Which register or port is taken at which clock."""

    def __init__(self) -> None:
        self.taken: set[tuple[Any, ...]] = set()

    def first(self, least: int, wanted: Any) -> int:
        """The first clock from `least` on at which all that `wanted(clock)` yields is free, and takes it."""
        while True:
            needs = set(wanted(least))
            if not needs & self.taken:
                self.taken |= needs
                return least
            least += 1


def _output_stationary(folds: list[Fold], rows: int, cols: int) -> tuple[int, list[np.ndarray]]:
    reserved, least = _Reserved(), 0
    for fold in folds:
        r, c = fold.shape
        steps = fold.first.shape[1]

        def wanted(s, r=r, c=c, steps=steps):
            for i in range(r):
                yield from (("left", i, s + i + t) for t in range(steps))
            for j in range(c):
                yield from (("top", j, s + j + t) for t in range(steps))
                drain = s + steps + r - 1 + j  # the clock at which the column's last row has its sum beside it
                yield from (("edge", j, drain + q) for q in range(r))
                for i in range(r):
                    yield from (("second", i, j, clock) for clock in range(s + steps + i + j, drain + i + 1))

        fold.start = least = reserved.first(least, wanted)
    return _move_output_stationary(folds, rows, cols)


def _move_output_stationary(folds: list[Fold], rows: int, cols: int) -> tuple[int, list[np.ndarray]]:
    results = [np.zeros(fold.shape, np.int64) for fold in folds]
    right, down, second = ([[None] * cols for _ in range(rows)] for _ in range(3))
    total = np.zeros((rows, cols), np.int64)
    draining: list[Any] = [None] * cols  # (fold, values still to come)
    left, clock, last_mac = sum(f.shape[0] * f.shape[1] for f in folds), 0, 0
    while left:
        for j in range(cols):  # the second accumulators of a column move down by one
            if draining[j] is not None:
                f, remaining = draining[j]
                r = folds[f].shape[0]
                owner, value = second[r - 1][j]
                assert owner == f
                results[f][remaining - 1, j] = value
                left -= 1
                second[r - 1][j] = None
                for i in range(r - 2, -1, -1):
                    if second[i][j] is not None and second[i][j][0] == f:
                        second[i + 1][j], second[i][j] = second[i][j], None
                draining[j] = (f, remaining - 1) if remaining > 1 else None
        entering = [[None] * rows, [None] * cols]
        for f, fold in enumerate(folds):
            steps = fold.first.shape[1]
            for side, (operand, size) in enumerate(zip((fold.first, fold.second), fold.shape, strict=True)):
                for i in range(size):
                    t = clock - fold.start - i
                    if 0 <= t < steps:
                        assert entering[side][i] is None
                        entering[side][i] = (f, t, int(operand[i, t]) if i < len(operand) else 0)
        right = [[entering[0][i], *right[i][:-1]] for i in range(rows)]
        down = [entering[1], *down[:-1]]
        for i in range(rows):
            for j in range(cols):
                a, b = right[i][j], down[i][j]
                if a is None or b is None or i >= folds[a[0]].shape[0] or j >= folds[a[0]].shape[1]:
                    continue
                assert a[:2] == b[:2]
                f, t = a[:2]
                total[i, j] = (0 if t == 0 else total[i, j]) + a[2] * b[2]
                if t == folds[f].first.shape[1] - 1:
                    assert second[i][j] is None, "a sum is written over"
                    second[i][j] = (f, int(total[i, j]))
                    last_mac = clock
                    if i == folds[f].shape[0] - 1:
                        assert draining[j] is None, "two folds drain from one column"
                        draining[j] = (f, folds[f].shape[0])
        clock += 1
    return last_mac + 1, results


def _stationary(folds: list[Fold], rows: int, cols: int) -> tuple[int, list[np.ndarray]]:
    reserved, least_load, least = _Reserved(), 0, 0
    for fold in folds:
        r, c = fold.shape
        steps = len(fold.first)
        fold.load, fold.start = _booked(reserved, least_load, least, (r, c, steps))
        least_load, least = fold.load + 1, fold.start + 1
    return _move_stationary(folds, rows, cols)


def _booked(reserved: _Reserved, load: int, least: int, sizes: tuple[int, int, int]) -> tuple[int, int]:
    """The first start, and for it a load: shadow registers are taken from the load's passing until the first use.

    A counter addresses the psums of a column, so that folds leave it in their order.
    """
    r, c, steps = sizes
    start = max(least, load + r)
    left = {j: max((n[2] for n in reserved.taken if n[:2] == ("edge", j)), default=-1) for j in range(c)}
    start = max(start, *(clock + 1 - j - (r - 1) for j, clock in left.items()))
    while True:
        for begin in range(load, start - r + 1):
            needs = {("top", j, begin + j + q) for j in range(c) for q in range(r)}
            for i in range(r):
                needs |= {("left", i, start + i + t) for t in range(steps)}
                for j in range(c):
                    needs |= {("shadow", i, j, clock) for clock in range(begin + j + i + 1, start + i + j + 1)}
            needs |= {("edge", j, start + t + j + r - 1) for j in range(c) for t in range(steps)}
            if not needs & reserved.taken:
                reserved.taken |= needs
                return begin, start
        start += 1


def _move_stationary(folds: list[Fold], rows: int, cols: int) -> tuple[int, list[np.ndarray]]:
    results = [np.zeros((len(fold.first), fold.shape[1]), np.int64) for fold in folds]
    held = []
    for fold in folds:
        full = np.zeros(fold.shape, np.int64)
        full[: fold.second.shape[0], : fold.second.shape[1]] = fold.second
        held.append(full)
    value, shadow, working, psum = ([[None] * cols for _ in range(rows)] for _ in range(4))
    left, clock = sum(len(f.first) * f.shape[1] for f in folds), 0
    while left:
        entering = [None] * rows
        for f, fold in enumerate(folds):
            for i in range(fold.shape[0]):
                t = clock - fold.start - i
                if 0 <= t < len(fold.first):
                    assert entering[i] is None
                    entering[i] = (f, t, int(fold.first[t, i]) if i < fold.first.shape[1] else 0)
        value = [[entering[i], *value[i][:-1]] for i in range(rows)]
        came, psum = psum, [[None] * cols for _ in range(rows)]
        out = [False] * cols
        for i in range(rows):
            for j in range(cols):
                if value[i][j] is None or j >= folds[value[i][j][0]].shape[1]:
                    continue
                f, t, v = value[i][j]
                if t == 0:
                    assert shadow[i][j] is not None
                    assert shadow[i][j][0] == f, "a value was loaded over"
                    working[i][j], shadow[i][j] = shadow[i][j], None
                assert working[i][j][0] == f
                above = 0
                if i:
                    assert came[i - 1][j][:2] == (f, t)
                    above = came[i - 1][j][2]
                psum[i][j] = (f, t, above + v * working[i][j][1])
                if i == folds[f].shape[0] - 1:
                    assert not out[j], "two psums at one port"
                    out[j] = True
                    results[f][t, j] = psum[i][j][2]
                    left -= 1
        for f, fold in enumerate(folds):  # the loads of this clock, behind what was taken over in it
            for j in range(fold.shape[1]):
                q = clock - fold.load - j
                if 0 <= q < fold.shape[0]:
                    assert shadow[q][j] is None, "a value is loaded over"
                    for i in range(q, 0, -1):
                        shadow[i][j] = shadow[i - 1][j]
                    shadow[0][j] = (f, int(held[f][fold.shape[0] - 1 - q, j]))
        clock += 1
    return clock, results
