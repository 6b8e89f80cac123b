"""The row policy of a bank-level DRAM: when an open row is closed."""

from __future__ import annotations

from .compiled import inlined
from .state import State
from .timing import RD, RDA, WRA

ROW_HIT_LIMIT = 4  # hits after which a waiting row conflict may close the row (DRAMsim3)


@inlined
def row_may_close(state: State, queue: int, slot: int, bank: int) -> bool:
    """Tell whether the row conflict at a queue's slot may close the row.

    It is the oldest request of its bank, and no hit waits behind it or the row has had ROW_HIT_LIMIT of them.
    """
    slots, row = state.queue_slots[queue], state.banks[bank].row
    for older in range(slot):
        if state.requests[slots[older]].bank == bank:
            return False
    if state.banks[bank].hits >= ROW_HIT_LIMIT:
        return True
    for younger in range(slot + 1, state.queues[queue].length):
        request = state.requests[slots[younger]]
        if request.bank == bank and request.row == row:
            return False
    return True


@inlined
def column_command(state: State, command: int) -> int:
    """Return the read or write that goes out: with an automatic precharge where the policy is CLOSE_PAGE."""
    if not state.settings[0].close_page:
        return command
    return RDA if command == RD else WRA
