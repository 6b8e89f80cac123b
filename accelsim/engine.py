"""The SimPy model between tiles: DMA engines, one DRAM, double-buffered SRAM, the array and write-back.

An operand's DMA engine fetches its tiles one after another as buffer slots come free; the array computes a job when
all its operands and an output slot are there; write-back competes for the same DRAM. n equal tiles of compute C and
load L on an otherwise idle DRAM take L + max(L, C)·(n − 1) + C cycles.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from accelsim.memory.kernel import DramKernel, Transfer
from accelsim.schedule import STREAMS, Fetch, Schedule

Process = Generator[Any, Any, None]
CAUSES = (*STREAMS, "psum", "ofmap")


@dataclass(frozen=True)
class Span:
    """One bar of the timeline, in array cycles; a transfer's has its bytes."""

    track: str
    name: str
    start: int
    cycles: int
    size_bytes: int = 0


@dataclass
class EngineRun:
    """Cycles from the first issue to the end of the last write-back, and what the array waited for."""

    cycles: int
    stalls: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0))
    spans: list[Span] = field(default_factory=list)


def run(schedule: Schedule, kernel: DramKernel | None, slots: int) -> EngineRun:
    """Play a schedule. `kernel` None: data are always there. `slots`: buffer halves an operand, 2 where double."""
    if kernel is None:
        return _without_dram(schedule)
    return _Engine(schedule, kernel, slots).run()


def _without_dram(schedule: Schedule) -> EngineRun:
    result, now = EngineRun(schedule.compute_cycles), 0
    for job, cycles in enumerate(schedule.cycles):
        result.spans.append(Span("array", f"tile {job}", now, cycles))
        now += cycles
    return result


class _Dram:
    """The one process that owns the kernel: it advances to the first completion or to anyone else's next event."""

    def __init__(self, env: simpy.Environment, kernel: DramKernel) -> None:
        self.env, self.kernel = env, kernel
        self.waiting: dict[int, simpy.Event] = {}
        self.issued = 0
        self.work = env.event()
        env.process(self._serve())

    def transfer(self, transfer: Transfer) -> simpy.Event:
        """An event that fires when the last byte has arrived."""
        done = self.env.event()
        self.waiting[self.issued] = done
        self.kernel.submit(self.issued, transfer, int(self.env.now))
        self.issued += 1
        if not self.work.triggered:
            self.work.succeed()
        return done

    def _serve(self) -> Process:
        while True:
            if not self.kernel.busy:
                self.work = self.env.event()
                yield self.work
            horizon = self.env.peek()
            if horizon <= self.env.now:
                yield self.env.timeout(0)
                continue
            found = self.kernel.advance(horizon)
            if found is None:
                yield self.env.timeout(horizon - self.env.now)
                continue
            cycle, number = found
            if cycle > self.env.now:
                yield self.env.timeout(cycle - self.env.now)
            self.waiting.pop(number).succeed()


class _Engine:
    """Processes and events of one layer."""

    def __init__(self, schedule: Schedule, kernel: DramKernel, slots: int) -> None:
        self.env = simpy.Environment()
        self.dram = _Dram(self.env, kernel)
        self.schedule = schedule
        self.slots = {name: simpy.Container(self.env, slots, init=slots) for name in (*STREAMS, "output")}
        self.ready = {name: [self.env.event() for _ in schedule.fetches[name]] for name in STREAMS}
        self.open = [self.env.event() for _ in schedule.visits]
        self.closed = [self.env.event() for _ in schedule.visits]
        self.result = EngineRun(0)

    def run(self) -> EngineRun:
        """Start every process; the end of the last write-back ends the run."""
        for name in STREAMS:
            self.env.process(self._fetch(name, self.schedule.fetches[name]))
        self.env.process(self._open_outputs())
        self.env.process(self._array())
        self.env.run(self.env.process(self._write_back()))
        self.result.cycles = int(self.env.now)
        busy = self.schedule.compute_cycles
        self.result.stalls["ofmap"] += self.result.cycles - busy - sum(self.result.stalls.values())
        return self.result

    def _span(self, track: str, name: str, start: float, size_bytes: int = 0) -> None:
        self.result.spans.append(Span(track, name, int(start), int(self.env.now - start), size_bytes))

    def _move(self, number: int, moved: Transfer) -> Process:
        if moved.size_bytes:
            start = self.env.now
            yield self.dram.transfer(moved)
            way = "write" if moved.is_write else "read"
            name = f"{moved.operand} {number}: {moved.size_bytes} B"
            self._span(f"{moved.operand} {way}", name, start, moved.size_bytes)

    def _fetch(self, name: str, fetches: list[Fetch]) -> Process:
        for number, fetch in enumerate(fetches):
            yield self.slots[name].get(1)
            yield from self._move(number, Transfer(name, fetch.size_bytes, False, fetch.address))
            self.ready[name][number].succeed()

    def _open_outputs(self) -> Process:
        for number, visit in enumerate(self.schedule.visits):
            yield self.slots["output"].get(1)
            yield from self._move(number, Transfer("psum", visit.psum_read_bytes, False, visit.psum_address))
            self.open[number].succeed()

    def _wait(self, event: simpy.Event, cause: str) -> Process:
        if not event.processed:
            start = self.env.now
            yield event
            self.result.stalls[cause] += int(self.env.now - start)

    def _array(self) -> Process:
        at = dict.fromkeys(STREAMS, 0)
        visit = 0
        for job, cycles in enumerate(self.schedule.cycles):
            for name in STREAMS:
                if at[name] < len(self.ready[name]) and self.schedule.fetches[name][at[name]].first <= job:
                    yield from self._wait(self.ready[name][at[name]], name)
            cause = "psum" if self.schedule.visits[visit].psum_read_bytes else "ofmap"
            yield from self._wait(self.open[visit], cause)
            start = self.env.now
            yield self.env.timeout(cycles)
            self._span("array", f"tile {job}", start)
            for name in STREAMS:
                if at[name] < len(self.ready[name]) and self.schedule.fetches[name][at[name]].last == job:
                    self.slots[name].put(1)
                    at[name] += 1
            if self.schedule.visits[visit].last == job:
                self.closed[visit].succeed()
                visit += 1

    def _write_back(self) -> Process:
        for number, visit in enumerate(self.schedule.visits):
            yield self.closed[number]
            operand, address = ("ofmap", visit.ofmap_address) if visit.ofmap_bytes else ("psum", visit.psum_address)
            yield from self._move(number, Transfer(operand, visit.write_bytes, True, address))
            self.slots["output"].put(1)
