"""The controller of a bank-level DRAM: what its channels do in a clock.

A channel remembers the clock of its next event, so that callers skip the clocks in which nothing can happen; the result
is that of going through every clock.
"""

from __future__ import annotations

import numpy as np

from .commands import issue
from .compiled import inlined, kernel
from .queues import batch_waits, dequeue, move_on
from .refresh import note_due_refresh, refresh
from .requests import NOTHING, read_list, release, write_list
from .row_policy import column_command
from .scheduler import next_command, next_look
from .state import NEVER, Records, State
from .timing import RD, WR

NOBODY = -1  # the owner of requests that are no transfer's
TRANSFER = np.dtype(
    [
        ("address", np.int64),
        ("to_offer", np.int64),
        ("under_way", np.int64),
        ("is_write", np.int64),
        ("done_at", np.int64),
        ("run", np.int64),
        ("run_left", np.int64),
    ]
)  # its next address, requests still to offer, reads without an answer, its last answer so far; where bursts lie apart,
# the run of them that it is in, and how many of that are still to offer


@inlined
def _issue_queued(state: State, channel: int, queue: int, slot: int, command: int, clock: int) -> None:
    """Issue a command for a queue's request; a read or write takes the request out of the queue."""
    number = state.queue_slots[queue, slot]
    bank, row = state.requests[number].bank, state.requests[number].row
    if command in (RD, WR):
        dequeue(state, channel, queue, slot)
        release(state, channel, number)
        command = column_command(state, command)
    issue(state, channel, bank, command, row, clock)


@inlined
def _send(state: State, channel: int, queue: int, slot: int, command: int, clock: int, transfers: Records) -> int:
    """Issue a queued command and book a read's answers or a write's end; how many transfers (0, 1) end with it."""
    request, its_channel = state.requests[state.queue_slots[queue, slot]], state.channels[channel]
    owner, answers = request.owner, 1 + request.merged
    _issue_queued(state, channel, queue, slot, command, clock)
    if command == WR:
        its_channel.last_write = clock + 1
    if command != RD:
        return 0
    returned = clock + state.settings[0].read_delay
    its_channel.last_return = max(its_channel.last_return, returned)
    if owner == NOBODY:
        return 0
    transfers[owner].under_way -= answers
    return answer(transfers, owner, returned)


@inlined
def answer(transfers: Records, owner: int, clock: int) -> int:
    """Book an answer to a transfer, and return 1 if it needs nothing more, else 0."""
    transfer = transfers[owner]
    transfer.done_at = max(transfer.done_at, clock)
    return 1 if transfer.under_way == 0 and transfer.to_offer == 0 else 0


@inlined
def _tick(state: State, channel: int, clock: int, transfers: Records) -> int:
    """Go through a channel's clock: a refresh or a command in turn (HBM: one of each bus), then a request moves on.

    Returns how many transfers need nothing more.
    """
    its_channel = state.channels[channel]
    note_due_refresh(state, channel, clock)
    issued, look, ended, column = False, NEVER, 0, False
    if its_channel.refreshes_due:
        issued, look = refresh(state, channel, clock)
    if not issued:
        queue, slot, command = next_command(state, channel, clock)
        if queue != NOTHING:
            issued, column = True, command in (RD, WR)
            ended += _send(state, channel, queue, slot, command, clock, transfers)
    if issued and state.settings[0].dual_commands:
        queue, slot, command = next_command(state, channel, clock)
        if queue != NOTHING and (command in (RD, WR)) != column:
            ended += _send(state, channel, queue, slot, command, clock, transfers)
    if not its_channel.blocked and not move_on(state, channel):
        its_channel.blocked = 1
    if issued or not its_channel.blocked:
        its_channel.wake = clock + 1
    else:
        its_channel.wake = min(look, its_channel.refresh_at, next_look(state, channel))
    return ended


@kernel
def tick(state: State, clock: int, transfers: Records) -> int:
    """Go through one clock of all channels that have something to do, and count the transfers that end with it."""
    ended = 0
    for channel in range(state.settings[0].channels):
        if state.channels[channel].wake <= clock:
            ended += _tick(state, channel, clock, transfers)
    return ended


@kernel
def next_event(state: State) -> int:
    """Return the first clock at which a channel has something to do."""
    soonest = NEVER
    for channel in range(state.settings[0].channels):
        soonest = min(soonest, state.channels[channel].wake)
    return soonest


@kernel
def is_quiet(state: State) -> bool:
    """Tell whether all reads have gone out and no write will before more come."""
    for channel in range(state.settings[0].channels):
        its_channel = state.channels[channel]
        if state.waiting[read_list(channel)].length or its_channel.queued or its_channel.draining:
            return False
        waiting = state.waiting[write_list(state, channel)].length
        if not state.settings[0].unified and batch_waits(state, channel, waiting):
            return False
    return True
