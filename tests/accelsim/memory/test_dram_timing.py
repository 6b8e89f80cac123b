"""The data sheet, rule by rule: a command is refused a clock early and taken when it is due."""

import pytest

from accelsim.memory.bank.commands import issue, ready_at
from accelsim.memory.bank.device import load_device
from accelsim.memory.bank.state import new_state
from accelsim.memory.bank.timing import COMMANDS, RULES, SCOPES

CLOCK = 10_000
DDR4 = [
    # before, after, scope, clocks                 RL 17, WL 12, a burst takes 4
    ("ACT", "RD", "bank", 17),  # tRCD
    ("ACT", "WR", "bank", 17),
    ("ACT", "PRE", "bank", 39),  # tRAS
    ("ACT", "ACT", "bank", 39 + 17),  # tRC
    ("ACT", "ACT", "group", 6),  # tRRD_L
    ("ACT", "ACT", "rank", 4),  # tRRD_S
    ("PRE", "ACT", "bank", 17),  # tRP
    ("PRE", "REF", "bank", 17),
    ("PRE", "PRE", "rank", 0),  # no tPPD
    ("RD", "RD", "group", 6),  # tCCD_L
    ("RD", "RD", "rank", 4),  # tCCD_S
    ("RD", "RD", "other ranks", 4 + 1),  # the burst and tRTRS
    ("RD", "WR", "rank", 17 + 4 + 1 - 12),
    ("RD", "WR", "other ranks", 17 + 4 + 1 - 12),
    ("RD", "PRE", "bank", 9),  # tRTP
    ("RDA", "ACT", "bank", 4 + 9 + 17),
    ("RDA", "REF", "bank", 9 + 17),
    ("RDA", "RD", "group", 6),
    ("RDA", "RD", "rank", 4),
    ("RDA", "RD", "other ranks", 5),
    ("RDA", "WR", "rank", 10),
    ("RDA", "WR", "other ranks", 10),
    ("WR", "WR", "group", 6),
    ("WR", "WR", "rank", 4),
    ("WR", "WR", "other ranks", 4),
    ("WR", "RD", "group", 12 + 4 + 9),  # tWTR_L
    ("WR", "RD", "rank", 12 + 4 + 3),  # tWTR_S
    ("WR", "RD", "other ranks", 12 + 4 + 1 - 17),
    ("WR", "PRE", "bank", 12 + 4 + 18),  # tWR
    ("WRA", "ACT", "bank", 12 + 4 + 18 + 17),
    ("WRA", "REF", "bank", 12 + 4 + 18 + 17),
    ("WRA", "WR", "group", 6),
    ("WRA", "WR", "rank", 4),
    ("WRA", "WR", "other ranks", 4),
    ("WRA", "RD", "group", 25),
    ("WRA", "RD", "rank", 19),
    ("WRA", "RD", "other ranks", 0),
    ("REF", "ACT", "rank", 420),  # tRFC
    ("REF", "REF", "rank", 420),
]
OTHERS = [
    ("lpddr4-2400", ("PRE", "PRE", "rank", 2)),  # tPPD
    ("lpddr4-2400", ("RD", "RD", "group", 8)),  # a burst is longer than tCCD_L
    ("hbm2-2000", ("ACT", "RD", "bank", 14)),  # tRCDRD
    ("hbm2-2000", ("ACT", "WR", "bank", 14)),  # tRCDWR
    ("hbm2-2000", ("WR", "RD", "group", 4 + 2 + 8)),
]
CASES = [("ddr4-2400", case) for case in DDR4] + OTHERS


def place(device, scope):
    """How many banks behind the first one lies the scope's nearest."""
    return {
        "bank": 0, "group": 1, "rank": device.banks_per_group,
        "other ranks": device.bankgroups * device.banks_per_group,
    }[scope]  # fmt: skip


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{n} {b}-{a} {s}" for n, (b, a, s, _) in CASES])
def test_a_command_is_refused_a_clock_early_and_taken_when_due(name, case):
    before, after, scope, clocks = case
    device = load_device(name)
    state = new_state(device)
    if before not in ("ACT", "REF"):
        issue(state, 0, 0, COMMANDS.index("ACT"), 0, CLOCK - 5000)
    issue(state, 0, 0, COMMANDS.index(before), 0, CLOCK)
    due = ready_at(state, place(device, scope), COMMANDS.index(after))
    assert not due <= CLOCK + clocks - 1
    assert due <= CLOCK + clocks


def test_every_rule_of_the_table_has_its_line():
    lines = {(before, after, scope) for before, after, scope, _ in DDR4}
    rules = {(COMMANDS[b], COMMANDS[a], SCOPES[r.scope]) for r in RULES for b in r.before for a in r.after}
    assert lines == rules


def test_a_fifth_activate_waits_for_the_window_of_four():
    device = load_device("ddr4-2400")
    state = new_state(device)
    for group in range(4):  # tRRD_S apart, in different groups
        issue(state, 0, 4 * group, COMMANDS.index("ACT"), 0, CLOCK + 4 * group)
    assert ready_at(state, 1, COMMANDS.index("ACT")) == CLOCK + device.tFAW
    in_another_rank = 16
    assert ready_at(state, in_another_rank, COMMANDS.index("ACT")) <= CLOCK


def test_a_single_bank_group_has_the_short_timings():
    device = load_device("ddr4-2400").model_copy(update={"bankgroups": 1, "banks_per_group": 16})
    state = new_state(device)
    issue(state, 0, 0, COMMANDS.index("ACT"), 0, CLOCK)
    assert ready_at(state, 1, COMMANDS.index("ACT")) == CLOCK + device.tRRD_S
