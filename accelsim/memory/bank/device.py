"""DRAM devices: organisation, timing in clocks and energies, from a preset under accelsim/data/ or a mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ...config import Config, build
from ...errors import ConfigError, suggestion, unknown_name
from ...files import parse_yaml

FIELDS = ("ch", "ra", "bg", "ba", "ro", "co")
QUEUE = re.compile(r"PER_(BANK|RANK)/cmdq(\d+)/transq(\d+)/unified=(True|False)")
WIDE_BITS = 64  # a chip this wide is a stack of HBM, which has a command bus for rows and one for columns

LPDDR4_BURST, LPDDR4_PPD = 16, 2  # the 2 is DRAMsim3's

Clocks = Annotated[int, Field(ge=0, le=2**20)]
Power = Annotated[int, Field(ge=1, le=2**20)]
Energy = Annotated[float, Field(ge=0, le=1e12)]


class Device(Config):
    """A memory system has equal channels of `ranks` x `bankgroups` x `banks_per_group` banks. Timings are clocks.

    `address_mapping` names the fields of an address from the highest bits to the lowest; `columns` are of
    `device_width` bits, BL of them a request. `*_inc` are V·mA·clocks of a command or a clock (x tCK: pJ), all chips
    of a rank together: the core's; `io_pj_per_bit` is the bus's. `act_pd_inc` and `pre_pd_inc` are those of a clock in
    power-down with a row open (IDD3P) and with none (IDD2P). `dual_commands` (a row and a column command in one
    clock) and `tRCDRD` beside `tRCD` are HBM's; where they are not said, a chip of 64 bits or more has them.
    `issue_width` requests are offered a clock.
    """

    address_mapping: str
    queue: str = "PER_BANK/cmdq8/transq32/unified=False"
    row_policy: Literal["OPEN_PAGE", "CLOSE_PAGE"] = "OPEN_PAGE"
    refresh_policy: Literal["RANK_LEVEL_STAGGERED", "RANK_LEVEL_SIMULTANEOUS"] = "RANK_LEVEL_STAGGERED"
    issue_width: Annotated[int, Field(ge=1, le=1024)] = 1
    tCK: Annotated[float, Field(gt=0, le=1000)]
    channels: Annotated[int, Field(ge=1, le=64)]
    ranks: Annotated[int, Field(ge=1, le=64)]
    bankgroups: Annotated[int, Field(ge=1, le=64)]
    banks_per_group: Annotated[int, Field(ge=1, le=64)]
    rows: Power
    columns: Power
    device_width: Annotated[int, Field(ge=1, le=1024)]
    bus_width: Annotated[int, Field(ge=8, le=4096)]
    BL: Annotated[int, Field(ge=1, le=64)]
    burst_cycle: Annotated[int, Field(ge=1, le=64)]
    req_bytes: Annotated[int, Field(ge=1, le=2**16)]
    RL: Clocks
    WL: Clocks
    tRCD: Clocks
    tRCDRD: Clocks | None = None
    tRCDWR: Clocks | None = None
    tRP: Clocks
    tRAS: Clocks
    tRFC: Clocks
    tREFI: Annotated[int, Field(ge=1, le=2**30)]
    tCCD_S: Clocks
    tCCD_L: Clocks
    tRRD_S: Clocks
    tRRD_L: Clocks
    tFAW: Clocks
    tWR: Clocks
    tRTP: Clocks
    tWTR_S: Clocks
    tWTR_L: Clocks
    tRTRS: Clocks
    tPPD: Clocks | None = None
    dual_commands: bool | None = None
    act_inc: Energy
    read_inc: Energy
    write_inc: Energy
    ref_inc: Energy
    act_stb_inc: Energy
    pre_stb_inc: Energy
    act_pd_inc: Energy | None = None
    pre_pd_inc: Energy | None = None
    pd_source: str = ""
    io_pj_per_bit: Energy = 0.0
    io_source: str = ""
    source: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Device:
        for name in ("channels", "ranks", "bankgroups", "banks_per_group", "rows", "columns", "BL", "req_bytes"):
            value = getattr(self, name)
            if value & (value - 1):
                raise ConfigError(f"{name} is {value}; a power of two is expected, since it takes whole address bits")
        if self.req_bytes * 8 != self.bus_width * self.BL:
            raise ConfigError(f"req_bytes is {self.req_bytes}; bus_width · BL / 8 = {self.bus_width * self.BL // 8}")
        if self.columns < self.BL:
            raise ConfigError(f"columns is {self.columns}; a row holds at least one burst of BL = {self.BL}")
        fields = [self.address_mapping[i : i + 2] for i in range(0, len(self.address_mapping), 2)]
        if sorted(fields) != sorted(FIELDS):
            raise ConfigError(
                f"address_mapping is {self.address_mapping!r:.60}; each of {', '.join(FIELDS)} once is expected"
            )
        if self.tREFI < self.ranks or self.tREFI <= self.tRFC:
            raise ConfigError(f"tREFI is {self.tREFI}; more than tRFC = {self.tRFC} is expected")
        _ = self.queues
        return self

    @property
    def wide(self) -> bool:
        """Tell whether row and column commands have a bus of their own, as in HBM."""
        return self.device_width >= WIDE_BITS if self.dual_commands is None else self.dual_commands

    @property
    def read_rcd(self) -> int:
        """Return the clocks from an activate to a read."""
        return self.tRCDRD if self.wide and self.tRCDRD is not None else self.tRCD

    @property
    def write_rcd(self) -> int:
        """Return the clocks from an activate to a write: the read's where the data sheet has but one."""
        return self.tRCDWR if self.wide and self.tRCDWR is not None else self.read_rcd

    @property
    def ppd(self) -> int:
        """Return the clocks between precharges of a rank: only LPDDR4, with its bursts of 16, has such a rule."""
        if self.tPPD is None:
            return LPDDR4_PPD if self.BL == LPDDR4_BURST else 0
        return self.tPPD

    @property
    def banks(self) -> int:
        """Return the number of a rank's banks."""
        return self.bankgroups * self.banks_per_group

    @property
    def queues(self) -> tuple[bool, int, int, bool]:
        """Return (is a command queue a bank's or a rank's, its depth, depth of the waiting lists, is one for both)."""
        match = QUEUE.fullmatch(self.queue)
        if match is None or not (1 <= int(match[2]) <= 256 and 1 <= int(match[3]) <= 4096):
            raise ConfigError(f"queue is {self.queue!r:.60}; PER_BANK/cmdq8/transq32/unified=False is the form")
        return match[1] == "BANK", int(match[2]), int(match[3]), match[4] == "True"

    @property
    def row_bytes(self) -> int:
        """Return the bytes of a row in all chips of a rank."""
        return self.columns // self.BL * self.req_bytes

    @property
    def rank_count(self) -> int:
        """Return the number of ranks in all channels."""
        return self.channels * self.ranks

    @property
    def bytes_per_clock(self) -> float:
        """Return the rate of a request a burst on every channel."""
        return self.channels * self.req_bytes / self.burst_cycle

    @property
    def capacity_bytes(self) -> int:
        """Return the bytes of all channels."""
        return self.rank_count * self.banks * self.rows * self.row_bytes

    def cycles_per_clock(self, clock_mhz: float) -> Fraction:
        """Return the array cycles of a DRAM clock, exact for the decimal figures as they are written."""
        return Fraction(repr(self.tCK)) * Fraction(repr(clock_mhz)) / 1000


def preset_names() -> list[str]:
    """Return the names of the shipped devices.

    >>> preset_names()
    ['ddr4-2400', 'hbm2-2000', 'lpddr4-2400', 'lpddr4-2400-1chip']
    """
    names = (f.name for f in (files("accelsim") / "data").iterdir() if f.name.startswith("dram_"))
    return sorted(name.removeprefix("dram_").removesuffix(".yaml").replace("_", "-") for name in names)


@lru_cache(maxsize=32)
def _preset(name: str) -> Device:
    if name not in preset_names():
        raise unknown_name("DRAM device", name, preset_names())
    text = (files("accelsim") / "data" / f"dram_{name.replace('-', '_')}.yaml").read_text("utf-8")
    device: Device = build(Device, parse_yaml(text, f"DRAM device {name!r}"), f"DRAM device {name!r}")
    return device


def device_part(value: object, place: str) -> object:
    """Return what stands for a device in a machine: a preset's name as it is, or the Device of a mapping.

    Raises ConfigError that names the place, `dram.device` for one.
    """
    if isinstance(value, str) and value not in preset_names():
        raise ConfigError(f"{place} is {value!r:.60}; {suggestion(value, preset_names())}")
    return build(Device, dict(value), prefix=f"{place}.") if isinstance(value, Mapping) else value


def device_name(device: str | Device) -> str:
    """Return a preset's name, or what to call a device that a machine holds in full."""
    return device if isinstance(device, str) else "the machine's own device"


def require_power_down(device: str | Device, place: str) -> None:
    """Raise ConfigError where a device does not say what its power-down draws."""
    if load_device(device).act_pd_inc is None or load_device(device).pre_pd_inc is None:
        raise ConfigError(
            f"dram.power_down_after_clk is set, but {place} has no power-down currents; act_pd_inc and pre_pd_inc are"
            " expected"
        )


def load_device(device: str | Mapping[str, Any] | Device) -> Device:
    """Return a device from a preset's name or a mapping of all its fields.

    Raises UnknownNameError, or ConfigError that names the missing or wrong field.

    >>> load_device("ddr4-2400").capacity_bytes // 2**30  # GiB
    16
    """
    if isinstance(device, Device):
        return device
    if isinstance(device, str):
        return _preset(device)
    custom: Device = build(Device, dict(device), "DRAM device")
    return custom
