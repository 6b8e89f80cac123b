"""No DRAM to wait for."""

from __future__ import annotations

from math import inf
from typing import Literal

from .base import DramConfig


class IdealDram(DramConfig):
    """Data are always there: no stall. Traffic is counted all the same."""

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
