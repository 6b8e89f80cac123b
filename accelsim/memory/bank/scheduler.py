"""The scheduler of a bank-level DRAM: first ready, first come, first served (FR-FCFS), as DRAMsim3 does it.

The command queues take turns, and in each the first request whose next command is ready is served. What the queue could
send is searched for once and remembered until the queue or one of its banks changes.
"""

from __future__ import annotations

from .commands import ready_at
from .compiled import inlined
from .refresh import refreshing_queues
from .requests import NOTHING
from .row_policy import row_may_close
from .state import CLOSED, NEVER, STALE, State
from .timing import ACT, PRE, RD, WR


@inlined
def _behind_its_read(state: State, queue: int, slot: int, address: int) -> bool:
    """Whether an older read of the same burst is still queued."""
    bits = state.settings[0].offset_bits
    for older in range(slot):
        request = state.requests[state.queue_slots[queue, older]]
        if not request.is_write and request.address >> bits == address >> bits:
            return True
    return False


@inlined
def _needed(state: State, queue: int, slot: int) -> int:
    """The command that brings a queue's request on, or NOTHING where it must stay behind others.

    A closed row is activated, a row hit is read or written, and a row conflict precharges the bank where the row policy
    allows it.
    """
    request = state.requests[state.queue_slots[queue, slot]]
    row = state.banks[request.bank].row
    if row == CLOSED:
        return ACT
    if row != request.row:
        return PRE if row_may_close(state, queue, slot, request.bank) else NOTHING
    if not request.is_write:
        return RD
    return NOTHING if _behind_its_read(state, queue, slot, request.address) else WR


@inlined
def _is_candidate(state: State, queue: int, count: int, bank: int, command: int) -> bool:
    """Whether one of the queue's first `count` candidates is the same command for the same bank."""
    for place in range(count):
        candidate = state.candidates[queue, place]
        request = state.requests[state.queue_slots[queue, candidate.slot]]
        if candidate.command == command and request.bank == bank:
            return True
    return False


@inlined
def _find_candidates(state: State, queue: int) -> None:
    """What could go next: in the order of the slots, the first of each command for each bank."""
    count = 0
    for slot in range(state.queues[queue].length):
        command = _needed(state, queue, slot)
        bank = state.requests[state.queue_slots[queue, slot]].bank
        if command != NOTHING and not _is_candidate(state, queue, count, bank, command):
            candidate = state.candidates[queue, count]
            candidate.slot, candidate.command = slot, command
            count += 1
    state.queues[queue].candidates = count


@inlined
def _first_ready(state: State, queue: int, clock: int) -> tuple[int, int]:
    """(slot, command) of the first that may be issued in a queue, else NOTHING; then the queue knows when to look."""
    its_queue = state.queues[queue]
    if its_queue.candidates == STALE:
        _find_candidates(state, queue)
    soonest = NEVER
    for place in range(its_queue.candidates):
        candidate = state.candidates[queue, place]
        bank = state.requests[state.queue_slots[queue, candidate.slot]].bank
        ready = ready_at(state, bank, candidate.command)
        if ready <= clock:
            return candidate.slot, candidate.command
        soonest = min(soonest, ready)
    its_queue.earliest = soonest
    return NOTHING, 0


@inlined
def next_command(state: State, channel: int, clock: int) -> tuple[int, int, int]:
    """Return (queue, slot, command) of the next queue in turn that has a ready one, else NOTHING; move the turn on."""
    count = state.settings[0].ranks * state.settings[0].queues_per_rank
    first, end = channel * count, (channel + 1) * count
    waits_from, waits_to = refreshing_queues(state, channel)
    queue = state.channels[channel].turn
    for _ in range(count):
        queue = queue + 1 if queue + 1 < end else first
        if state.queues[queue].earliest > clock or waits_from <= queue < waits_to:
            continue
        slot, command = _first_ready(state, queue, clock)
        if slot != NOTHING:
            state.channels[channel].turn = queue
            return queue, slot, command
    return NOTHING, 0, 0


@inlined
def next_look(state: State, channel: int) -> int:
    """Return the first clock at which a queue could have a command."""
    count = state.settings[0].ranks * state.settings[0].queues_per_rank
    waits_from, waits_to = refreshing_queues(state, channel)
    soonest = NEVER
    for queue in range(channel * count, (channel + 1) * count):
        if not waits_from <= queue < waits_to:
            soonest = min(soonest, state.queues[queue].earliest)
    return soonest
