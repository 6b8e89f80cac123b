"""The state of a bank-level DRAM: records in one array of int64, each known by the place where it begins.

`m[bank + ROW]` is the open row of the bank whose record begins at `bank`. Records: the device at 0, then channels,
ranks, bank groups, banks, command queues, waiting lists and the pool of requests.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from accelsim.memory.bank.device import FIELDS, Device
from accelsim.memory.bank.timing import COMMANDS, NONE, SCOPES, TIMED, distances

Array = NDArray[np.int64]
NEVER = 2**60
CLOSED = -1
IDLE_WRITES = 8  # writes that a channel leaves in its buffer while nothing fills it (DRAMsim3)
ROW_HIT_LIMIT = 4  # hits after which a waiting row conflict may close the row (DRAMsim3)
ACT_WINDOW = 4  # activates in tFAW
FILTER_BITS = 12
FILTER_SIZE = 1 << FILTER_BITS

# device: what never changes, then the distances (scope, before, after)
(
    FIRST_CHANNEL, END_CHANNEL, DEPTH, QUEUE_SIZE, TRANSACTIONS, UNIFIED, CLOSE_PAGE, DUAL, TFAW, TREFI,
    REFRESH_STEP, WIDTH, READ_DELAY, SHIFT, CH_LOW, CH_MASK, RA_LOW, RA_MASK, BG_LOW, BG_MASK, BA_LOW, BA_MASK,
    RO_LOW, RO_MASK, CO_LOW, CO_MASK, RANK_BANKS, GROUP_BANKS, DISTANCE,
) = range(29)  # fmt: skip
RANK_DISTANCES = len(COMMANDS) * TIMED
DEVICE_SIZE = DISTANCE + len(SCOPES) * RANK_DISTANCES

# channel: where its parts are, its controller's state, its counters, a count of waiting requests by hashed address
(
    FIRST_RANK, END_RANK, FIRST_BANK, FIRST_QUEUE, END_QUEUE, READ_LIST, WRITE_LIST, FREE_LIST, TURN, DRAINING,
    DRAIN_ABOVE, QUEUED, BLOCKED, WAKE, REF_DUE, REF_WAITING, REF_RANK, REFRESHING, LAST_RETURN, LAST_WRITE, COUNTERS,
) = range(21)  # fmt: skip


class Count(IntEnum):
    """Counters of a channel, from COUNTERS on."""

    ROW_HITS = 0
    ACTIVATES = 1
    PRECHARGES = 2
    REFRESHES = 3
    READS = 4
    WRITES = 5
    DUAL = 6


N_HITS, N_ACT, N_PRE, N_REF, N_RD, N_WR, N_DUAL = (COUNTERS + c for c in range(len(Count)))
FILTER = COUNTERS + len(Count)
CHANNEL_SIZE = FILTER + FILTER_SIZE

# rank: its banks and queues, background accounting, the last activates, the clocks from which commands may follow
RANK_BANK, RANK_BANK_END, RANK_QUEUE, RANK_QUEUE_END = 0, 1, 2, 3
OPEN_BANKS, SINCE, ACTIVE_CLOCKS, IDLE_CLOCKS, NEXT_ACT, ACT_TIMES, RANK_TIMES = 4, 5, 6, 7, 8, 9, 9 + ACT_WINDOW
RANK_SIZE = RANK_TIMES + TIMED

# bank: its row, hits since it was opened, where it is, the clocks from which commands may follow
ROW, ROW_HITS, RANK_OF, GROUP_OF, QUEUE_OF, BANK_TIMES = 0, 1, 2, 3, 4, 5
BANK_SIZE = BANK_TIMES + TIMED

# list of requests: its length, then their places; in a command queue also the clock before which nothing can be issued
# and, behind the `DEPTH` slots, the candidates: slot and command of what could go next, STALE where that is to be found
LENGTH, LOOK_AT, CANDIDATES, SLOTS = 0, 1, 2, 3
STALE = -1
COMMAND_BITS = 3

# request; `JOINED` counts reads of the same address that are answered with it
ADDRESS, BANK_AT, QUEUE_AT, ROW_OF, IS_WRITE, OWNER, JOINED, REQUEST_SIZE = 0, 1, 2, 3, 4, 5, 6, 7


def new_state(device: Device) -> Array:
    """An idle DRAM at clock 0, all banks closed."""
    return _Layout(device).fill()


class _Layout:
    """Where the records of a device's state begin."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.per_bank, self.depth, self.transactions, self.unified = device.queues
        ranks = device.channels * device.ranks
        queues = ranks * (device.banks if self.per_bank else 1)
        lists = 2 * self.transactions  # reads and writes
        self.pool = queues // device.channels * self.depth + lists  # requests of a channel
        self.channels = self._records(DEVICE_SIZE, device.channels, CHANNEL_SIZE)
        self.ranks = self._records(self.channels[-1], ranks, RANK_SIZE)
        self.groups = self._records(self.ranks[-1], ranks * device.bankgroups, TIMED)
        self.banks = self._records(self.groups[-1], ranks * device.banks, BANK_SIZE)
        self.queues = self._records(self.banks[-1], queues, SLOTS + 2 * self.depth)
        self.waiting = self._records(self.queues[-1], 2 * device.channels, SLOTS + self.transactions)
        self.free = self._records(self.waiting[-1], device.channels, SLOTS + self.pool)
        self.requests = self._records(self.free[-1], device.channels * self.pool, REQUEST_SIZE)

    @staticmethod
    def _records(start: int, count: int, size: int) -> Array:
        """Where `count` records begin, and where the last one ends."""
        return np.arange(count + 1, dtype=np.int64) * size + start

    def fill(self) -> Array:
        """The array, with every record in its first state."""
        m = np.zeros(int(self.requests[-1]), np.int64)
        self._fill_device(m)
        for number in range(self.device.channels):
            self._fill_channel(m, number)
        for number in range(len(self.ranks) - 1):
            self._fill_rank(m, number)
        banks, numbers = self.banks[:-1], np.arange(len(self.banks) - 1)
        m[banks + ROW] = CLOSED
        m[banks + RANK_OF] = self.ranks[numbers // self.device.banks]
        m[banks + GROUP_OF] = self.groups[numbers // self.device.banks_per_group]
        m[banks + QUEUE_OF] = self.queues[numbers if self.per_bank else numbers // self.device.banks]
        m[self.queues[:-1] + LOOK_AT] = NEVER
        return m

    def _fill_device(self, m: Array) -> None:
        d = self.device
        staggered = d.refresh_policy == "RANK_LEVEL_STAGGERED"
        m[[FIRST_CHANNEL, END_CHANNEL]] = self.channels[[0, -1]]
        m[[DEPTH, QUEUE_SIZE, TRANSACTIONS, UNIFIED]] = (
            self.depth,
            SLOTS + 2 * self.depth,
            self.transactions,
            self.unified,
        )
        m[[CLOSE_PAGE, DUAL, TFAW, WIDTH]] = d.row_policy == "CLOSE_PAGE", d.wide, d.tFAW, d.issue_width
        m[[TREFI, REFRESH_STEP]] = (d.tREFI // d.ranks, 1) if staggered else (d.tREFI, d.ranks)
        m[[READ_DELAY, SHIFT]] = d.RL + d.burst_cycle, d.req_bytes.bit_length() - 1
        m[[RANK_BANKS, GROUP_BANKS]] = d.banks, d.banks_per_group
        places = d.address_fields()
        for position, name in enumerate(FIELDS):
            low, width = places[name]
            m[CH_LOW + 2 * position], m[CH_MASK + 2 * position] = low, (1 << width) - 1
        m[DISTANCE:DEVICE_SIZE] = distances(d).ravel()

    def _fill_channel(self, m: Array, number: int) -> None:
        at, share = int(self.channels[number]), slice(number, number + 2)
        d = self.device
        m[at + FIRST_RANK], m[at + END_RANK] = self.ranks[:: d.ranks][share]
        m[at + FIRST_BANK] = self.banks[number * d.ranks * d.banks]
        per_channel = (len(self.queues) - 1) // d.channels
        m[at + FIRST_QUEUE], m[at + END_QUEUE] = self.queues[::per_channel][share]
        m[at + READ_LIST], m[at + WRITE_LIST] = self.waiting[2 * number], self.waiting[2 * number + 1 - self.unified]
        m[at + TURN], m[at + REF_RANK] = m[at + FIRST_QUEUE], m[at + FIRST_RANK]
        m[at + DRAIN_ABOVE] = IDLE_WRITES
        m[at + REF_DUE] = m[at + WAKE] = m[TREFI]
        free = m[at + FREE_LIST] = int(self.free[number])
        m[free + LENGTH] = self.pool
        m[free + SLOTS : free + SLOTS + self.pool] = self.requests[number * self.pool : (number + 1) * self.pool]

    def _fill_rank(self, m: Array, number: int) -> None:
        at, d = int(self.ranks[number]), self.device
        per_rank = (len(self.queues) - 1) // (len(self.ranks) - 1)
        m[at + RANK_BANK], m[at + RANK_BANK_END] = self.banks[:: d.banks][number : number + 2]
        m[at + RANK_QUEUE], m[at + RANK_QUEUE_END] = self.queues[::per_rank][number : number + 2]
        m[at + ACT_TIMES : at + RANK_TIMES] = NONE


def counters(m: Array) -> dict[Count, int]:
    """The counters of all channels together."""
    starts = np.arange(m[FIRST_CHANNEL], m[END_CHANNEL], CHANNEL_SIZE) + COUNTERS
    return {count: int(m[starts + count].sum()) for count in Count}


def standby_clocks(m: Array, clocks: int) -> tuple[int, int]:
    """Rank-clocks of the first `clocks` with an open row, and with all banks closed."""
    channels = np.arange(m[FIRST_CHANNEL], m[END_CHANNEL], CHANNEL_SIZE)
    ranks = np.arange(m[channels[0] + FIRST_RANK], m[channels[-1] + END_RANK], RANK_SIZE)
    active, idle = m[ranks + ACTIVE_CLOCKS], m[ranks + IDLE_CLOCKS]
    lasting, is_open = clocks - m[ranks + SINCE], m[ranks + OPEN_BANKS] > 0
    return int((active + lasting * is_open).sum()), int((idle + lasting * ~is_open).sum())
