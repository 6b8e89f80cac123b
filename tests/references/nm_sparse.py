"""An N:M systolic array moved one clock at a time: weight slots, groups of activations and psums in registers.

Written from the machine: every PE meets one weight slot (value, place in its group) and the m activations of that
group, and its multiplexer takes one of them. Operands enter at the left and top edges, a clock later for each row and
column. ws holds weight slots and is holds groups; both are first shifted in from the top.
"""

from __future__ import annotations

import numpy as np

Slot = tuple[int, int]  # a weight and its place in the group
Group = tuple[int, ...]  # m activations
NO_SLOT: Slot = (0, 0)


def slots_of(row: np.ndarray, n: int, m: int) -> list[tuple[int, Slot]]:
    """(group, slot) of one filter in order: n for a whole group, at most n for what is left of K."""
    found = []
    for start in range(0, len(row), m):
        group = [int(v) for v in row[start : start + m]]
        slots = [(value, place) for place, value in enumerate(group) if value]
        slots += [NO_SLOT] * (min(n, len(group)) - len(slots))
        found += [(start // m, slot) for slot in slots]
    return found


def select(slot: Slot, group: Group) -> int:
    """What a PE multiplies: the weight and the activation that the multiplexer lets through."""
    value, place = slot
    return value * group[place]


def run(x: np.ndarray, w: np.ndarray, rows: int, cols: int, dataflow: str, n: int, m: int) -> tuple[int, np.ndarray]:
    """(clocks, O) of O = X · Wᵀ in folds over a rows × cols array; X is (M, K), W is (N, K) and keeps to n:m."""
    filters = [slots_of(row, n, m) for row in w]
    padded = np.pad(x, ((0, 0), (0, -x.shape[1] % m)))
    weights = [[slot for _, slot in row] for row in filters]
    groups = [[tuple(int(v) for v in pixel[g * m : g * m + m]) for g, _ in filters[0]] for pixel in padded]
    out = np.zeros((len(x), len(w)), np.int64)
    if dataflow == "os":
        return _output_stationary(groups, weights, (rows, cols), out)
    held, moving = (weights, groups) if dataflow == "ws" else (groups, weights)
    target = out if dataflow == "ws" else out.T
    clocks = 0
    for k0 in range(0, len(weights[0]), rows):
        for c0 in range(0, len(held), cols):
            loading, part = _load([column[k0 : k0 + rows] for column in held[c0 : c0 + cols]], (rows, cols))
            lines = [line[k0 : k0 + rows] for line in moving]
            clocks += loading + _stream(lines, part, dataflow == "ws", target[:, c0 : c0 + cols])
    return clocks, out


def _load(columns: list, shape: tuple[int, int]) -> tuple[int, list[list]]:
    """Rows enter at the top, the last one first; (clocks, what every PE then holds, None where there is nothing)."""
    rows, cols = shape
    held: list[list] = [[None] * cols for _ in range(rows)]
    clock = 0
    for r in reversed(range(rows)):
        entering = [column[r] if r < len(column) else None for column in columns]
        held = [entering + [None] * (cols - len(columns)), *held[:-1]]
        clock += 1
    return clock, held


def _stream(moving: list, held: list[list], holds_weights: bool, out: np.ndarray) -> int:
    """Lines of `moving` go right, psums go down and out; the clocks until the last psum has left the corner."""
    rows, cols = len(held), len(held[0])
    value: list[list] = [[None] * cols for _ in range(rows)]
    psum = [[0] * cols for _ in range(rows)]
    tag = [[-1] * cols for _ in range(rows)]
    clock, left = 0, len(moving) * cols
    while left:
        for r in reversed(range(rows)):
            for c in reversed(range(cols)):
                t = clock - r
                entering = 0 <= t < len(moving)
                if c:
                    value[r][c], tag[r][c] = value[r][c - 1], tag[r][c - 1]
                else:
                    value[r][c] = moving[t][r] if entering and r < len(moving[t]) else None
                    tag[r][c] = t if entering else -1
                psum[r][c] = psum[r - 1][c] if r else 0
                if value[r][c] is not None and held[r][c] is not None:
                    pair = (held[r][c], value[r][c]) if holds_weights else (value[r][c], held[r][c])
                    psum[r][c] += select(*pair)
        for c in range(cols):
            if tag[rows - 1][c] >= 0:
                left -= 1
                if c < out.shape[1]:
                    out[tag[rows - 1][c], c] += psum[rows - 1][c]
        clock += 1
    return clock


def _output_stationary(groups: list, weights: list, shape: tuple[int, int], out: np.ndarray) -> tuple[int, np.ndarray]:
    clocks = 0
    for m0 in range(0, len(groups), shape[0]):
        for n0 in range(0, len(weights), shape[1]):
            block = out[m0 : m0 + shape[0], n0 : n0 + shape[1]]
            clocks += _accumulate(groups[m0 : m0 + shape[0]], weights[n0 : n0 + shape[1]], shape, block)
    return clocks, out


def _accumulate(groups: list, weights: list, shape: tuple[int, int], out: np.ndarray) -> int:
    """Groups go right, weight slots go down, psums stay; the clocks until the corner PE has met its last pair."""
    rows, cols = shape
    steps = len(weights[0])
    right: list[list] = [[None] * cols for _ in range(rows)]
    down: list[list] = [[None] * cols for _ in range(rows)]
    tag = [[-1] * cols for _ in range(rows)]
    clock, met = 0, 0
    while met < steps:
        for r in reversed(range(rows)):
            for c in reversed(range(cols)):
                entering = 0 <= clock - r < steps
                if c:
                    right[r][c], tag[r][c] = right[r][c - 1], tag[r][c - 1]
                else:
                    right[r][c] = groups[r][clock - r] if entering and r < len(groups) else None
                    tag[r][c] = clock - r if entering else -1
                if r:
                    down[r][c] = down[r - 1][c]
                else:
                    down[r][c] = weights[c][clock - c] if 0 <= clock - c < steps and c < len(weights) else None
                if right[r][c] is not None and down[r][c] is not None:
                    out[r, c] += select(down[r][c], right[r][c])
        met += tag[rows - 1][cols - 1] >= 0
        clock += 1
    return clock
