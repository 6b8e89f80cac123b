"""numba kernels of csr_rows: the cycles of one pass, and the walk that computes the outputs.

Both read the weights as csr_absolute does: of every (row, block) the first entry and the number of entries, and of
every entry its column in the block.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...trace.operand import Ints

Int64s = NDArray[np.int64]
Int8s = NDArray[np.int8]

BLOCK = 64
ROW, AT_BLOCK, LEFT, ENTRY, WANT, BANK, SINCE = range(7)  # what a PE holds; ROW is −1 where it is idle


@njit(cache=True)
def one_pass(
    starts: Int64s,
    lengths: Int64s,
    columns: Ints,
    rows: tuple[int, int],
    blocks: tuple[int, int],
    pes: int,
    banks: int,
    dynamic: bool,
) -> tuple[int, int, int, int]:
    """(cycles, bank services, conflict PE-cycles, empty-extent PE-cycles) of filters rows[0].. on blocks blocks[0]...

    `pes` is at most the number of filters. Every cycle the PEs ask, each bank picks one k, and the PEs advance.
    """
    pe = np.zeros((pes, 7), np.int64)
    picked = np.full((banks, 3), -1, np.int64)  # of a bank: the cycle of the pick, its k, since when it was wanted
    for p in range(pes):
        pe[p, ROW] = rows[0] + p
        pe[p, AT_BLOCK] = blocks[0]
        _open_extent(pe[p], starts, lengths, columns, banks, 0)
    issued, busy = rows[0] + pes, pes
    cycle, services, conflicts, empties = 0, 0, 0, 0
    while busy > 0:
        services += _pick(pe, picked, cycle)
        cycle += 1
        for p in range(pes):
            if pe[p, ROW] < 0:
                continue
            if pe[p, LEFT] == 0:
                empties += 1
            elif pe[p, WANT] == picked[pe[p, BANK], 1]:
                pe[p, LEFT] -= 1
                pe[p, ENTRY] += 1
            else:
                conflicts += 1
                continue
            if pe[p, LEFT] > 0:
                _want(pe[p], columns, banks, cycle)
                continue
            if _leave_extent(pe[p], blocks, rows[1], issued if dynamic else pe[p, ROW] + pes):
                issued += 1
                busy -= pe[p, ROW] < 0
            if pe[p, ROW] >= 0:
                _open_extent(pe[p], starts, lengths, columns, banks, cycle)
    return cycle, services, conflicts, empties


@njit(cache=True)
def _leave_extent(one: Int64s, blocks: tuple[int, int], end: int, row: int) -> bool:
    """Turn to the next block, or behind the last to filter `row` (idle from `end` on); whether the filter was done."""
    one[AT_BLOCK] += 1
    if one[AT_BLOCK] < blocks[1]:
        return False
    one[AT_BLOCK] = blocks[0]
    one[ROW] = row if row < end else -1
    return True


@njit(cache=True)
def _open_extent(one: Int64s, starts: Int64s, lengths: Int64s, columns: Ints, banks: int, cycle: int) -> None:
    """The PE turns to its (row, block) from `cycle` on."""
    one[LEFT] = lengths[one[ROW], one[AT_BLOCK]]
    one[ENTRY] = starts[one[ROW], one[AT_BLOCK]]
    if one[LEFT] > 0:
        _want(one, columns, banks, cycle)


@njit(cache=True)
def _want(one: Int64s, columns: Ints, banks: int, cycle: int) -> None:
    """The PE asks for the k of its entry from `cycle` on."""
    one[WANT] = one[AT_BLOCK] * BLOCK + columns[one[ENTRY]]
    one[BANK] = one[WANT] % banks
    one[SINCE] = cycle


@njit(cache=True)
def _pick(pe: Int64s, picked: Int64s, cycle: int) -> int:
    """Each bank that is asked picks the k that was wanted longest, of PEs in rising index; the number of such banks."""
    services = 0
    for p in range(pe.shape[0]):
        if pe[p, ROW] < 0 or pe[p, LEFT] == 0:
            continue
        bank = pe[p, BANK]
        if picked[bank, 0] == cycle and picked[bank, 2] <= pe[p, SINCE]:
            continue
        services += picked[bank, 0] != cycle
        picked[bank, 0], picked[bank, 1], picked[bank, 2] = cycle, pe[p, WANT], pe[p, SINCE]
    return services


@njit(cache=True)
def walk(starts: Int64s, lengths: Int64s, columns: Ints, values: Int64s, words: Int64s, out: Int64s) -> None:
    """Add the products of some passes to out (passes, N, V); words (passes, K, V) are the buffer's.

    Entry by entry, block after block: the column picks the word, whose V activations meet one weight.
    """
    for p in range(words.shape[0]):
        for n in range(starts.shape[0]):
            for b in range(starts.shape[1]):
                for e in range(starts[n, b], starts[n, b] + lengths[n, b]):
                    word = words[p, b * BLOCK + columns[e]]
                    for lane in range(word.size):
                        out[p, n, lane] += values[e] * word[lane]


@njit(cache=True)
def walk_shifts(
    starts: Int64s, lengths: Int64s, columns: Ints, signs: Int8s, exponents: Int8s, words: Int64s, out: Int64s
) -> None:
    """The same walk where an entry is signed powers of two, (entries, terms): every lane shifts its word and adds."""
    for p in range(words.shape[0]):
        for n in range(starts.shape[0]):
            for b in range(starts.shape[1]):
                for e in range(starts[n, b], starts[n, b] + lengths[n, b]):
                    word = words[p, b * BLOCK + columns[e]]
                    for t in range(signs.shape[1]):
                        for lane in range(word.size):
                            shifted = word[lane] << exponents[e, t]
                            if signs[e, t] > 0:
                                out[p, n, lane] += shifted
                            elif signs[e, t] < 0:
                                out[p, n, lane] -= shifted
