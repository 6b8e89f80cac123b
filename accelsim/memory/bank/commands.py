"""Commands of a bank-level DRAM: when one may be issued, and what its issue does to the state."""

from __future__ import annotations

from numba import njit

from accelsim.memory.bank.state import (
    ACT_TIMES,
    ACT_WINDOW,
    ACTIVE_CLOCKS,
    BANK_TIMES,
    CANDIDATES,
    CLOSED,
    DISTANCE,
    END_RANK,
    FIRST_RANK,
    GROUP_OF,
    IDLE_CLOCKS,
    LOOK_AT,
    N_ACT,
    N_HITS,
    N_PRE,
    N_RD,
    N_REF,
    N_WR,
    NEXT_ACT,
    OPEN_BANKS,
    QUEUE_OF,
    RANK_DISTANCES,
    RANK_OF,
    RANK_SIZE,
    RANK_TIMES,
    ROW,
    ROW_HITS,
    SINCE,
    STALE,
    TFAW,
    Array,
)
from accelsim.memory.bank.timing import ACT, BANK, GROUP, OTHER_RANKS, PRE, RANK, RD, RDA, REF, TIMED, WR


@njit(cache=True)
def ready_at(m: Array, bank: int, command: int) -> int:
    """The first clock at which a bank may be given a command (ACT, PRE, RD, WR or REF), as far as time goes."""
    rank = m[bank + RANK_OF]
    clock = max(m[bank + BANK_TIMES + command], m[m[bank + GROUP_OF] + command], m[rank + RANK_TIMES + command])
    if command == ACT:
        clock = max(clock, m[rank + ACT_TIMES + m[rank + NEXT_ACT]] + m[TFAW])
    return int(clock)


@njit(cache=True)
def _hold(m: Array, times: int, scope: int, command: int, clock: int) -> None:
    """Hold back what must wait for a command of `clock`, in one scope whose clocks begin at `times`."""
    distance = DISTANCE + scope * RANK_DISTANCES + command * TIMED
    for after in range(TIMED):
        m[times + after] = max(m[times + after], clock + m[distance + after])


@njit(cache=True)
def _open(m: Array, channel: int, bank: int, row: int, clock: int) -> None:
    rank = m[bank + RANK_OF]
    m[bank + ROW], m[bank + ROW_HITS] = row, 0
    if m[rank + OPEN_BANKS] == 0:
        m[rank + IDLE_CLOCKS] += clock - m[rank + SINCE]
        m[rank + SINCE] = clock
    m[rank + OPEN_BANKS] += 1
    slot = m[rank + NEXT_ACT]
    m[rank + ACT_TIMES + slot] = clock
    m[rank + NEXT_ACT] = slot + 1 if slot + 1 < ACT_WINDOW else 0
    m[channel + N_ACT] += 1


@njit(cache=True)
def _close(m: Array, bank: int, clock: int) -> None:
    rank = m[bank + RANK_OF]
    m[bank + ROW], m[bank + ROW_HITS] = CLOSED, 0
    m[rank + OPEN_BANKS] -= 1
    if m[rank + OPEN_BANKS] == 0:
        m[rank + ACTIVE_CLOCKS] += clock - m[rank + SINCE]
        m[rank + SINCE] = clock


@njit(cache=True)
def issue(m: Array, channel: int, bank: int, command: int, row: int, clock: int) -> None:
    """Give a command to a bank (REF: to the rank of the bank): counters, row, and what must wait for it.

    A row hit is a read or write that is not the first since its row was opened.
    """
    queue = m[bank + QUEUE_OF]
    m[queue + LOOK_AT], m[queue + CANDIDATES] = clock, STALE
    if command == ACT:
        _open(m, channel, bank, row, clock)
    elif command == PRE:
        m[channel + N_PRE] += 1
        _close(m, bank, clock)
    elif command == REF:
        m[channel + N_REF] += 1
    else:
        m[channel + (N_RD if command in (RD, RDA) else N_WR)] += 1
        m[channel + N_HITS] += m[bank + ROW_HITS] > 0
        m[bank + ROW_HITS] += 1
        if command not in (RD, WR):
            _close(m, bank, clock)
    _hold(m, bank + BANK_TIMES, BANK, command, clock)
    _hold(m, m[bank + GROUP_OF], GROUP, command, clock)
    for rank in range(m[channel + FIRST_RANK], m[channel + END_RANK], RANK_SIZE):
        _hold(m, rank + RANK_TIMES, RANK if rank == m[bank + RANK_OF] else OTHER_RANKS, command, clock)
