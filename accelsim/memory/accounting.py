"""Energy of a DRAM model that counts no commands: by the bits and the cycles, on the figures of a named device."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from ..errors import ConfigError
from .bank.device import Device, device_name, device_part, load_device, require_power_down
from .bank.energy import io_command
from .base import ACCESS, BITS_ALONE, STANDBY, Accounting, Command, DramConfig

POWER_DOWN = "dram_power_down_cycles"
READS = ("dram_ifmap_bytes", "dram_weight_bytes", "dram_index_bytes")
WRITES, PSUMS = ("dram_ofmap_bytes",), ("dram_psum_bytes",)  # of psums half is written and half read back
FIGURE = "the figure that the machine gives"


def _device(value: object) -> object:
    return device_part(value, "dram.energy_of")


class AccountedDram(DramConfig):
    """`energy_of` names the device whose figures are charged, or holds one in full.

    Access is bursts of that device, a row activated for every row's worth of bytes, as streams have it, and the bus's
    bits. Standby is all its ranks, all the time of a run, and a refresh every tREFI. Assumptions: a row that a refresh
    closes is not opened again, and a rank has an open row half of the time (with CLOSE_PAGE never).
    `standby_mw` is a standby power in place of the device's, or without one. With neither, bits cost the energy table's
    figures and standby nothing, and a report says so.
    `power_down_after_clk`: once nothing was served for so many clocks of the device, all ranks draw the power-down
    current until the next transfer, but for tRFC and those clocks of every tREFI. None: never.
    """

    energy_of: Annotated[str | Device | None, BeforeValidator(_device)] = None
    standby_mw: Annotated[float, Field(ge=0, le=1e12)] | None = None
    power_down_after_clk: Annotated[int, Field(ge=0, le=2**40)] | None = None

    @model_validator(mode="after")
    def _has_currents(self) -> AccountedDram:
        if self.power_down_after_clk is None:
            return self
        if self.energy_of is None or self.standby_mw is not None:
            raise ConfigError(
                "dram.power_down_after_clk is set; dram.energy_of is expected with it, and no dram.standby_mw, since"
                " the currents of power-down are a device's"
            )
        require_power_down(self.energy_of, "dram.energy_of")
        return self

    def commands(self, clock_mhz: float) -> tuple[Command, ...]:
        """Return what a byte costs, and what a cycle of `clock_mhz` does; neither where nothing is known of it."""
        access = access_commands(load_device(self.energy_of)) if self.energy_of is not None else ()
        return *access, *self._standby(clock_mhz)

    def _standby(self, clock_mhz: float) -> Iterator[Command]:
        if self.standby_mw is not None:
            name, formula = "standby cycle", f"{self.standby_mw:g} mW / {clock_mhz:g} MHz"
            yield Command(STANDBY, name, ("cycles",), 1, self.standby_mw * 1000 / clock_mhz, 1.0, formula, FIGURE)
        elif self.energy_of is not None:
            yield from standby_commands(load_device(self.energy_of), clock_mhz, self.power_down_after_clk)

    @property
    def burst_bytes(self) -> int:
        """Return the burst of `energy_of`."""
        return super().burst_bytes if self.energy_of is None else load_device(self.energy_of).req_bytes

    @property
    def accounting(self) -> Accounting:
        """Return whose figures are charged."""
        access, standby = BITS_ALONE
        if self.energy_of is not None:
            name, after = device_name(self.energy_of), self.power_down_after_clk
            down = f", powered down after {after} idle clocks" if after is not None else ""
            access, standby = f"bits as streams on {name}, I/O included", f"all cycles at {name}'s currents{down}"
        return Accounting(access, f"{self.standby_mw:g} mW" if self.standby_mw is not None else standby)

    def power_down_after(self, clock_mhz: float) -> Fraction | None:
        """Return the idle array cycles after which the ranks power down; None where they never do."""
        if self.power_down_after_clk is None or self.energy_of is None:
            return None
        return self.power_down_after_clk * load_device(self.energy_of).cycles_per_clock(clock_mhz)


def access_commands(device: Device) -> Iterator[Command]:
    """Return what a byte costs on a device whose rows are streamed: its burst's share, its row's and the bus.

    >>> from accelsim.memory.bank.device import load_device
    >>> {command.name: round(command.pj, 1) for command in access_commands(load_device("ddr4-2400"))}
    {'byte read': 45.8, 'byte written': 39.8, 'psum byte': 42.8, "row's share of a byte": 0.4, 'I/O bit moved': 3.2}
    """
    mean = (device.read_inc + device.write_inc) / 2
    bursts = (
        ("byte read", READS, device.read_inc),
        ("byte written", WRITES, device.write_inc),
        ("psum byte", PSUMS, mean),
    )
    for name, columns, charge in bursts:
        yield _share(device, name, columns, charge, device.req_bytes)
    yield _share(device, "row's share of a byte", ("dram_bytes",), device.act_inc, device.row_bytes)
    yield io_command(device)


def _share(device: Device, name: str, columns: tuple[str, ...], charge: float, size_bytes: int) -> Command:
    formula = f"{charge:g} × {device.tCK:g} ns / {size_bytes} B"
    return Command(ACCESS, name, columns, 1, charge / size_bytes, device.tCK, formula, device.source)


def standby_commands(device: Device, clock_mhz: float, power_down_after_clk: int | None = None) -> Iterator[Command]:
    """Return what a cycle of an array costs all ranks of a device, by its currents and its refreshes.

    >>> from accelsim.memory.bank.device import load_device
    >>> standby, refresh = standby_commands(load_device("ddr4-2400"), clock_mhz=1000.0)
    >>> round(standby.pj), round(refresh.pj)  # pJ a ns: 0.74 W and 0.18 W of two ranks
    (739, 178)
    """
    clocks = device.rank_count / float(device.cycles_per_clock(clock_mhz))  # of a rank, in a cycle of the array
    standby = _mean(device, device.act_stb_inc, device.pre_stb_inc)
    cycles, down = ("cycles",), (POWER_DOWN,)
    powers_down = power_down_after_clk is not None
    yield _time(device, "standby cycle", cycles, standby, clocks)._replace(minus=down if powers_down else ())
    yield _time(device, "refresh in a cycle", cycles, device.ref_inc / device.tREFI, clocks)
    if power_down_after_clk is not None:
        asleep = max(0.0, 1 - (device.tRFC + power_down_after_clk) / device.tREFI)
        lowered = _mean(device, device.act_pd_inc or 0, device.pre_pd_inc or 0)
        charge = asleep * lowered + (1 - asleep) * standby
        yield _time(device, "power-down cycle", down, charge, clocks)._replace(source=device.pd_source)


def _mean(device: Device, active: float, idle: float) -> float:
    """The current with an open row half of the time; rows of CLOSE_PAGE close behind every burst."""
    return idle if device.row_policy == "CLOSE_PAGE" else (active + idle) / 2


def _time(device: Device, name: str, columns: tuple[str, ...], charge: float, clocks: float) -> Command:
    formula = f"{charge:.6g} × {device.tCK:g} ns × {clocks:.6g} clocks"
    return Command(STANDBY, name, columns, 1, charge * clocks, device.tCK, formula, device.source)


def idle_behind(after: Fraction, idle_cycles: Fraction | int) -> int:
    """Return the whole cycles of an idle time that lie behind the first `after`."""
    return max(0, int(idle_cycles - after))


def device_cycles(device: str | Device, size_bytes: int, clock_mhz: float) -> int:
    """Return the array cycles in which a device moves so many bytes at best, rounded up."""
    loaded = load_device(device)
    return ceil(Fraction(size_bytes) / Fraction(loaded.bytes_per_clock) * loaded.cycles_per_clock(clock_mhz))
