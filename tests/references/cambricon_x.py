"""Cambricon-X moved one clock at a time: PEs with queues of entries, from the design's words alone.

Filter n on PE n mod pes, PEs asynchronous, barrier at the layer's end. Per output pixel and filter, windows of 256
consecutive k follow one another; a window's entries are its nonzeros and, where an entry lies 2^index_bits or more
zeros behind the one before (or the window's start), padding zeros in between. A PE takes up to `multipliers` entries of
one window a clock, and a clock for a window without any.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

WINDOW = 256
Entry = tuple[int, int]  # zeros skipped, weight


def entries_of(window: np.ndarray, index_bits: int) -> deque[Entry]:
    """The window's entries; a step holds at most 2^index_bits − 1 zeros."""
    found: deque[Entry] = deque()
    skipped = 0
    for weight in window:
        if weight:
            found.append((skipped, int(weight)))
            skipped = 0
        elif skipped == 2**index_bits - 1:
            found.append((skipped, 0))  # this very zero is stored
            skipped = 0
        else:
            skipped += 1
    while found and found[-1][1] == 0:
        found.pop()  # nothing follows that would need them
    return found


@dataclass
class Pe:
    """`jobs`: (pixel, filter, window) in the order in which they run; `place` is the k of the last entry."""

    jobs: deque[tuple[int, int, int]] = field(default_factory=deque)
    entries: deque[Entry] | None = None
    place: int = 0


@dataclass
class Outcome:
    cycles: int
    output: np.ndarray
    tally: Counter[str]


def clock(
    pe: Pe, had_filters: bool, weight: np.ndarray, x: np.ndarray, settings: tuple[int, int], end: Outcome
) -> None:
    """One PE, one clock."""
    multipliers, index_bits = settings
    if not pe.jobs:
        end.tally["barrier" if had_filters else "imbalance"] += multipliers
        return
    pixel, filter, window = pe.jobs[0]
    if pe.entries is None:
        pe.entries = entries_of(weight[filter, window * WINDOW : (window + 1) * WINDOW], index_bits)
        pe.place = window * WINDOW - 1
    if not pe.entries:
        end.tally["extent"] += multipliers
    else:
        for _ in range(multipliers):
            if not pe.entries:
                end.tally["fragment"] += 1
                continue
            skipped, value = pe.entries.popleft()
            pe.place += skipped + 1
            end.output[pixel, filter] += value * x[pixel, pe.place]
            end.tally["macs" if value else "padding"] += 1
    if not pe.entries:
        pe.entries = None
        pe.jobs.popleft()


def run(weight: np.ndarray, x: np.ndarray, pes: int, multipliers: int, index_bits: int) -> Outcome:
    """O = X Wᵀ; tally counts multiplier slots."""
    end = Outcome(0, np.zeros((len(x), len(weight)), np.int64), Counter())
    windows = range(-(-weight.shape[1] // WINDOW))
    machine = [
        Pe(deque((m, n, w) for m in range(len(x)) for n in range(p, len(weight), pes) for w in windows))
        for p in range(pes)
    ]
    had = [bool(pe.jobs) for pe in machine]
    while any(pe.jobs for pe in machine):
        for p, pe in enumerate(machine):
            clock(pe, had[p], weight, x, (multipliers, index_bits), end)
        end.cycles += 1
    return end
