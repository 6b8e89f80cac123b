"""The timing rules of a DRAM as a table: how long after one command the next may follow, and where.

The rules are JEDEC's (DDR4: JESD79-4, LPDDR4: JESD209-4, HBM2: JESD235); how the bus turns round between read and write
bursts and between ranks is DRAMsim3's reading of them (Li et al., IEEE CAL 2020).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .device import Device

COMMANDS = ("ACT", "PRE", "RD", "WR", "REF", "RDA", "WRA")
ACT, PRE, RD, WR, REF, RDA, WRA = range(len(COMMANDS))
TIMED = 5  # as a later command RDA waits as RD does, and WRA as WR
SCOPES = ("bank", "group", "rank", "other ranks")
BANK, GROUP, RANK, OTHER_RANKS = range(len(SCOPES))
NONE = -(2**40)  # clocks of a pair without a rule


@dataclass(frozen=True)
class Rule:
    """`after` waits `clocks` from `before`, anywhere in the scope: this bank, its bank group, its rank, other ranks."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    scope: int
    clocks: Callable[[Device], int]
    name: str


def _same(long: str, short: str) -> Callable[[Device], int]:
    """A timing within a bank group: the short one where the device has a single group."""
    return lambda d: int(getattr(d, long if d.bankgroups > 1 else short))


_ccd_l, _wtr_l, _rrd_l = _same("tCCD_L", "tCCD_S"), _same("tWTR_L", "tWTR_S"), _same("tRRD_L", "tRRD_S")
READS, WRITES = (RD, RDA), (WR, WRA)

RULES = (
    Rule((ACT,), (RD,), BANK, lambda d: d.read_rcd, "tRCD to a read"),
    Rule((ACT,), (WR,), BANK, lambda d: d.write_rcd, "tRCD to a write"),
    Rule((ACT,), (PRE,), BANK, lambda d: d.tRAS, "tRAS"),
    Rule((ACT,), (ACT,), BANK, lambda d: d.tRAS + d.tRP, "tRC"),
    Rule((ACT,), (ACT,), GROUP, _rrd_l, "tRRD_L"),
    Rule((ACT,), (ACT,), RANK, lambda d: d.tRRD_S, "tRRD_S"),
    Rule((PRE,), (ACT, REF), BANK, lambda d: d.tRP, "tRP"),
    Rule((PRE,), (PRE,), RANK, lambda d: d.ppd, "tPPD"),
    Rule(READS, (RD,), GROUP, lambda d: max(d.burst_cycle, _ccd_l(d)), "tCCD_L of reads"),
    Rule(READS, (RD,), RANK, lambda d: max(d.burst_cycle, d.tCCD_S), "tCCD_S of reads"),
    Rule(READS, (RD,), OTHER_RANKS, lambda d: d.burst_cycle + d.tRTRS, "tRTRS of reads"),
    Rule(READS, (WR,), RANK, lambda d: d.RL + d.burst_cycle + d.tRTRS - d.WL, "read to write"),
    Rule(READS, (WR,), OTHER_RANKS, lambda d: d.RL + d.burst_cycle + d.tRTRS - d.WL, "read to another rank's write"),
    Rule((RD,), (PRE,), BANK, lambda d: d.tRTP, "tRTP"),
    Rule((RDA,), (ACT,), BANK, lambda d: d.burst_cycle + d.tRTP + d.tRP, "burst, tRTP and tRP"),
    Rule((RDA,), (REF,), BANK, lambda d: d.tRTP + d.tRP, "tRTP and tRP"),
    Rule(WRITES, (WR,), GROUP, lambda d: max(d.burst_cycle, _ccd_l(d)), "tCCD_L of writes"),
    Rule(WRITES, (WR,), RANK, lambda d: max(d.burst_cycle, d.tCCD_S), "tCCD_S of writes"),
    Rule(WRITES, (WR,), OTHER_RANKS, lambda d: d.burst_cycle, "another rank's write"),
    Rule(WRITES, (RD,), GROUP, lambda d: d.WL + d.burst_cycle + _wtr_l(d), "tWTR_L"),
    Rule(WRITES, (RD,), RANK, lambda d: d.WL + d.burst_cycle + d.tWTR_S, "tWTR_S"),
    Rule(WRITES, (RD,), OTHER_RANKS, lambda d: d.WL + d.burst_cycle + d.tRTRS - d.RL, "write to another rank's read"),
    Rule((WR,), (PRE,), BANK, lambda d: d.WL + d.burst_cycle + d.tWR, "tWR"),
    Rule((WRA,), (ACT, REF), BANK, lambda d: d.WL + d.burst_cycle + d.tWR + d.tRP, "tWR and tRP"),
    Rule((REF,), (ACT, REF), RANK, lambda d: d.tRFC, "tRFC"),
)  # fmt: skip


def distances(device: Device) -> NDArray[np.int64]:
    """Return the clocks from each command to each later one, (scope, before, after): NONE without a rule."""
    table = np.full((len(SCOPES), len(COMMANDS), TIMED), NONE, np.int64)
    for rule in RULES:
        for before in rule.before:
            for after in rule.after:
                table[rule.scope, before, after] = rule.clocks(device)
    return table
