"""A systolic array moved one clock at a time: every PE register by register, values included.

Written from the machine, not from its formula. Operands enter at the left edge and the top edge, one hop a clock, each
row and column one clock later than its neighbour. ws and is first shift the stationary operand in from the top.
"""

from __future__ import annotations

import numpy as np


def run(x: np.ndarray, w: np.ndarray, rows: int, cols: int, dataflow: str, clipped: bool = False, hidden: bool = False):
    """(clocks, O) of O = X · Wᵀ in folds over a rows × cols array; X is (M, K), W is (N, K).

    `clipped`: an edge fold uses only the PEs that it occupies. `hidden`: a shadow register in every PE takes the next
    stationary operand while the present fold runs, so only what is longer than that fold shows.
    """
    stationary_t, moving = {"os": (None, None), "ws": (w.T, x), "is": (x.T, w)}[dataflow]
    if dataflow == "os":
        return _output_stationary(x, w, rows, cols, clipped)
    sr, sc = stationary_t.shape
    out = np.zeros((moving.shape[0], sc), np.int64)
    clocks, before = 0, None
    for r0 in range(0, sr, rows):
        for c0 in range(0, sc, cols):
            held = stationary_t[r0 : r0 + rows, c0 : c0 + cols]
            shape = held.shape if clipped else (rows, cols)
            loading = _load(held, shape)
            psums, streaming = _stream(moving[:, r0 : r0 + rows], held, shape)
            out[:, c0 : c0 + cols] += psums
            shown = loading if before is None or not hidden else max(0, loading - before)
            clocks, before = clocks + shown + streaming, streaming
    return clocks, out if dataflow == "ws" else out.T


def _load(held: np.ndarray, shape: tuple[int, int]) -> int:
    """Shift the rows in from the top, the last row first; the clocks until every value is in its place."""
    full = np.zeros(shape, np.int64)
    full[: held.shape[0], : held.shape[1]] = held
    registers, clock = np.zeros(shape, np.int64), 0
    for row in full[::-1]:
        registers = np.vstack([row, registers[:-1]])
        clock += 1
    assert np.array_equal(registers, full)
    return clock


def _stream(moving: np.ndarray, held: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, int]:
    """Values of `moving` (T, r) go right, psums go down; the psums that leave at the bottom, and the clocks."""
    rows, cols = shape
    weights = np.zeros(shape, np.int64)
    weights[: held.shape[0], : held.shape[1]] = held
    steps = moving.shape[0]
    value, tag = np.zeros(shape, np.int64), np.full(shape, -1)
    psum, out, left, clock = np.zeros(shape, np.int64), np.zeros((steps, cols), np.int64), steps * cols, 0
    while left:
        entering, entering_tag = np.zeros(rows, np.int64), np.full(rows, -1)
        for r in range(rows):
            t = clock - r
            if 0 <= t < steps:
                entering_tag[r] = t
                entering[r] = moving[t, r] if r < moving.shape[1] else 0
        value = np.column_stack([entering, value[:, :-1]])
        tag = np.column_stack([entering_tag, tag[:, :-1]])
        psum = np.vstack([np.zeros(cols, np.int64), psum[:-1]]) + value * weights
        for c in range(cols):
            if tag[rows - 1, c] >= 0:
                out[tag[rows - 1, c], c] = psum[rows - 1, c]
                left -= 1
        clock += 1
    return out[:, : held.shape[1]], clock


def _output_stationary(x: np.ndarray, w: np.ndarray, rows: int, cols: int, clipped: bool):
    out, clocks = np.zeros((len(x), len(w)), np.int64), 0
    for m0 in range(0, len(x), rows):
        for n0 in range(0, len(w), cols):
            a, b = x[m0 : m0 + rows], w[n0 : n0 + cols]
            shape = (len(a), len(b)) if clipped else (rows, cols)
            sums, fold = _accumulate(a, b, shape)
            out[m0 : m0 + rows, n0 : n0 + cols] = sums
            clocks += fold
    return clocks, out


def _accumulate(a: np.ndarray, b: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, int]:
    """Activations go right, weights go down, every PE keeps its sum; clocks until the last PE has its last pair."""
    rows, cols = shape
    steps = a.shape[1]
    right, down = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    tag, total, seen, clock = np.full(shape, -1), np.zeros(shape, np.int64), np.zeros(shape, int), 0
    while (seen < steps).any():
        edge = np.array([a[r, clock - r] if r < len(a) and 0 <= clock - r < steps else 0 for r in range(rows)])
        marks = np.array([clock - r if 0 <= clock - r < steps else -1 for r in range(rows)])
        top = np.array([b[c, clock - c] if c < len(b) and 0 <= clock - c < steps else 0 for c in range(cols)])
        right = np.column_stack([edge, right[:, :-1]])
        tag = np.column_stack([marks, tag[:, :-1]])
        down = np.vstack([top, down[:-1]])
        total += np.where(tag >= 0, right * down, 0)
        seen += tag >= 0
        clock += 1
    return total[: len(a), : len(b)], clock
