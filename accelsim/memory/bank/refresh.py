"""The refresh of a bank-level DRAM: rank by rank in turn (staggered), or all ranks at the same time."""

from __future__ import annotations

from .commands import issue, ready_at
from .compiled import inlined
from .state import CLOSED, NEVER, State
from .timing import PRE, REF


@inlined
def note_due_refresh(state: State, channel: int, clock: int) -> None:
    """Note that a refresh is due: all ranks' every tREFI, or staggered one rank's every tREFI / ranks."""
    its_channel = state.channels[channel]
    if clock >= its_channel.refresh_at:
        its_channel.refresh_at += state.settings[0].refresh_interval
        its_channel.refreshes_due += state.settings[0].ranks_a_refresh


@inlined
def refresh(state: State, channel: int, clock: int) -> tuple[bool, int]:
    """Close the due rank's banks one by one, then refresh it.

    Returns (whether a command went out, when to look again).
    """
    its_channel, settings = state.channels[channel], state.settings[0]
    its_channel.refreshing = 1
    first = its_channel.refresh_rank * settings.banks
    soonest, waiting = NEVER, False
    for bank in range(first, first + settings.banks):
        command = REF if state.banks[bank].row == CLOSED else PRE
        ready = ready_at(state, bank, command)
        if ready <= clock and command == PRE:
            issue(state, channel, bank, PRE, 0, clock)
            return True, clock
        if ready > clock:
            waiting, soonest = True, min(soonest, ready)
    if waiting:
        return False, soonest
    issue(state, channel, first, REF, 0, clock)
    its_channel.refreshing = 0
    its_channel.refreshes_due -= 1
    following = its_channel.refresh_rank + 1
    its_channel.refresh_rank = following if following < (channel + 1) * settings.ranks else channel * settings.ranks
    return True, clock


@inlined
def refreshing_queues(state: State, channel: int) -> tuple[int, int]:
    """Return the first queue, and the one behind the last, of the rank that waits for a refresh, else (0, 0)."""
    its_channel = state.channels[channel]
    if not its_channel.refreshing:
        return 0, 0
    first = its_channel.refresh_rank * state.settings[0].queues_per_rank
    return first, first + state.settings[0].queues_per_rank
