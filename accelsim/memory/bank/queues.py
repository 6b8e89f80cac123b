"""The command queues of a bank-level DRAM controller: which command goes out next.

DRAMsim3's order: the queues in turn, in each the first request whose next command is ready. A row conflict may close a
row once nothing older waits for its bank and no hit is pending, or after ROW_HIT_LIMIT hits.
"""

from __future__ import annotations

from numba import njit

from accelsim.memory.bank.commands import issue, ready_at
from accelsim.memory.bank.requests import NOTHING, release, remove
from accelsim.memory.bank.state import (
    ADDRESS,
    BANK_AT,
    BLOCKED,
    CANDIDATES,
    CLOSE_PAGE,
    CLOSED,
    COMMAND_BITS,
    DEPTH,
    END_QUEUE,
    FIRST_QUEUE,
    IS_WRITE,
    LENGTH,
    LOOK_AT,
    NEVER,
    QUEUE_SIZE,
    QUEUED,
    RANK_QUEUE,
    RANK_QUEUE_END,
    REF_RANK,
    REFRESHING,
    ROW,
    ROW_HIT_LIMIT,
    ROW_HITS,
    ROW_OF,
    SHIFT,
    SLOTS,
    STALE,
    TURN,
    Array,
)
from accelsim.memory.bank.timing import ACT, PRE, RD, RDA, WR, WRA

COMMAND_MASK = (1 << COMMAND_BITS) - 1


@njit(cache=True)
def _row_may_close(m: Array, queue: int, slot: int, bank: int) -> bool:
    """Whether the row conflict at `slot` may close the row: oldest of its bank, and no hit or enough hits."""
    first = queue + SLOTS
    for at in range(first, first + slot):
        if m[m[at] + BANK_AT] == bank:
            return False
    if m[bank + ROW_HITS] >= ROW_HIT_LIMIT:
        return True
    for at in range(first + slot + 1, first + m[queue + LENGTH]):
        if m[m[at] + BANK_AT] == bank and m[m[at] + ROW_OF] == m[bank + ROW]:
            return False
    return True


@njit(cache=True)
def _behind_its_read(m: Array, queue: int, slot: int, request: int) -> bool:
    """Whether an older read of the same burst is still queued."""
    burst = m[request + ADDRESS] >> m[SHIFT]
    for at in range(queue + SLOTS, queue + SLOTS + slot):
        if not m[m[at] + IS_WRITE] and m[m[at] + ADDRESS] >> m[SHIFT] == burst:
            return True
    return False


@njit(cache=True)
def _needed(m: Array, queue: int, slot: int, request: int) -> int:
    """The command that brings a request on, or NOTHING where it must stay behind others."""
    bank = m[request + BANK_AT]
    if m[bank + ROW] == CLOSED:
        return ACT
    if m[bank + ROW] != m[request + ROW_OF]:
        return PRE if _row_may_close(m, queue, slot, bank) else NOTHING
    if not m[request + IS_WRITE]:
        return RD
    return NOTHING if _behind_its_read(m, queue, slot, request) else WR


@njit(cache=True)
def _find_candidates(m: Array, queue: int) -> None:
    """What could go next: in the order of the slots, the first of each command for each bank."""
    first = queue + SLOTS + m[DEPTH]
    end = first
    for slot in range(m[queue + LENGTH]):
        request = m[queue + SLOTS + slot]
        command = _needed(m, queue, slot, request)
        known = command == NOTHING
        for at in range(first, end):
            other = m[queue + SLOTS + (m[at] >> COMMAND_BITS)]
            known |= m[at] & COMMAND_MASK == command and m[other + BANK_AT] == m[request + BANK_AT]
        if not known:
            m[end] = slot << COMMAND_BITS | command
            end += 1
    m[queue + CANDIDATES] = end - first


@njit(cache=True)
def _first_ready(m: Array, queue: int, clock: int) -> tuple[int, int]:
    """(slot, command) of the first that may be issued in a queue, else NOTHING and when to look again."""
    if m[queue + CANDIDATES] == STALE:
        _find_candidates(m, queue)
    soonest = NEVER
    first = queue + SLOTS + m[DEPTH]
    for at in range(first, first + m[queue + CANDIDATES]):
        slot, command = m[at] >> COMMAND_BITS, m[at] & COMMAND_MASK
        ready = ready_at(m, m[m[queue + SLOTS + slot] + BANK_AT], command)
        if ready <= clock:
            return slot, command
        soonest = min(soonest, ready)
    m[queue + LOOK_AT] = soonest
    return NOTHING, 0


@njit(cache=True)
def held_queues(m: Array, channel: int) -> tuple[int, int]:
    """Where the queues begin and end that wait for a refresh of their rank."""
    if not m[channel + REFRESHING]:
        return 0, 0
    return m[m[channel + REF_RANK] + RANK_QUEUE], m[m[channel + REF_RANK] + RANK_QUEUE_END]


@njit(cache=True)
def next_command(m: Array, channel: int, clock: int) -> tuple[int, int, int]:
    """(queue, slot, command) of the next queue in turn that has a ready one, else NOTHING. Moves the turn on."""
    first, end, size = m[channel + FIRST_QUEUE], m[channel + END_QUEUE], m[QUEUE_SIZE]
    held, until = held_queues(m, channel)
    queue = m[channel + TURN]
    for _ in range(first, end, size):
        queue = queue + size if queue + size < end else first
        if m[queue + LOOK_AT] > clock or held <= queue < until:
            continue
        slot, command = _first_ready(m, queue, clock)
        if slot != NOTHING:
            m[channel + TURN] = queue
            return queue, slot, command
    return NOTHING, 0, 0


@njit(cache=True)
def next_look(m: Array, channel: int) -> int:
    """The first clock at which a queue could have a command."""
    soonest = NEVER
    held, until = held_queues(m, channel)
    for queue in range(m[channel + FIRST_QUEUE], m[channel + END_QUEUE], m[QUEUE_SIZE]):
        if not held <= queue < until:
            soonest = min(soonest, m[queue + LOOK_AT])
    return soonest


@njit(cache=True)
def issue_queued(m: Array, channel: int, queue: int, slot: int, command: int, clock: int) -> None:
    """Issue a command for a queue's entry; a read or write leaves the queue with it, and closes its row if pages do."""
    request = m[queue + SLOTS + slot]
    bank, row = m[request + BANK_AT], m[request + ROW_OF]
    if command in (RD, WR):
        remove(m, queue, slot)
        release(m, channel, request)
        m[channel + QUEUED] -= 1
        m[channel + BLOCKED] = 0
        if m[CLOSE_PAGE]:
            command = RDA if command == RD else WRA
    issue(m, channel, bank, command, row, clock)
