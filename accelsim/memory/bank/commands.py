"""Commands of a bank-level DRAM: when one may be issued, and what its issue does to the state."""

from __future__ import annotations

from .compiled import inlined
from .state import ACTIVATE_WINDOW, CLOSED, NEVER, STALE, Array, State
from .timing import ACT, BANK, GROUP, OTHER_RANKS, PRE, RANK, RD, RDA, REF, TIMED, WR


@inlined
def ready_at(state: State, bank: int, command: int) -> int:
    """Return the first clock at which the timing rules allow a command (ACT, PRE, RD, WR or REF) to a bank."""
    its_bank = state.banks[bank]
    rank = state.ranks[its_bank.rank]
    clock = max(its_bank.ready[command], state.groups[its_bank.group].ready[command], rank.ready[command])
    if command == ACT:
        clock = max(clock, rank.activates[rank.oldest_activate] + state.settings[0].tFAW)
    return int(clock)


@inlined
def _delay(ready: Array, distance: Array, clock: int) -> None:
    """Delay what must wait for a command of `clock`, in one scope of the rules."""
    for after in range(TIMED):
        ready[after] = max(ready[after], clock + distance[after])


@inlined
def _open(state: State, bank: int, row: int, clock: int) -> None:
    its_bank = state.banks[bank]
    rank = state.ranks[its_bank.rank]
    its_bank.row, its_bank.hits = row, 0
    if rank.open_banks == 0:
        rank.idle_clocks += clock - rank.since
        rank.since = clock
    rank.open_banks += 1
    place = rank.oldest_activate
    rank.activates[place] = clock
    rank.oldest_activate = place + 1 if place + 1 < ACTIVATE_WINDOW else 0


@inlined
def _close(state: State, bank: int, clock: int) -> None:
    its_bank = state.banks[bank]
    rank = state.ranks[its_bank.rank]
    its_bank.row, its_bank.hits = CLOSED, 0
    rank.open_banks -= 1
    if rank.open_banks == 0:
        rank.active_clocks += clock - rank.since
        rank.since = clock


@inlined
def _read_or_write(state: State, channel: int, bank: int, command: int) -> None:
    """Count it; a row hit is a read or write that is not the first since its row was opened."""
    its_bank, its_channel = state.banks[bank], state.channels[channel]
    if command in (RD, RDA):
        its_channel.reads += 1
    else:
        its_channel.writes += 1
    its_channel.row_hits += its_bank.hits > 0
    its_bank.hits += 1


@inlined
def _busy_clocks(state: State, command: int) -> int:
    """How long a command keeps its rank from powering down: to the end of its burst, write recovery or refresh."""
    settings = state.settings[0]
    if command in (RD, RDA):
        return int(settings.read_delay)
    if command == REF:
        return int(settings.tRFC)
    return 1 if command in (ACT, PRE) else int(settings.write_busy)


@inlined
def _wake(state: State, rank: int, command: int, clock: int) -> None:
    """Count the power-down clocks since the rank's last command, and note until when this one keeps it busy."""
    its_rank = state.ranks[rank]
    down = max(0, clock - its_rank.idle_from - state.settings[0].power_down_after)
    if its_rank.open_banks > 0:
        its_rank.active_down_clocks += down
    else:
        its_rank.idle_down_clocks += down
    its_rank.idle_from = max(its_rank.idle_from, clock + _busy_clocks(state, command))


@inlined
def issue(state: State, channel: int, bank: int, command: int, row: int, clock: int) -> None:
    """Give a command to a bank (REF: to its rank): count it, open or close the row, and delay what must wait for it."""
    its_bank = state.banks[bank]
    queue = state.queues[its_bank.queue]
    queue.earliest, queue.candidates = clock, STALE
    if state.settings[0].power_down_after < NEVER:
        _wake(state, its_bank.rank, command, clock)
    if command == ACT:
        state.channels[channel].activates += 1
        _open(state, bank, row, clock)
    elif command == PRE:
        state.channels[channel].precharges += 1
        _close(state, bank, clock)
    elif command == REF:
        state.channels[channel].refreshes += 1
    else:
        _read_or_write(state, channel, bank, command)
        if command not in (RD, WR):
            _close(state, bank, clock)
    distances = state.settings[0].distances
    _delay(its_bank.ready, distances[BANK, command], clock)
    _delay(state.groups[its_bank.group].ready, distances[GROUP, command], clock)
    first = channel * state.settings[0].ranks
    for rank in range(first, first + state.settings[0].ranks):
        scope = RANK if rank == its_bank.rank else OTHER_RANKS
        _delay(state.ranks[rank].ready, distances[scope, command], clock)
