"""The queues of a bank-level DRAM controller: waiting lists of reads and writes, and command queues behind them.

As in DRAMsim3, reads wait in one list and writes in another (or both in one); a request a clock moves on to the command
queue of its bank or rank. Writes drain in a batch when their list is full, or when no command is queued and more than
IDLE_WRITES are there.
"""

from __future__ import annotations

from .compiled import inlined
from .requests import NOTHING, find, read_list, write_list
from .state import STALE, State


@inlined
def _first_with_room(state: State, waiting: int) -> int:
    """The slot of a list's first request whose command queue has room, or NOTHING."""
    slots, depth = state.waiting_slots[waiting], state.settings[0].queue_depth
    for slot in range(state.waiting[waiting].length):
        if state.queues[state.requests[slots[slot]].queue].length < depth:
            return slot
    return NOTHING


@inlined
def _enqueue(state: State, channel: int, waiting: int, slot: int) -> None:
    """Move a waiting request to its command queue; those behind it move up."""
    slots = state.waiting_slots[waiting]
    request = slots[slot]
    state.waiting[waiting].length -= 1
    for place in range(slot, state.waiting[waiting].length):
        slots[place] = slots[place + 1]
    number = state.requests[request].queue
    queue = state.queues[number]
    state.queue_slots[number, queue.length] = request
    queue.length += 1
    queue.earliest, queue.candidates = 0, STALE
    state.channels[channel].queued += 1


@inlined
def dequeue(state: State, channel: int, queue: int, slot: int) -> None:
    """Take a request out of its command queue, in which those behind it move up."""
    slots = state.queue_slots[queue]
    state.queues[queue].length -= 1
    for place in range(slot, state.queues[queue].length):
        slots[place] = slots[place + 1]
    state.channels[channel].queued -= 1
    state.channels[channel].blocked = 0


@inlined
def batch_waits(state: State, channel: int, writes: int) -> bool:
    """Tell whether so many waiting writes start to drain."""
    its_channel = state.channels[channel]
    full = writes >= state.settings[0].waiting_depth
    return bool(full or (writes > its_channel.drain_above and its_channel.queued == 0))


@inlined
def move_on(state: State, channel: int) -> bool:
    """Move one waiting request to the command queues, if any may go. No write overtakes a read of its address."""
    its_channel, writes = state.channels[channel], write_list(state, channel)
    if its_channel.draining == 0 and not state.settings[0].unified:
        waiting = state.waiting[writes].length
        if batch_waits(state, channel, waiting):
            its_channel.draining = waiting
    if its_channel.draining > 0:
        slot = _first_with_room(state, writes)
        if slot == NOTHING:
            return False
        request = state.requests[state.waiting_slots[writes, slot]]
        if find(state, channel, request.bank, request.address, False) == NOTHING:
            its_channel.draining -= 1
            _enqueue(state, channel, writes, slot)
            return True
        its_channel.draining = 0
    slot = _first_with_room(state, read_list(channel))
    if slot != NOTHING:
        _enqueue(state, channel, read_list(channel), slot)
    return slot != NOTHING
