"""Requests at a bank-level DRAM controller: what it takes, merges or answers at once, and how they become commands.

As in DRAMsim3, reads wait in one list and writes in another (or both in one); a request a clock moves on to the command
queue of its bank or rank. Writes drain in a batch when their list is full, or when no command is queued and more than
IDLE_WRITES are there.
"""

from __future__ import annotations

from numba import njit

from accelsim.memory.bank.state import (
    ADDRESS,
    BA_LOW,
    BA_MASK,
    BANK_AT,
    BANK_SIZE,
    BG_LOW,
    BG_MASK,
    BLOCKED,
    CANDIDATES,
    CH_LOW,
    CH_MASK,
    CHANNEL_SIZE,
    DEPTH,
    DRAIN_ABOVE,
    DRAINING,
    FILTER,
    FILTER_BITS,
    FILTER_SIZE,
    FIRST_BANK,
    FIRST_CHANNEL,
    FREE_LIST,
    GROUP_BANKS,
    IS_WRITE,
    JOINED,
    LENGTH,
    LOOK_AT,
    OWNER,
    QUEUE_AT,
    QUEUE_OF,
    QUEUED,
    RA_LOW,
    RA_MASK,
    RANK_BANKS,
    READ_LIST,
    RO_LOW,
    RO_MASK,
    ROW_OF,
    SHIFT,
    SLOTS,
    STALE,
    TRANSACTIONS,
    UNIFIED,
    WAKE,
    WRITE_LIST,
    Array,
)

REFUSED, TAKEN, ANSWERED = 0, 1, 2
NOTHING = -1


@njit(cache=True)
def channel_of(m: Array, address: int) -> int:
    """The channel that serves an address."""
    number = ((address >> m[SHIFT]) >> m[CH_LOW]) & m[CH_MASK]
    return int(m[FIRST_CHANNEL] + number * CHANNEL_SIZE)


@njit(cache=True)
def _bank_of(m: Array, channel: int, block: int) -> int:
    rank = (block >> m[RA_LOW]) & m[RA_MASK]
    group = (block >> m[BG_LOW]) & m[BG_MASK]
    bank = (block >> m[BA_LOW]) & m[BA_MASK]
    return int(m[channel + FIRST_BANK] + (rank * m[RANK_BANKS] + group * m[GROUP_BANKS] + bank) * BANK_SIZE)


@njit(cache=True)
def _filter_of(m: Array, channel: int, address: int) -> int:
    """The counter of requests whose address hashes alike: 0 means that none waits for it."""
    block = address >> m[SHIFT]
    return int(channel + FILTER + ((block ^ (block >> FILTER_BITS)) & (FILTER_SIZE - 1)))


@njit(cache=True)
def _find_in(m: Array, waiting: int, address: int, is_write: bool) -> int:
    for at in range(waiting + SLOTS, waiting + SLOTS + m[waiting + LENGTH]):
        if m[m[at] + ADDRESS] == address and (m[m[at] + IS_WRITE] != 0) == is_write:
            return int(m[at])
    return NOTHING


@njit(cache=True)
def find(m: Array, channel: int, bank: int, address: int, is_write: bool) -> int:
    """The read or write of an address that waits or is queued, or NOTHING."""
    if m[_filter_of(m, channel, address)] == 0:
        return NOTHING
    found = _find_in(m, m[channel + (WRITE_LIST if is_write else READ_LIST)], address, is_write)
    return found if found != NOTHING else _find_in(m, m[bank + QUEUE_OF], address, is_write)


@njit(cache=True)
def accept(m: Array, address: int, is_write: bool, owner: int, clock: int) -> int:
    """Offer a request: REFUSED where its list is full, ANSWERED where it needs no more than the next clock, else TAKEN.

    A write is answered at once, and merges with one to the same address; a read of an address whose write waits is
    answered from it; a read of an address that its owner has already asked for is answered with the first.
    """
    channel = channel_of(m, address)
    waiting = m[channel + (WRITE_LIST if is_write else READ_LIST)]
    if m[waiting + LENGTH] >= m[TRANSACTIONS]:
        return REFUSED
    block = address >> m[SHIFT]
    bank = _bank_of(m, channel, block)
    if find(m, channel, bank, address, True) != NOTHING:
        return ANSWERED
    if not is_write:
        same = find(m, channel, bank, address, False)
        if same != NOTHING and m[same + OWNER] == owner:
            m[same + JOINED] += 1
            return TAKEN
    free = m[channel + FREE_LIST]
    m[free + LENGTH] -= 1
    request = m[free + SLOTS + m[free + LENGTH]]
    m[request + ADDRESS], m[request + BANK_AT], m[request + QUEUE_AT] = address, bank, m[bank + QUEUE_OF]
    m[request + ROW_OF] = (block >> m[RO_LOW]) & m[RO_MASK]
    m[request + IS_WRITE], m[request + OWNER], m[request + JOINED] = is_write, owner, 0
    m[_filter_of(m, channel, address)] += 1
    _append(m, waiting, request)
    m[channel + BLOCKED] = 0
    m[channel + WAKE] = min(m[channel + WAKE], clock + 1)
    return ANSWERED if is_write else TAKEN


@njit(cache=True)
def release(m: Array, channel: int, request: int) -> None:
    """Give a served request back to the pool."""
    m[_filter_of(m, channel, m[request + ADDRESS])] -= 1
    _append(m, m[channel + FREE_LIST], request)


@njit(cache=True)
def _append(m: Array, where: int, request: int) -> None:
    m[where + SLOTS + m[where + LENGTH]] = request
    m[where + LENGTH] += 1


@njit(cache=True)
def remove(m: Array, where: int, slot: int) -> None:
    """Take a list's entry out; those behind it move up."""
    m[where + LENGTH] -= 1
    for at in range(where + SLOTS + slot, where + SLOTS + m[where + LENGTH]):
        m[at] = m[at + 1]


@njit(cache=True)
def _first_with_room(m: Array, waiting: int) -> int:
    """The slot of the first request of a list whose command queue has room, or NOTHING."""
    for slot in range(m[waiting + LENGTH]):
        if m[m[m[waiting + SLOTS + slot] + QUEUE_AT] + LENGTH] < m[DEPTH]:
            return slot
    return NOTHING


@njit(cache=True)
def _move(m: Array, channel: int, waiting: int, slot: int) -> None:
    request = m[waiting + SLOTS + slot]
    queue = m[request + QUEUE_AT]
    remove(m, waiting, slot)
    _append(m, queue, request)
    m[queue + LOOK_AT], m[queue + CANDIDATES] = 0, STALE
    m[channel + QUEUED] += 1


@njit(cache=True)
def batch_waits(m: Array, channel: int, writes: int) -> bool:
    """Whether so many waiting writes start to drain."""
    return bool(writes >= m[TRANSACTIONS] or (writes > m[channel + DRAIN_ABOVE] and m[channel + QUEUED] == 0))


@njit(cache=True)
def schedule(m: Array, channel: int) -> bool:
    """Move one waiting request to the command queues, if any may go. No write overtakes a read of its address."""
    writes = m[channel + WRITE_LIST]
    if m[channel + DRAINING] == 0 and not m[UNIFIED]:
        waiting = m[writes + LENGTH]
        if batch_waits(m, channel, waiting):
            m[channel + DRAINING] = waiting
    if m[channel + DRAINING] > 0:
        slot = _first_with_room(m, writes)
        if slot == NOTHING:
            return False
        request = m[writes + SLOTS + slot]
        if find(m, channel, m[request + BANK_AT], m[request + ADDRESS], False) == NOTHING:
            m[channel + DRAINING] -= 1
            _move(m, channel, writes, slot)
            return True
        m[channel + DRAINING] = 0
    slot = _first_with_room(m, m[channel + READ_LIST])
    if slot != NOTHING:
        _move(m, channel, m[channel + READ_LIST], slot)
    return slot != NOTHING
