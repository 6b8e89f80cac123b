"""numba kernels of eie: where entries lie, how long the PEs take, and the walk that computes the outputs."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]
Kinds = NDArray[np.uint8]
Flags = NDArray[np.bool_]

FREE, LAST, BUSIEST, WORDS, STARTED = range(5)  # sums over vectors that `broadcast` adds to


@njit(cache=True)
def place_entries(nonzero: Flags, pes: int, reach: int) -> Kinds:
    """(N, K): 1 where a weight is stored, 2 where a padding zero is, for rows dealt to `pes` PEs in turn.

    An entry is at most `reach` of the PE's own rows behind the one before it, or behind row −1.
    """
    kinds = np.zeros(nonzero.shape, np.uint8)
    last = np.full((min(pes, nonzero.shape[0]), nonzero.shape[1]), -1, np.int64)
    for n in range(nonzero.shape[0]):
        p, row = n % pes, n // pes
        for k in range(nonzero.shape[1]):
            if nonzero[n, k]:
                for padding in range(last[p, k] + reach, row, reach):
                    kinds[padding * pes + p, k] = 2
                kinds[n, k] = 1
                last[p, k] = row
    return kinds


@njit(cache=True)
def count_columns(kinds: Kinds, pes: int) -> Int32s:
    """Entries of every column in every PE, (K, pes)."""
    counts = np.zeros((kinds.shape[1], pes), np.int32)
    for n in range(kinds.shape[0]):
        for k in range(kinds.shape[1]):
            counts[k, n % pes] += kinds[n, k] != 0
    return counts


@njit(cache=True)
def broadcast(
    active: Flags, entries: Int32s, first: Int32s, last: Int32s, depth: int, latency: int, sums: Int64s
) -> None:
    """Adds to sums what the vectors active (M, K) take on entries (K, P); first and last are their matrix words.

    From cycle 1 on a nonzero activation is broadcast each cycle unless a FIFO is full: `depth` wait in it. It is served
    `latency` cycles later at the earliest, and not before the PE has addressed the last entry of the one before; its
    slot is free again from then on.
    """
    pes = entries.shape[1]
    started = np.empty(active.shape[1], np.int64)  # of each broadcast: when the last PE took it
    free, share, word = np.empty(pes, np.int64), np.empty(pes, np.int64), np.empty(pes, np.int32)
    for m in range(active.shape[0]):
        free[:], share[:], word[:] = 1 + latency, 0, -1
        sent, at = 0, 0
        for k in range(active.shape[1]):
            if not active[m, k]:
                continue
            at = max(at + 1, started[sent - depth]) if sent >= depth else at + 1
            started[sent] = _serve(entries[k], first[k], last[k], at + latency, free, share, word, sums)
            sent += 1
        if sent > 0:
            sums[STARTED] += 1
            sums[LAST] += free.max()
            sums[FREE] += free.sum()
            sums[BUSIEST] += share.max()


@njit(cache=True, inline="always")
def _serve(
    entries: Int32s, first: Int32s, last: Int32s, ready: int, free: Int64s, share: Int64s, word: Int32s, sums: Int64s
) -> int:
    """All PEs take one column that is ready; the cycle in which the last of them begins."""
    latest, words = 0, 0
    for p in range(entries.size):
        start = max(ready, free[p])
        latest = max(latest, start)
        free[p] = start + max(1, entries[p])
        share[p] += entries[p]
        if entries[p] > 0:
            words += last[p] - first[p] + (first[p] != word[p])
            word[p] = last[p]
    sums[WORDS] += words
    return latest


@njit(cache=True)
def walk(starts: Int64s, distances: Int64s, values: Int64s, x: Int64s, out: Int64s) -> None:
    """Add one PE's products to out (M, rows of the PE): the columns of nonzero activations, entry by entry."""
    for m in range(x.shape[0]):
        for k in range(x.shape[1]):
            if x[m, k] == 0:
                continue
            row = -1
            for entry in range(starts[k], starts[k + 1]):
                row += distances[entry] + 1
                out[m, row] += values[entry] * x[m, k]
