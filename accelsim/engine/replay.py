"""A schedule replayed by compiled kernels: what the SimPy model of simulation.py gives, to the last event.

SimPy is the truth; tests compare both on random schedules, and whatever this cannot hold in 64 bits runs there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import InternalError
from ..memory.bandwidth import BandwidthKernel
from ..memory.base import DramKernel, Transfer
from ..trace.operand_names import FETCHED, OFMAP, PSUM
from .dram_traffic import Stalls
from .engine_run import EngineRun, Span
from .schedule import Fetch, Schedule

if TYPE_CHECKING:
    from .replay_state import Ints, ReplayPlan, ReplayState

LIMIT = 2**61  # ticks of the DRAM's clock that a run may last


class Spans(Sequence[Span]):
    """The bars of a replayed timeline, made when somebody looks at them."""

    def __init__(self, rows: Ints, unit: str, writes_ofmap: tuple[bool, ...]) -> None:
        self.rows, self.unit, self.writes_ofmap = rows, unit, writes_ofmap

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> Span: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Span]: ...

    def __getitem__(self, at: int | slice) -> Span | Sequence[Span]:
        if isinstance(at, slice):
            return Spans(self.rows[at], self.unit, self.writes_ofmap)
        return self._span(self.rows[at].tolist())

    def __iter__(self) -> Iterator[Span]:
        return map(self._span, self.rows.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(self.rows.tobytes())

    def _span(self, row: list[int]) -> Span:
        from .replay_state import DRAINED, PSUM_READ, TILE, WRITTEN

        kind, number, start, cycles, size = row
        if kind in {TILE, DRAINED}:
            return Span(self.unit if kind == TILE else "vector", f"tile {number}", start, cycles)
        if kind == WRITTEN:
            operand, way = OFMAP if self.writes_ofmap[number] else PSUM, "write"
        else:
            operand, way = PSUM if kind == PSUM_READ else FETCHED[kind // 8], "read"
        return Span(f"{operand} {way}", f"{operand} {number}: {size} B", start, cycles, size)


def replay(schedule: Schedule, kernel: DramKernel, slots: int) -> EngineRun | None:
    """Play a schedule on a fresh kernel; None where its numbers may be too large, and nothing has happened."""
    inside = kernel if type(kernel) is BandwidthKernel else None
    if inside is not None and not _is_held(schedule, inside):
        return None
    plan = _plan(schedule, slots, is_inside=inside is not None)
    state = _state(schedule, plan, slots, inside)
    _run(schedule, kernel, plan, state)
    if inside is not None:
        _hand_back(inside, state)
    return _engine_run(schedule, plan, state)


def _is_held(schedule: Schedule, kernel: BandwidthKernel) -> bool:
    """Whether 64 bits hold every time of a run, in which at worst nothing overlaps."""
    fetches = [fetch for name in FETCHED for fetch in schedule.fetches[name]]
    moved = sum(fetch.size_bytes for fetch in fetches)
    moved += sum(visit.psum_read_bytes + visit.write_bytes for visit in schedule.visits)
    waits = (len(fetches) + 2 * len(schedule.visits)) * (kernel.latency_cycles + 2)
    ticks = (schedule.compute_cycles + schedule.vector_cycles + waits) * kernel.cycle_ticks
    after = kernel.power_down_after
    per = 1 if after is None else after.denominator
    first = 0 if after is None else after.numerator * kernel.cycle_ticks
    return (ticks + moved * kernel.byte_ticks) * per + first < LIMIT


def _plan(schedule: Schedule, slots: int, *, is_inside: bool) -> ReplayPlan:
    from .replay_state import ReplayPlan

    fetches = [schedule.fetches[name] for name in FETCHED]
    fetched = np.zeros((3, max(1, *map(len, fetches)), 3), np.int64)
    for name, of_name in enumerate(fetches):
        if of_name:
            fetched[name, : len(of_name)] = [(fetch.size_bytes, fetch.first, fetch.last) for fetch in of_name]
    visits = [(v.first, v.last, v.psum_read_bytes, v.write_bytes) for v in schedule.visits]
    return ReplayPlan(
        np.array(schedule.cycles, np.int64), np.array(schedule.drained, np.int64),
        np.array([len(of_name) for of_name in fetches], np.int64), fetched,
        np.array(visits, np.int64).reshape(-1, 4), slots, schedule.vector_cycles > 0, is_inside,
    )  # fmt: skip


def _state(schedule: Schedule, plan: ReplayPlan, slots: int, inside: BandwidthKernel | None) -> ReplayState:
    from . import replay_state as s

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, np.int64)

    def flags(*shape: int) -> NDArray[np.bool_]:
        return np.zeros(shape, np.bool_)

    jobs, visits, fetches = plan.cycles.size, plan.visits.shape[0], plan.fetched.shape[1]
    room = [max(1, int(plan.fetches[at])) if name in schedule.resident else slots for at, name in enumerate(FETCHED)]
    spans = 2 * jobs + 2 * visits + int(plan.fetches.sum())
    state = s.ReplayState(
        registers=zeros(s.REGISTERS), heap=zeros(s.EVENTS, 4), wait=zeros(s.PROCESSES), at=zeros(s.PROCESSES),
        used=zeros(s.PROCESSES), began=zeros(s.PROCESSES), number=zeros(s.PROCESSES) - 1,
        room=np.array([*room, slots], np.int64), wants_room=zeros(4), was_ready=flags(3, fetches),
        was_open=flags(visits), was_ended=flags(visits), was_done=flags(jobs), vector_ends=zeros(visits),
        stalls=zeros(6), spans=zeros(spans, 5), dram=_dram_registers(inside), turn=zeros(s.PROCESSES, 3),
        done=zeros(s.PROCESSES, 2),
    )  # fmt: skip
    state.registers[s.WANTED] = -1
    return state


def _dram_registers(kernel: BandwidthKernel | None) -> Ints:
    from . import replay_state as s

    registers = np.zeros(s.IDLE + 1, np.int64)
    if kernel is not None:
        registers[[s.CYCLE_TICKS, s.BYTE_TICKS, s.LATENCY]] = (
            kernel.cycle_ticks,
            kernel.byte_ticks,
            kernel.latency_cycles,
        )
        if kernel.power_down_after is not None:
            registers[[s.AFTER, s.AFTER_PER]] = kernel.power_down_after.as_integer_ratio()
    return registers


def _hand_back(kernel: BandwidthKernel, state: ReplayState) -> None:
    """Leave the kernel as if it had served the run itself."""
    from . import replay_state as s

    kernel.now, kernel.served_bytes = int(state.dram[s.TICKS]), int(state.dram[s.SERVED])
    kernel.power_down_cycles = int(state.dram[s.IDLE])


def _run(schedule: Schedule, kernel: DramKernel, plan: ReplayPlan, state: ReplayState) -> None:
    """Play the plan; another DRAM than that of fixed bandwidth is asked here."""
    from . import replay_state as s
    from .replay_kernels import begin_replay, replay_events

    begin_replay(plan, state)
    registers, answered = state.registers, False
    while (wanted := replay_events(plan, state, answered)) != s.RUN_ENDED:
        answered = wanted == s.ADVANCE
        if wanted == s.SUBMIT:
            kernel.submit(int(registers[s.ISSUED]) - 1, _transfer(schedule, state), int(registers[s.NOW]))
            registers[s.WANTED] = -1
        elif wanted == s.ADVANCE:
            limit = int(registers[s.WANTED_LIMIT])
            completion = kernel.advance(float("inf") if limit == s.NEVER else limit)
            registers[s.ANSWER], registers[s.ANSWER_NUMBER] = completion or (-1, 0)
        else:
            raise InternalError("a schedule waits for what never comes")


def _transfer(schedule: Schedule, state: ReplayState) -> Transfer:
    """What the process in WANTED moves."""
    from . import replay_state as s

    process = int(state.registers[s.WANTED])
    if process < len(FETCHED):
        fetch: Fetch = schedule.fetches[FETCHED[process]][int(state.at[process])]
        return Transfer(FETCHED[process], fetch.size_bytes, False, fetch.address, fetch.bursts)
    if process == s.OUTPUT:
        visit = schedule.visits[int(state.registers[s.OPEN_VISIT])]
        return Transfer(PSUM, visit.psum_read_bytes, False, visit.psum_address)
    visit = schedule.visits[int(state.registers[s.WRITE_VISIT])]
    operand, address = (OFMAP, visit.ofmap_address) if visit.ofmap_bytes else (PSUM, visit.psum_address)
    return Transfer(operand, visit.write_bytes, True, address, visit.ofmap_bursts)


def _engine_run(schedule: Schedule, plan: ReplayPlan, state: ReplayState) -> EngineRun:
    from . import replay_state as s

    end, (vector, ifmap, weight, index, psum, ofmap) = int(state.registers[s.NOW]), state.stalls.tolist()
    if plan.has_vector:
        vector += max(0, int(state.vector_ends[-1] - state.registers[s.ARRAY_END]))
    ofmap = end - schedule.compute_cycles - (vector + ifmap + weight + index + psum)
    spans = Spans(
        state.spans[: state.registers[s.SPANS]],
        schedule.unit,
        tuple(visit.ofmap_bytes > 0 for visit in schedule.visits),
    )
    return EngineRun(end, Stalls(vector, ifmap, weight, index, psum, ofmap), spans)
