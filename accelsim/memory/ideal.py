"""No DRAM to wait for."""

from __future__ import annotations

from typing import Literal

from accelsim.memory.base import DramConfig


class IdealDram(DramConfig):
    """Data are always there: no stall. Traffic is counted all the same."""

    model: Literal["ideal"] = "ideal"

    def kernel(self, clock_mhz: float) -> None:
        """Nothing to simulate."""
        return
