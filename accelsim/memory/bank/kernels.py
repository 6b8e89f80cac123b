"""The loops over the clocks of a bank-level DRAM that Python calls: a replay of requests, and transfers in turn."""

from __future__ import annotations

from .address_map import channel_of
from .compiled import kernel
from .controller import NOBODY, answer, is_quiet, next_event, tick
from .requests import ANSWERED, REFUSED, accept
from .state import Array, Records, State

ANSWER_CLOCKS = 2  # from the clock of an offer to its answer, where no command is needed


@kernel
def replay(state: State, addresses: Array, is_write: Array, interval_clk: float, transfers: Records) -> tuple[int, int]:
    """Offer request i from clock int(i · interval) on, in order, up to `issue_width` a clock; then run until quiet.

    Returns (clock of the last answer to a read or of the end of the last write, clocks counted).
    """
    clock, index, count, taken = 0, 0, len(addresses), 0
    while index < count or not is_quiet(state):
        tick(state, clock, transfers)
        offered, refused = 0, False
        while (
            index < count
            and offered < state.settings[0].issue_width
            and int(index * interval_clk) <= clock
            and not refused
        ):
            refused = not _offer_one(state, addresses[index], is_write[index] != 0, clock)
            if not refused:
                index, offered, taken = index + 1, offered + 1, clock + 1
        wake = next_event(state)
        if index < count and not refused:
            wake = min(wake, max(clock + 1, int(index * interval_clk)))
        clock = max(wake, clock + 1)
    returned, written = 0, 0
    for channel in range(state.settings[0].channels):
        returned = max(returned, state.channels[channel].last_return)
        written = max(written, state.channels[channel].last_write)
    end = max(returned + 1, written, taken)
    idle(state, clock, end, transfers)
    return max(returned, written), end


@kernel
def _offer_one(state: State, address: int, is_write: bool, clock: int) -> bool:
    reply = accept(state, address, is_write, NOBODY, clock)
    if reply == ANSWERED and not is_write:
        channel = state.channels[channel_of(state.settings[0], address)]
        channel.last_return = max(channel.last_return, clock + ANSWER_CLOCKS)
    return reply != REFUSED


@kernel
def idle(state: State, clock: int, end: int, transfers: Records) -> None:
    """Go on from `clock` to `end` without requests."""
    clock = max(clock, next_event(state))
    while clock < end:
        tick(state, clock, transfers)
        clock = max(clock + 1, next_event(state))


@kernel
def drain(state: State, clock: int, transfers: Records) -> int:
    """Go on from `clock` without requests until no write waits, and return the clock behind the last one."""
    for number in range(state.settings[0].channels):
        channel = state.channels[number]
        channel.drain_above, channel.blocked, channel.wake = 0, 0, min(channel.wake, clock)
    while not is_quiet(state):
        tick(state, clock, transfers)
        clock = max(clock + 1, next_event(state))
    return clock


@kernel
def _go_on(state: State, transfers: Records, number: int, runs: Array) -> None:
    """Move a transfer to its next burst: the one behind, or the first of its next run (address, bursts)."""
    transfer = transfers[number]
    transfer.address += 1 << state.settings[0].offset_bits
    transfer.to_offer -= 1
    transfer.run_left -= 1
    if transfer.run_left == 0 and transfer.to_offer > 0:
        transfer.run += 1
        transfer.address = runs[2 * transfer.run]
        transfer.run_left = runs[2 * transfer.run + 1]


@kernel
def _offer(state: State, transfers: Records, turn: Array, runs: Array, clock: int) -> tuple[int, int]:
    """Offer the next request of the first transfer in turn that is not refused; (requests taken, transfers ended)."""
    for place in range(1, turn[0] + 1):
        number = turn[place]
        transfer = transfers[number]
        reply = accept(state, transfer.address, transfer.is_write != 0, number, clock)
        if reply == REFUSED:
            continue
        _go_on(state, transfers, number, runs)
        for behind in range(place, turn[0]):
            turn[behind] = turn[behind + 1]
        turn[turn[0]] = number
        if transfer.to_offer == 0:
            turn[0] -= 1
        if reply == ANSWERED:
            return 1, answer(transfers, number, clock + ANSWER_CLOCKS)
        transfer.under_way += 1
        return 1, 0
    return 0, 0


@kernel
def serve(state: State, transfers: Records, turn: Array, runs: Array, clock: int, limit: int) -> tuple[int, int]:
    """Serve transfers request by request, in turn, from `clock` until `limit` or until one of them needs nothing more.

    `turn` holds how many still have requests to offer, then their numbers. One that is refused lets the others pass.
    `runs` holds the address and the number of bursts of each run of those whose bursts lie apart.
    Returns (the next clock, how many transfers ended).
    """
    ended = 0
    while clock < limit and not ended:
        ended = tick(state, clock, transfers)
        offered, taken = 0, 1
        while taken and offered < state.settings[0].issue_width:
            taken, over = _offer(state, transfers, turn, runs, clock)
            offered, ended = offered + taken, ended + over
        clock = clock + 1 if taken and turn[0] else max(clock + 1, min(next_event(state), limit))
    return clock, ended
