"""The clock of a bank-level DRAM: what a channel does in one, and loops that skip those in which nothing can happen.

Every queue remembers the clock before which none of its commands can be ready, and a channel the clock of its next
event, so the result is that of going through every clock.
"""

from __future__ import annotations

from numba import njit

from accelsim.memory.bank.commands import issue, ready_at
from accelsim.memory.bank.queues import issue_queued, next_command, next_look
from accelsim.memory.bank.requests import ANSWERED, NOTHING, REFUSED, accept, batch_waits, channel_of, schedule
from accelsim.memory.bank.state import (
    BANK_SIZE,
    BLOCKED,
    CHANNEL_SIZE,
    CLOSED,
    DRAIN_ABOVE,
    DRAINING,
    DUAL,
    END_CHANNEL,
    END_RANK,
    FIRST_CHANNEL,
    FIRST_RANK,
    JOINED,
    LAST_RETURN,
    LAST_WRITE,
    LENGTH,
    N_DUAL,
    NEVER,
    OWNER,
    QUEUED,
    RANK_BANK,
    RANK_BANK_END,
    RANK_SIZE,
    READ_DELAY,
    READ_LIST,
    REF_DUE,
    REF_RANK,
    REF_WAITING,
    REFRESH_STEP,
    REFRESHING,
    ROW,
    SHIFT,
    SLOTS,
    TREFI,
    UNIFIED,
    WAKE,
    WIDTH,
    WRITE_LIST,
    Array,
)
from accelsim.memory.bank.timing import PRE, RD, REF, WR

NOBODY = -1  # owner of the requests of a replay
ANSWER_CLOCKS = 2  # from the clock of an offer to its answer, where no command is needed

# transfer: its next address, requests still to offer, reads under way, whether it writes, its last answer so far
NEXT, LEFT, FLYING, WRITES, DONE_AT, TRANSFER_SIZE = 0, 1, 2, 3, 4, 5


@njit(cache=True)
def _refresh_due(m: Array, channel: int, clock: int) -> None:
    """Every tREFI one rank in its turn (staggered), or all at once."""
    if clock >= m[channel + REF_DUE]:
        m[channel + REF_DUE] += m[TREFI]
        m[channel + REF_WAITING] += m[REFRESH_STEP]


@njit(cache=True)
def _refresh(m: Array, channel: int, clock: int) -> tuple[bool, int]:
    """Close the waiting rank's banks one by one, then refresh it; (whether a command went out, when to look again)."""
    rank = m[channel + REF_RANK]
    m[channel + REFRESHING] = 1
    soonest, waiting = NEVER, False
    for bank in range(m[rank + RANK_BANK], m[rank + RANK_BANK_END], BANK_SIZE):
        command = REF if m[bank + ROW] == CLOSED else PRE
        at = ready_at(m, bank, command)
        if at <= clock and command == PRE:
            issue(m, channel, bank, PRE, 0, clock)
            return True, clock
        waiting |= at > clock
        soonest = min(soonest, at) if at > clock else soonest
    if waiting:
        return False, soonest
    issue(m, channel, m[rank + RANK_BANK], REF, 0, clock)
    m[channel + REFRESHING] = 0
    m[channel + REF_WAITING] -= 1
    m[channel + REF_RANK] = rank + RANK_SIZE if rank + RANK_SIZE < m[channel + END_RANK] else m[channel + FIRST_RANK]
    return True, clock


@njit(cache=True)
def _send(m: Array, channel: int, queue: int, slot: int, command: int, clock: int, transfers: Array) -> int:
    """Issue a queued command and book a read's answers or a write's end; how many transfers (0, 1) are over with it."""
    request = m[queue + SLOTS + slot]
    owner, answers = m[request + OWNER], 1 + m[request + JOINED]
    issue_queued(m, channel, queue, slot, command, clock)
    if command == WR:
        m[channel + LAST_WRITE] = clock + 1
    if command != RD:
        return 0
    m[channel + LAST_RETURN] = max(m[channel + LAST_RETURN], clock + m[READ_DELAY])
    if owner == NOBODY:
        return 0
    transfers[owner, FLYING] -= answers
    return _answer(transfers, owner, clock + m[READ_DELAY])


@njit(cache=True)
def _answer(transfers: Array, owner: int, clock: int) -> int:
    transfers[owner, DONE_AT] = max(transfers[owner, DONE_AT], clock)
    return 1 if transfers[owner, FLYING] == 0 and transfers[owner, LEFT] == 0 else 0


@njit(cache=True)
def tick(m: Array, channel: int, clock: int, transfers: Array) -> int:
    """One clock of a channel: refresh, else a command in turn (two of different kinds on HBM), then a request moves on.

    Returns how many transfers need nothing more.
    """
    _refresh_due(m, channel, clock)
    issued, look, ended, column = False, NEVER, 0, False
    if m[channel + REF_WAITING]:
        issued, look = _refresh(m, channel, clock)
    if not issued:
        queue, slot, command = next_command(m, channel, clock)
        if queue != NOTHING:
            issued, column = True, command in (RD, WR)
            ended += _send(m, channel, queue, slot, command, clock, transfers)
    if issued and m[DUAL]:
        queue, slot, command = next_command(m, channel, clock)
        if queue != NOTHING and (command in (RD, WR)) != column:
            m[channel + N_DUAL] += 1
            ended += _send(m, channel, queue, slot, command, clock, transfers)
    if not m[channel + BLOCKED] and not schedule(m, channel):
        m[channel + BLOCKED] = 1
    if issued or not m[channel + BLOCKED]:
        m[channel + WAKE] = clock + 1
    else:
        m[channel + WAKE] = min(look, m[channel + REF_DUE], next_look(m, channel))
    return ended


@njit(cache=True)
def _tick_all(m: Array, clock: int, transfers: Array) -> int:
    ended = 0
    for channel in range(m[FIRST_CHANNEL], m[END_CHANNEL], CHANNEL_SIZE):
        if m[channel + WAKE] <= clock:
            ended += tick(m, channel, clock, transfers)
    return ended


@njit(cache=True)
def _next_wake(m: Array) -> int:
    soonest = NEVER
    for channel in range(m[FIRST_CHANNEL], m[END_CHANNEL], CHANNEL_SIZE):
        soonest = min(soonest, m[channel + WAKE])
    return soonest


@njit(cache=True)
def _quiet(m: Array) -> bool:
    """Whether all reads have gone out and no write will before more come."""
    for channel in range(m[FIRST_CHANNEL], m[END_CHANNEL], CHANNEL_SIZE):
        if m[m[channel + READ_LIST] + LENGTH] or m[channel + QUEUED] or m[channel + DRAINING]:
            return False
        if not m[UNIFIED] and batch_waits(m, channel, m[m[channel + WRITE_LIST] + LENGTH]):
            return False
    return True


@njit(cache=True)
def replay(m: Array, addresses: Array, is_write: Array, interval_clk: float, nobody: Array) -> tuple[int, int]:
    """Offer request i from clock int(i · interval) on, in order, up to `issue_width` a clock; then run until quiet.

    Returns (clock of the last answer to a read or of the end of the last write, clocks counted).
    """
    clock, index, count, taken = 0, 0, len(addresses), 0
    while index < count or not _quiet(m):
        _tick_all(m, clock, nobody)
        offered, refused = 0, False
        while index < count and offered < m[WIDTH] and int(index * interval_clk) <= clock and not refused:
            refused = not _offer_one(m, addresses[index], is_write[index] != 0, clock)
            if not refused:
                index, offered, taken = index + 1, offered + 1, clock + 1
        wake = _next_wake(m)
        if index < count and not refused:
            wake = min(wake, max(clock + 1, int(index * interval_clk)))
        clock = max(wake, clock + 1)
    returned, written = 0, 0
    for channel in range(m[FIRST_CHANNEL], m[END_CHANNEL], CHANNEL_SIZE):
        returned, written = max(returned, m[channel + LAST_RETURN]), max(written, m[channel + LAST_WRITE])
    end = max(returned + 1, written, taken)
    idle(m, clock, end, nobody)
    return max(returned, written), end


@njit(cache=True)
def _offer_one(m: Array, address: int, is_write: bool, clock: int) -> bool:
    answer = accept(m, address, is_write, NOBODY, clock)
    if answer == ANSWERED and not is_write:
        channel = channel_of(m, address)
        m[channel + LAST_RETURN] = max(m[channel + LAST_RETURN], clock + ANSWER_CLOCKS)
    return answer != REFUSED


@njit(cache=True)
def idle(m: Array, clock: int, end: int, nobody: Array) -> None:
    """Go on from `clock` to `end` without requests."""
    clock = max(clock, _next_wake(m))
    while clock < end:
        _tick_all(m, clock, nobody)
        clock = max(clock + 1, _next_wake(m))


@njit(cache=True)
def drain(m: Array, clock: int, nobody: Array) -> int:
    """Go on from `clock` without requests until no write waits; the clock behind the last one."""
    for channel in range(m[FIRST_CHANNEL], m[END_CHANNEL], CHANNEL_SIZE):
        m[channel + DRAIN_ABOVE] = 0
        m[channel + BLOCKED] = 0
        m[channel + WAKE] = min(m[channel + WAKE], clock)
    while not _quiet(m):
        _tick_all(m, clock, nobody)
        clock = max(clock + 1, _next_wake(m))
    return clock


@njit(cache=True)
def _offer(m: Array, transfers: Array, turn: Array, clock: int) -> tuple[int, int]:
    """Offer the next request of the first transfer in turn that is not refused; (requests taken, transfers over)."""
    for place in range(1, turn[0] + 1):
        mine = turn[place]
        answer = accept(m, transfers[mine, NEXT], transfers[mine, WRITES] != 0, mine, clock)
        if answer == REFUSED:
            continue
        transfers[mine, NEXT] += 1 << m[SHIFT]
        transfers[mine, LEFT] -= 1
        for behind in range(place, turn[0]):
            turn[behind] = turn[behind + 1]
        turn[turn[0]] = mine
        if transfers[mine, LEFT] == 0:
            turn[0] -= 1
        if answer == ANSWERED:
            return 1, _answer(transfers, mine, clock + ANSWER_CLOCKS)
        transfers[mine, FLYING] += 1
        return 1, 0
    return 0, 0


@njit(cache=True)
def serve(m: Array, transfers: Array, turn: Array, clock: int, limit: int) -> tuple[int, int]:
    """Serve transfers request by request, in turn, from `clock` until `limit` or until one of them needs nothing more.

    `turn` holds how many still have requests to offer, then their numbers. One that is refused lets the others pass.
    Returns (the next clock, how many transfers ended).
    """
    ended = 0
    while clock < limit and not ended:
        ended = _tick_all(m, clock, transfers)
        offered, taken = 0, 1
        while taken and offered < m[WIDTH]:
            taken, over = _offer(m, transfers, turn, clock)
            offered, ended = offered + taken, ended + over
        clock = clock + 1 if taken and turn[0] else max(clock + 1, min(_next_wake(m), limit))
    return clock, ended
