"""No DRAM to wait for."""

from __future__ import annotations

from math import inf
from typing import Literal

from .accounting import POWER_DOWN, AccountedDram, device_cycles, idle_behind


class IdealDram(AccountedDram):
    """Data are always there: no stall. Traffic is counted all the same.

    With `power_down_after_clk` a layer's bytes keep the device awake as long as they take at its best rate.
    """

    model: Literal["ideal"] = "ideal"

    @property
    def is_timed(self) -> bool:
        """Return False: no transfer takes time."""
        return False

    def bytes_per_cycle(self, clock_mhz: float) -> float:
        """Return inf at any clock."""
        return inf

    def kernel(self, clock_mhz: float) -> None:
        """Return None: there is nothing to simulate."""
        return

    def untimed_counts(self, cycles: int, size_bytes: int, clock_mhz: float) -> dict[str, int]:
        """Return the power-down cycles of a layer, where there may be any."""
        after = self.power_down_after(clock_mhz)
        if after is None or self.energy_of is None:
            return {}
        idle = cycles - device_cycles(self.energy_of, size_bytes, clock_mhz)
        return {POWER_DOWN: idle_behind(after, idle)}
