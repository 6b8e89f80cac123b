"""What a bank-level DRAM counts, and the energy of it: Micron's method of currents over the standby currents."""

from __future__ import annotations

import numpy as np

from ..base import Command
from .device import Device
from .state import State

COUNTERS = ("row_hits", "activates", "precharges", "refreshes", "reads", "writes")


def core_commands(device: Device) -> tuple[Command, ...]:
    """Return the commands of a device's core and the standby clocks of its ranks, at their V·mA·clocks."""
    charges = (
        ("activate", "dram_activates", device.act_inc),
        ("read burst", "dram_reads", device.read_inc),
        ("write burst", "dram_writes", device.write_inc),
        ("refresh", "dram_refreshes", device.ref_inc),
        ("standby clock of a rank with an open row", "dram_active_clocks", device.act_stb_inc),
        ("standby clock of a rank without", "dram_idle_clocks", device.pre_stb_inc),
    )
    return tuple(
        Command("dram", name, column, 1, charge, device.tCK, f"{charge:g} × {device.tCK:g} ns", device.source)
        for name, column, charge in charges
    )


def commands(device: Device) -> tuple[Command, ...]:
    """Return everything that costs energy: the core's commands and clocks, and the bits on the bus."""
    io = device.io_pj_per_bit
    bus = Command("dram_io", "I/O bit moved", "dram_bytes", 8, io, 1.0, f"{io:g}", device.io_source)
    return *core_commands(device), bus


def activity(state: State, clocks: int) -> dict[str, int]:
    """Return the commands so far and the standby clocks of all ranks in the first `clocks`, by report column."""
    counts = {f"dram_{name}": int(state.channels[name].sum()) for name in COUNTERS}
    ranks = state.ranks
    lasting, is_open = clocks - ranks["since"], ranks["open_banks"] > 0
    active = np.sum(ranks["active_clocks"] + lasting * is_open)
    idle = np.sum(ranks["idle_clocks"] + lasting * ~is_open)
    return {**counts, "dram_active_clocks": int(active), "dram_idle_clocks": int(idle)}
