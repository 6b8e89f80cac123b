"""The bank-level DRAM in the cycle path: a device, where the operands lie in it, and its resumable kernel."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from ...trace.operand_names import DRAM_REGIONS
from ..base import Accounting, Command, DramConfig, DramKernel, Transfer, energy_of
from . import kernels as bank_kernels
from .controller import TRANSFER
from .device import Device, device_name, device_part, load_device, require_power_down
from .energy import activity, commands, power_down_activity
from .state import NEVER, new_state

REGIONS = 8  # of equal size, one an operand; what is longer than a region runs on into the next
SKEW_BYTES = 212992  # 26 steps of 8 KiB: on the shipped devices operands begin in banks of their own
FIRST_SLOTS = 8


def _device(value: object) -> object:
    return device_part(value, "dram.device")


class BankDram(DramConfig):
    """A device is given by name or in full. Operand i begins at i/8 of the capacity plus i · `base_offset_bytes`.

    With an offset of 0 all operands begin in the same bank, where streams that advance together collide.

    `power_down_after_clk`: a rank without a command for so many clocks, counted from the end of its last burst, write
    recovery or refresh, draws its power-down current until the next one. Assumption: the controller wakes it in time,
    so that the clocks of leaving power-down delay nothing. None: never.
    """

    model: Literal["bank"]
    device: Annotated[str | Device, BeforeValidator(_device)] = "ddr4-2400"
    base_offset_bytes: Annotated[int, Field(ge=0, le=2**40)] = SKEW_BYTES
    power_down_after_clk: Annotated[int, Field(ge=0, le=2**40)] | None = None

    @model_validator(mode="after")
    def _has_currents(self) -> BankDram:
        if self.power_down_after_clk is not None:
            require_power_down(self.device, "dram.device")
        return self

    def bytes_per_cycle(self, clock_mhz: float) -> float:
        """Return the rate of a request a burst on every channel."""
        device = load_device(self.device)
        return float(device.bytes_per_clock / device.cycles_per_clock(clock_mhz))

    def kernel(self, clock_mhz: float) -> BankKernel:
        """Return a fresh kernel against an array clock."""
        return BankKernel(load_device(self.device), clock_mhz, self.base_offset_bytes, self.power_down_after_clk)

    def expected_counts(self, read_bytes: float, cycles: float, clock_mhz: float) -> dict[str, float]:
        """Return a burst a request, an activate a row, and standby without an open row with a refresh every tREFI."""
        device = load_device(self.device)
        clocks = cycles / float(device.cycles_per_clock(clock_mhz)) * device.rank_count
        return {
            "dram_reads": read_bytes / device.req_bytes,
            "dram_activates": read_bytes / device.row_bytes,
            "dram_idle_clocks": clocks,
            "dram_refreshes": clocks / device.tREFI,
        }

    def commands(self, clock_mhz: float) -> tuple[Command, ...]:
        """Return the core's commands and standby clocks, and the bus's bits."""
        return commands(load_device(self.device), powers_down=self.power_down_after_clk is not None)

    @property
    def burst_bytes(self) -> int:
        """Return the bytes of a request."""
        return load_device(self.device).req_bytes

    @property
    def accounting(self) -> Accounting:
        """Return that commands and clocks are counted."""
        name, after = device_name(self.device), self.power_down_after_clk
        down = f", powered down after {after} idle clocks" if after is not None else ""
        return Accounting(f"the commands of {name}, I/O included", f"clocks and refreshes of {name}{down}")


class BankKernel(DramKernel):
    """A bank-level DRAM against an array clock: array cycle c is DRAM clock c · 1000 / (clock_mhz · tCK), rounded up.

    Transfers under way are offered to the controller in turn, a request of the device's burst each, `issue_width` a
    clock. A read is done when its last burst has arrived, a write when the controller has taken its last request; both
    round up to the next array cycle.
    """

    def __init__(
        self,
        device: Device,
        clock_mhz: float,
        base_offset_bytes: int = SKEW_BYTES,
        power_down_after_clk: int | None = None,
    ) -> None:
        self.device = device
        self.powers_down = power_down_after_clk is not None
        self.base_offset_bytes = base_offset_bytes
        self.cycles_per_clock = device.cycles_per_clock(clock_mhz)
        self.state = new_state(device, NEVER if power_down_after_clk is None else power_down_after_clk)
        self.transfers = np.zeros(FIRST_SLOTS, TRANSFER)
        self.turn = np.zeros(FIRST_SLOTS + 1, np.int64)
        self.runs = np.zeros(2, np.int64)  # (address, bursts), of every transfer whose bursts lie apart
        self.run_count = 0
        self.number: dict[int, int] = {}  # of the transfer in a slot
        self.clock = 0  # the next DRAM clock to go through
        self.busy_clocks = 0
        self.requests = 0
        self.moved_bytes = 0
        self.done: list[tuple[int, int]] = []  # heap of (cycle, number)

    @property
    def busy(self) -> bool:
        """Tell whether a transfer is under way, or done but not returned yet."""
        return bool(self.number or self.done)

    @property
    def busy_cycles(self) -> int:
        """Return the array cycles in which transfers were under way, rounded up."""
        return self._cycle_of(self.busy_clocks)

    def submit(self, number: int, transfer: Transfer, cycle: int) -> None:
        """Take a transfer, whose requests are the whole bursts that its bytes touch."""
        self._go_to(self._clock_of(cycle))
        address, requests, run, run_left = self._placed(transfer)
        slot = self._free_slot()
        self.transfers[slot] = address, requests, 0, transfer.is_write, 0, run, run_left
        self.turn[0] += 1
        self.turn[self.turn[0]] = slot
        self.number[slot] = number
        self.requests += requests
        self.moved_bytes += transfer.size_bytes

    def _placed(self, transfer: Transfer) -> tuple[int, int, int, int]:
        """Address of the first request, how many there are, the run that it is in and how many are in that."""
        size, start = self.device.req_bytes, self._base(transfer.operand) + transfer.address
        if transfer.bursts is None:
            first, last = start // size, (start + transfer.size_bytes - 1) // size
            return first * size, last - first + 1, 0, last - first + 1
        runs = transfer.bursts.runs
        runs[:, 0] = (runs[:, 0] + start // size) * size
        number, self.run_count = self.run_count, self.run_count + len(runs)
        if 2 * self.run_count > len(self.runs):
            self.runs = np.concatenate([self.runs, np.zeros(len(self.runs) + runs.size, np.int64)])
        self.runs[2 * number : 2 * self.run_count] = runs.reshape(-1)
        return int(runs[0, 0]), int(runs[:, 1].sum()), number, int(runs[0, 1])

    def advance(self, limit: float) -> tuple[int, int] | None:
        """Go through the clocks before `limit`, and not past the first transfer that is done."""
        end = NEVER if limit == float("inf") else self._clock_of(int(limit))
        while self.number and self.clock < min(end, self._clock_of(self.done[0][0]) if self.done else end):
            self._serve(min(end, self._clock_of(self.done[0][0]) if self.done else end))
        if self.done and self.done[0][0] <= limit:
            return heappop(self.done)
        return None

    def counts(self) -> dict[str, int]:
        """Return requests, row hits, commands and standby clocks so far, and power-down ones where there may be."""
        down = power_down_activity(self.state, self.clock) if self.powers_down else {}
        return {"dram_requests": self.requests, **activity(self.state, self.clock), **down}

    def close(self, cycle: int) -> None:
        """Let the writes drain that the controller still holds."""
        self._go_to(self._clock_of(cycle))
        self.clock = int(bank_kernels.drain(self.state, self.clock, self.transfers))

    def energy_pj(self) -> dict[str, float]:
        """Return `dram_access`, commands and the bus's bits, and `dram_standby`, clocks and refreshes."""
        listed = commands(self.device, powers_down=self.powers_down)
        return energy_of(listed, {**self.counts(), "dram_bytes": self.moved_bytes})

    def _clock_of(self, cycle: int) -> int:
        return -(-cycle * self.cycles_per_clock.denominator // self.cycles_per_clock.numerator)

    def _cycle_of(self, clock: int) -> int:
        return -(-clock * self.cycles_per_clock.numerator // self.cycles_per_clock.denominator)

    def _base(self, operand: str) -> int:
        place = DRAM_REGIONS.index(operand)
        return place * (self.device.capacity_bytes // REGIONS + self.base_offset_bytes)

    def _free_slot(self) -> int:
        if len(self.number) == len(self.transfers):
            self.transfers = np.concatenate([self.transfers, np.zeros_like(self.transfers)])
            self.turn = np.concatenate([self.turn, np.zeros(len(self.turn) - 1, np.int64)])
        return next(slot for slot in range(len(self.transfers)) if slot not in self.number)

    def _go_to(self, clock: int) -> None:
        """Everything before `clock`."""
        while self.number and self.clock < clock:
            self._serve(clock)
        if self.clock < clock:
            bank_kernels.idle(self.state, self.clock, clock, self.transfers)
            self.clock = clock

    def _serve(self, end: int) -> None:
        clock, ended = bank_kernels.serve(self.state, self.transfers, self.turn, self.runs, self.clock, end)
        self.busy_clocks += clock - self.clock
        self.clock = int(clock)
        if not ended:
            return
        over = (self.transfers["to_offer"] == 0) & (self.transfers["under_way"] == 0)
        for slot in [slot for slot in self.number if over[slot]]:
            heappush(self.done, (self._cycle_of(int(self.transfers["done_at"][slot])), self.number.pop(slot)))
