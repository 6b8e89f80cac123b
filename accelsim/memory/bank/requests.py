"""Requests at a bank-level DRAM controller: what it takes, merges or answers at once."""

from __future__ import annotations

from .address_map import bank_of, channel_of, row_of
from .compiled import inlined, kernel
from .state import FILTER_BITS, Array, State

REFUSED, TAKEN, ANSWERED = 0, 1, 2
NOTHING = -1


@inlined
def read_list(channel: int) -> int:
    """Return the number of a channel's waiting list of reads."""
    return 2 * channel


@inlined
def write_list(state: State, channel: int) -> int:
    """Return the number of a channel's waiting list of writes, which is the reads' where the two are unified."""
    return int(2 * channel + 1 - state.settings[0].unified)


@inlined
def _hash(state: State, address: int) -> int:
    """The place of an address in `waiting_by_hash`, which holds 0 where no request waits for such an address."""
    burst = address >> state.settings[0].offset_bits
    return int((burst ^ (burst >> FILTER_BITS)) & ((1 << FILTER_BITS) - 1))


@inlined
def _find_in(state: State, slots: Array, length: int, address: int, is_write: bool) -> int:
    for slot in range(length):
        request = state.requests[slots[slot]]
        if request.address == address and (request.is_write != 0) == is_write:
            return int(slots[slot])
    return NOTHING


@inlined
def find(state: State, channel: int, bank: int, address: int, is_write: bool) -> int:
    """Return the read or write of an address that waits or is queued, or NOTHING."""
    if state.channels[channel].waiting_by_hash[_hash(state, address)] == 0:
        return NOTHING
    waiting = write_list(state, channel) if is_write else read_list(channel)
    request = _find_in(state, state.waiting_slots[waiting], state.waiting[waiting].length, address, is_write)
    if request != NOTHING:
        return request
    queue = state.banks[bank].queue
    return _find_in(state, state.queue_slots[queue], state.queues[queue].length, address, is_write)


@kernel
def accept(state: State, address: int, is_write: bool, owner: int, clock: int) -> int:
    """Offer a request: REFUSED where its list is full, ANSWERED where it needs no more than the next clock, else TAKEN.

    A write is answered at once, and merges with one to the same address; a read of an address whose write waits is
    answered from it; a read of an address that its owner has already asked for is answered with the first.
    """
    channel = channel_of(state.settings[0], address)
    waiting = write_list(state, channel) if is_write else read_list(channel)
    if state.waiting[waiting].length >= state.settings[0].waiting_depth:
        return REFUSED
    bank = bank_of(state.settings[0], channel, address)
    if find(state, channel, bank, address, True) != NOTHING:
        return ANSWERED
    if not is_write:
        same = find(state, channel, bank, address, False)
        if same != NOTHING and state.requests[same].owner == owner:
            state.requests[same].merged += 1
            return TAKEN
    number = _new_request(state, channel, bank, address)
    request = state.requests[number]
    request.is_write, request.owner = is_write, owner
    state.waiting_slots[waiting, state.waiting[waiting].length] = number
    state.waiting[waiting].length += 1
    its_channel = state.channels[channel]
    its_channel.blocked, its_channel.wake = 0, min(its_channel.wake, clock + 1)
    return ANSWERED if is_write else TAKEN


@inlined
def _new_request(state: State, channel: int, bank: int, address: int) -> int:
    """Take a request out of the channel's pool for an address."""
    its_channel = state.channels[channel]
    its_channel.free -= 1
    number = int(state.free_slots[channel, its_channel.free])
    request = state.requests[number]
    request.address, request.bank, request.queue = address, bank, state.banks[bank].queue
    request.row, request.merged = row_of(state.settings[0], address), 0
    its_channel.waiting_by_hash[_hash(state, address)] += 1
    return number


@inlined
def release(state: State, channel: int, request: int) -> None:
    """Give a served request back to the channel's pool."""
    its_channel = state.channels[channel]
    its_channel.waiting_by_hash[_hash(state, state.requests[request].address)] -= 1
    state.free_slots[channel, its_channel.free] = request
    its_channel.free += 1
