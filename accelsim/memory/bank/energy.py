"""What a bank-level DRAM counts, and the energy of it: Micron's method of currents over the standby currents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..base import ACCESS, STANDBY, Command
from .device import Device

if TYPE_CHECKING:
    from .state import State

COUNTERS = ("row_hits", "activates", "precharges", "refreshes", "reads", "writes")
ACTIVE, IDLE = "dram_active_clocks", "dram_idle_clocks"
ACTIVE_DOWN, IDLE_DOWN = "dram_active_power_down_clocks", "dram_idle_power_down_clocks"


def core_commands(device: Device, *, powers_down: bool = False) -> tuple[Command, ...]:
    """Return the commands of a device's core and the standby clocks of its ranks, at their V·mA·clocks.

    `powers_down`: some of the standby clocks are counted as power-down ones too, and cost the power-down current.
    """
    access = (
        ("activate", "dram_activates", device.act_inc),
        ("read burst", "dram_reads", device.read_inc),
        ("write burst", "dram_writes", device.write_inc),
    )
    bursts = [_command(device, ACCESS, *listed) for listed in access]
    return (
        *bursts,
        _command(device, STANDBY, "refresh", "dram_refreshes", device.ref_inc),
        *_clocks(device, powers_down),
    )


def _clocks(device: Device, powers_down: bool) -> tuple[Command, ...]:
    active = _command(device, STANDBY, "standby clock of a rank with an open row", ACTIVE, device.act_stb_inc)
    idle = _command(device, STANDBY, "standby clock of a rank without", IDLE, device.pre_stb_inc)
    if not powers_down:
        return active, idle
    active_down, idle_down = device.act_pd_inc or 0.0, device.pre_pd_inc or 0.0  # `require_power_down` has checked them
    return (
        active._replace(minus=(ACTIVE_DOWN,)),
        idle._replace(minus=(IDLE_DOWN,)),
        _command(device, STANDBY, "power-down clock of a rank with an open row", ACTIVE_DOWN, active_down),
        _command(device, STANDBY, "power-down clock of a rank without", IDLE_DOWN, idle_down),
    )


def _command(device: Device, component: str, name: str, column: str, charge: float) -> Command:
    """One of them; power-down currents have a source of their own."""
    source = device.pd_source if column in (ACTIVE_DOWN, IDLE_DOWN) else device.source
    return Command(component, name, (column,), 1, charge, device.tCK, f"{charge:g} × {device.tCK:g} ns", source)


def io_command(device: Device) -> Command:
    """Return the bits on the bus."""
    io = device.io_pj_per_bit
    name = "I/O bit moved"
    return Command(ACCESS, name, ("dram_bytes",), 8, io, 1.0, f"{io:g}", device.io_source, is_io=True)


def commands(device: Device, *, powers_down: bool = False) -> tuple[Command, ...]:
    """Return everything that costs energy: the core's commands and clocks, and the bits on the bus."""
    return *core_commands(device, powers_down=powers_down), io_command(device)


def activity(state: State, clocks: int) -> dict[str, int]:
    """Return the commands so far and the standby clocks of all ranks in the first `clocks`, by report column."""
    counts = {f"dram_{name}": int(state.channels[name].sum()) for name in COUNTERS}
    ranks = state.ranks
    lasting, is_open = clocks - ranks["since"], ranks["open_banks"] > 0
    active = np.sum(ranks["active_clocks"] + lasting * is_open)
    idle = np.sum(ranks["idle_clocks"] + lasting * ~is_open)
    return {**counts, ACTIVE: int(active), IDLE: int(idle)}


def power_down_activity(state: State, clocks: int) -> dict[str, int]:
    """Return the power-down clocks of all ranks in the first `clocks`, with an open row and without, by column."""
    ranks, after = state.ranks, state.settings["power_down_after"][0]
    lasting, is_open = np.maximum(0, clocks - ranks["idle_from"] - after), ranks["open_banks"] > 0
    active = np.sum(ranks["active_down_clocks"] + lasting * is_open)
    idle = np.sum(ranks["idle_down_clocks"] + lasting * ~is_open)
    return {ACTIVE_DOWN: int(active), IDLE_DOWN: int(idle)}
