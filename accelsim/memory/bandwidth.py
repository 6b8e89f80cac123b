"""A DRAM of fixed bandwidth and latency: requests of 64 bytes, served in turn to the transfers under way."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from functools import lru_cache
from heapq import heappop, heappush
from typing import Annotated, Literal

from pydantic import Field

from .accounting import POWER_DOWN, AccountedDram, idle_behind
from .base import DramKernel, Transfer

REQUEST_BYTES = 64


class BandwidthDram(AccountedDram):
    """A DRAM of `gbps` 10⁹ bytes a second, shared by the transfers under way, with a latency of reads."""

    model: Literal["bandwidth"]
    gbps: Annotated[float, Field(gt=0)]
    latency_cycles: Annotated[int, Field(ge=0, le=2**50)] = 0

    def bytes_per_cycle(self, clock_mhz: float) -> float:
        """Return the rate against an array clock."""
        rate = _bytes_per_cycle(self.gbps, clock_mhz)
        return rate.numerator / rate.denominator

    def kernel(self, clock_mhz: float) -> BandwidthKernel:
        """Return a fresh kernel against an array clock."""
        return BandwidthKernel(self.gbps, clock_mhz, self.latency_cycles, self.power_down_after(clock_mhz))


@lru_cache(maxsize=1 << 8)
def _bytes_per_cycle(gbps: float, clock_mhz: float) -> Fraction:
    """Bytes an array cycle, exact for the decimal figures as they are written."""
    return Fraction(repr(gbps)) * 1000 / Fraction(repr(clock_mhz))


class BandwidthKernel(DramKernel):
    """`gbps` 10⁹ bytes a second against an array clock; a read arrives `latency_cycles` after it is served.

    Time runs in ticks, of which a cycle has p and a byte takes q, where p/q = bytes a cycle: all integers. A completion
    rounds up to the next cycle. Transfers are served in turn, a request each, in the order in which they came.
    Cycles are counted that lie more than `power_down_after` behind the end of a service and before the next.
    """

    def __init__(
        self, gbps: float, clock_mhz: float, latency_cycles: int, power_down_after: Fraction | None = None
    ) -> None:
        rate = _bytes_per_cycle(gbps, clock_mhz)
        self.cycle_ticks, self.byte_ticks = rate.numerator, rate.denominator
        self.latency_cycles = latency_cycles
        self.power_down_after, self.power_down_cycles = power_down_after, 0
        self.now = 0  # ticks: when the request in service ends
        self.served_bytes = 0
        self.turn: deque[list[int]] = deque()  # [number, bytes left, latency]
        self.done: list[tuple[int, int]] = []  # heap of (cycle, number)

    @property
    def busy(self) -> bool:
        """Tell whether a transfer is under way, or done but not returned yet."""
        return bool(self.turn or self.done)

    @property
    def busy_cycles(self) -> int:
        """Return the array cycles that the submitted bytes take to serve, rounded up."""
        return -(-self.served_bytes * self.byte_ticks // self.cycle_ticks)

    def submit(self, number: int, transfer: Transfer, cycle: int) -> None:
        """Take a transfer behind those under way. Writes are posted, so they have no latency."""
        if not self.turn:
            self._idle_until(cycle)
            self.now = max(self.now, cycle * self.cycle_ticks)
        self.served_bytes += transfer.size_bytes
        self.turn.append([number, transfer.size_bytes, 0 if transfer.is_write else self.latency_cycles])

    def close(self, cycle: int) -> None:
        """Count what lies idle up to the layer's last cycle."""
        self._idle_until(cycle)

    def counts(self) -> dict[str, int]:
        """Return the power-down cycles, where there may be any."""
        return {} if self.power_down_after is None else {POWER_DOWN: self.power_down_cycles}

    def _idle_until(self, cycle: int) -> None:
        if self.power_down_after is not None:
            idle = cycle - Fraction(self.now, self.cycle_ticks)
            self.power_down_cycles += idle_behind(self.power_down_after, idle)

    def advance(self, limit: float) -> tuple[int, int] | None:
        """Serve requests that start before `limit`, until a transfer is done."""
        while self.turn and self.now < limit * self.cycle_ticks:
            if self.done and self.done[0][0] * self.cycle_ticks <= self.now:
                break
            self._skip_rounds(limit)
            self._serve_one()
        if self.done and self.done[0][0] <= limit:
            return heappop(self.done)
        return None

    def _skip_rounds(self, limit: float) -> None:
        """Skip whole rounds in which every transfer gets a full request and none ends, up to the horizon but not to it.

        A transfer that comes in the horizon's cycle goes before the request that could start there.
        """
        rounds = min(left for _, left, _ in self.turn) // REQUEST_BYTES - 1
        cost = len(self.turn) * REQUEST_BYTES * self.byte_ticks
        horizon = min(limit, self.done[0][0] if self.done else limit)
        if horizon != float("inf"):
            rounds = min(rounds, (int(horizon) * self.cycle_ticks - self.now - 1) // cost)
        if rounds > 0:
            self.now += rounds * cost
            for entry in self.turn:
                entry[1] -= rounds * REQUEST_BYTES

    def _serve_one(self) -> None:
        entry = self.turn.popleft()
        size = min(REQUEST_BYTES, entry[1])
        self.now += size * self.byte_ticks
        entry[1] -= size
        if entry[1]:
            self.turn.append(entry)
        else:
            heappush(self.done, (-(-self.now // self.cycle_ticks) + entry[2], entry[0]))
