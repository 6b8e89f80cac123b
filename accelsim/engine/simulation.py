"""The SimPy model between tiles: DMA engines, one DRAM, double-buffered SRAM, the array and write-back.

An operand's DMA engine fetches its tiles one after another as buffer slots come free; the array computes a job when
all its operands and an output slot are there; the vector unit works on what a job finished in its slot, job after job,
while the array goes on; write-back competes for the same DRAM. n equal tiles of compute C and
load L on an otherwise idle DRAM take L + max(L, C)·(n − 1) + C cycles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import Any

import simpy

from ..memory.base import DramKernel, Transfer
from ..trace.operand_names import FETCHED, OFMAP, PSUM
from .dram_traffic import Stalls
from .engine_run import EngineRun, Span
from .replay import replay
from .schedule import Fetch, Schedule

Process = Generator[Any, Any, None]


def run(schedule: Schedule, kernel: DramKernel | None, slots: int) -> EngineRun:
    """Play a schedule. `kernel` None: data are always there. `slots`: buffer halves an operand, 2 where double.

    What 64 bits hold is replayed by compiled kernels, which give the same as `simpy_run`.
    """
    if kernel is None:
        return _without_dram(schedule, slots)
    return replay(schedule, kernel, slots) or simpy_run(schedule, kernel, slots)


def simpy_run(schedule: Schedule, kernel: DramKernel, slots: int) -> EngineRun:
    """Play a schedule on the SimPy model itself."""
    return _Engine(schedule, kernel, slots).run()


def _without_dram(schedule: Schedule, slots: int) -> EngineRun:
    """Jobs back to back, but for output slots that are in the vector unit."""
    now = drained = visit = 0
    spans: list[Span] = []
    ends: list[int] = []  # of the vector unit's work, by visit
    for job, cycles in enumerate(schedule.cycles):
        free = ends[visit - slots] if visit >= slots else 0
        start = max(now, free)
        spans.append(Span(schedule.unit, f"tile {job}", start, cycles))
        now = start + cycles
        drained = _drain(spans, schedule, job, max(now, drained))
        if schedule.visits[visit].last == job:
            ends.append(drained)
            visit += 1
    end = max(now, drained)
    return EngineRun(end, Stalls(vector=end - schedule.compute_cycles if schedule.vector_cycles else 0), tuple(spans))


def _drain(spans: list[Span], schedule: Schedule, job: int, start: int) -> int:
    """When the vector unit is done with what a job finished."""
    cycles = schedule.drained[job] if schedule.drained else 0
    if cycles:
        spans.append(Span("vector", f"tile {job}", start, cycles))
    return start + cycles


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
            completion = self.kernel.advance(horizon)
            if completion is None:
                yield self.env.timeout(horizon - self.env.now)
                continue
            cycle, number = completion
            if cycle > self.env.now:
                yield self.env.timeout(cycle - self.env.now)
            self.waiting.pop(number).succeed()


class _Engine:
    """Processes and events of one layer."""

    def __init__(self, schedule: Schedule, kernel: DramKernel, slots: int) -> None:
        self.env = simpy.Environment()
        self.dram = _Dram(self.env, kernel)
        self.schedule, self.outputs = schedule, slots
        room = {name: len(schedule.fetches[name]) if name in schedule.resident else slots for name in FETCHED}
        self.slots = {
            name: simpy.Container(self.env, max(1, count), init=max(1, count))
            for name, count in (room | {"output": slots}).items()
        }
        self.ready = {name: [self.env.event() for _ in schedule.fetches[name]] for name in FETCHED}
        self.open = [self.env.event() for _ in schedule.visits]
        self.closed = [self.env.event() for _ in schedule.visits]
        self.has_vector = schedule.vector_cycles > 0
        self.finished = [self.env.event() for _ in schedule.visits] if self.has_vector else self.closed
        self.done = [self.env.event() for _ in schedule.drained]
        self.vector_ends: list[int] = []
        self.array_end = 0
        self.stalls = Counter[str]()
        self.spans: list[Span] = []

    def run(self) -> EngineRun:
        """Start every process; the end of the last write-back ends the run."""
        for name in FETCHED:
            self.env.process(self._fetch(name, self.schedule.fetches[name]))
        self.env.process(self._open_outputs())
        self.env.process(self._array())
        if self.has_vector:
            self.env.process(self._vector())
        self.env.run(self.env.process(self._write_back()))
        end = int(self.env.now)
        if self.has_vector:
            self.stalls["vector"] += max(0, self.vector_ends[-1] - self.array_end)
        self.stalls[OFMAP] += end - self.schedule.compute_cycles - self.stalls.total()
        return EngineRun(end, Stalls(**self.stalls), tuple(self.spans))

    def _span(self, track: str, name: str, start: float, size_bytes: int = 0) -> None:
        self.spans.append(Span(track, name, int(start), int(self.env.now - start), size_bytes))

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
            yield from self._move(number, Transfer(name, fetch.size_bytes, False, fetch.address, fetch.bursts))
            self.ready[name][number].succeed()

    def _open_outputs(self) -> Process:
        for number, visit in enumerate(self.schedule.visits):
            yield self.slots["output"].get(1)
            yield from self._move(number, Transfer(PSUM, visit.psum_read_bytes, False, visit.psum_address))
            self.open[number].succeed()

    def _wait(self, event: simpy.Event, cause: str) -> Process:
        if not event.processed:
            start = self.env.now
            yield event
            self.stalls[cause] += int(self.env.now - start)

    def _wait_for_slot(self, visit: int) -> Process:
        """A wait for an output slot is the vector unit's as long as the tile in it was there."""
        start = self.env.now
        yield from self._wait(self.open[visit], cause := self._slot_cause(visit))
        if self.has_vector and visit >= self.outputs:
            ours = min(int(self.env.now), self.vector_ends[visit - self.outputs]) - int(start)
            self.stalls["vector"] += max(0, ours)
            self.stalls[cause] -= max(0, ours)

    def _slot_cause(self, visit: int) -> str:
        return PSUM if self.schedule.visits[visit].psum_read_bytes else OFMAP

    def _array(self) -> Process:
        at = dict.fromkeys(FETCHED, 0)
        visit = 0
        for job, cycles in enumerate(self.schedule.cycles):
            for name in FETCHED:
                if at[name] < len(self.ready[name]) and self.schedule.fetches[name][at[name]].first <= job:
                    yield from self._wait(self.ready[name][at[name]], name)
            yield from self._wait_for_slot(visit)
            start = self.env.now
            yield self.env.timeout(cycles)
            self._span(self.schedule.unit, f"tile {job}", start)
            for name in FETCHED:
                if at[name] < len(self.ready[name]) and self.schedule.fetches[name][at[name]].last == job:
                    self.slots[name].put(1)
                    at[name] += 1
            if self.done:
                self.done[job].succeed()
            if self.schedule.visits[visit].last == job:
                self.closed[visit].succeed()
                visit += 1
        self.array_end = int(self.env.now)

    def _vector(self) -> Process:
        for number, visit in enumerate(self.schedule.visits):
            for job in range(visit.first, visit.last + 1):
                yield self.done[job]
                if self.schedule.drained[job]:
                    start = self.env.now
                    yield self.env.timeout(self.schedule.drained[job])
                    self._span("vector", f"tile {job}", start)
            self.vector_ends.append(int(self.env.now))
            self.finished[number].succeed()

    def _write_back(self) -> Process:
        for number, visit in enumerate(self.schedule.visits):
            yield self.finished[number]
            operand, address = (OFMAP, visit.ofmap_address) if visit.ofmap_bytes else (PSUM, visit.psum_address)
            yield from self._move(number, Transfer(operand, visit.write_bytes, True, address, visit.ofmap_bursts))
            self.slots["output"].put(1)
