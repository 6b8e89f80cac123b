"""The SimPy model of simulation.py as one compiled loop: the same processes, events and order of events.

A process is a row of registers: `wait` says what its next event does to it.
"""

from __future__ import annotations

from .replay_dram import serve_dram, submit
from .replay_state import (
    ADVANCE,
    ARRAY,
    ARRAY_END,
    BEGIN,
    CLOSED,
    COUNT,
    DONE,
    DRAIN_JOB,
    DRAIN_VISIT,
    DRAINED,
    DRAM,
    END,
    FETCHED,
    FINISHED,
    GET,
    JOB,
    MOVED,
    NAME,
    NOW,
    OPEN,
    OPEN_VISIT,
    OUTPUT,
    PROCESSES,
    PSUM_READ,
    PUT,
    READY,
    RUN_ENDED,
    SINCE,
    SLOT_SINCE,
    STUCK,
    SUBMIT,
    TILE,
    TIMEOUT,
    VECTOR,
    VISIT,
    WANTED,
    WORK,
    WRITE,
    WRITE_VISIT,
    WRITTEN,
    ReplayPlan,
    ReplayState,
    kernel,
    pop_event,
    record_span,
    schedule_event,
)  # fmt: skip


@kernel
def _get(state: ReplayState, which: int) -> None:
    """Ask for room for a tile; the process goes on when it has it."""
    if state.room[which]:
        state.room[which] -= 1
        schedule_event(state.heap, state.registers, GET, which, 0)
    else:
        state.wants_room[which] = 1


@kernel
def _put(state: ReplayState, which: int) -> None:
    state.room[which] += 1
    schedule_event(state.heap, state.registers, PUT, which, 0)


@kernel
def _fetch(plan: ReplayPlan, state: ReplayState, name: int) -> None:
    """`wait`: 0 at the head of the loop, 1 when there is room, 2 when the tile has come."""
    if state.wait[name] == 1:
        state.wait[name] = 2
        if plan.fetched[name, state.at[name], 0]:
            submit(plan, state, name, plan.fetched[name, state.at[name], 0], False)
            return
    if state.wait[name] == 2:
        number, size = state.at[name], plan.fetched[name, state.at[name], 0]
        if size:
            record_span(state, FETCHED + 8 * name, number, state.began[name], size)
        schedule_event(state.heap, state.registers, READY, number * 3 + name, 0)
        state.at[name] += 1
    if state.at[name] == plan.fetches[name]:
        schedule_event(state.heap, state.registers, END, name, 0)
        state.wait[name] = 3
        return
    state.wait[name] = 1
    _get(state, name)


@kernel
def _open_outputs(plan: ReplayPlan, state: ReplayState) -> None:
    """The same for output slots, into which psums may come first."""
    r = state.registers
    if state.wait[OUTPUT] == 1:
        state.wait[OUTPUT] = 2
        if plan.visits[r[OPEN_VISIT], 2]:
            submit(plan, state, OUTPUT, plan.visits[r[OPEN_VISIT], 2], False)
            return
    if state.wait[OUTPUT] == 2:
        if plan.visits[r[OPEN_VISIT], 2]:
            record_span(state, PSUM_READ, r[OPEN_VISIT], state.began[OUTPUT], plan.visits[r[OPEN_VISIT], 2])
        schedule_event(state.heap, r, OPEN, r[OPEN_VISIT], 0)
        r[OPEN_VISIT] += 1
    if r[OPEN_VISIT] == plan.visits.shape[0]:
        schedule_event(state.heap, r, END, OUTPUT, 0)
        state.wait[OUTPUT] = 3
        return
    state.wait[OUTPUT] = 1
    _get(state, 3)


@kernel
def _array(plan: ReplayPlan, state: ReplayState) -> None:
    """`wait`: 0 at a job's head, 1 when an operand has come, 2 when an output slot is open, 3 when the job is done."""
    r = state.registers
    if state.wait[ARRAY] == 1:
        state.stalls[1 + r[NAME]] += r[NOW] - r[SINCE]
        r[NAME] += 1
    elif state.wait[ARRAY] == 3:
        _end_job(plan, state)
    if state.wait[ARRAY] != 2:
        if r[JOB] == plan.cycles.shape[0]:
            r[ARRAY_END] = r[NOW]
            state.wait[ARRAY] = 4
            schedule_event(state.heap, r, END, ARRAY, 0)
            return
        if not _has_operands(plan, state):
            state.wait[ARRAY] = 1
            return
        r[SLOT_SINCE] = r[NOW]
        if not state.was_open[r[VISIT]]:
            state.wait[ARRAY] = 2
            return
    _take_slot(plan, state)
    r[SINCE], r[NAME] = r[NOW], 0
    state.wait[ARRAY] = 3
    schedule_event(state.heap, r, TIMEOUT, ARRAY, plan.cycles[r[JOB]])


@kernel
def _has_operands(plan: ReplayPlan, state: ReplayState) -> bool:
    """Whether all that a job needs has come; the first that has not is in NAME, and what it waits since in SINCE."""
    r = state.registers
    while r[NAME] < 3:
        name = r[NAME]
        fetch = state.used[name]
        needed = fetch < plan.fetches[name] and plan.fetched[name, fetch, 1] <= r[JOB]
        if needed and not state.was_ready[name, fetch]:
            r[SINCE] = r[NOW]
            return False
        r[NAME] += 1
    return True


@kernel
def _take_slot(plan: ReplayPlan, state: ReplayState) -> None:
    """Charge the wait for an output slot: to the vector unit as long as the tile in it was there."""
    r = state.registers
    visit = r[VISIT]
    cause = 4 if plan.visits[visit, 2] else 5
    state.stalls[cause] += r[NOW] - r[SLOT_SINCE]
    if plan.has_vector and visit >= plan.outputs:
        ours = max(0, min(r[NOW], state.vector_ends[visit - plan.outputs]) - r[SLOT_SINCE])
        state.stalls[0] += ours
        state.stalls[cause] -= ours


@kernel
def _end_job(plan: ReplayPlan, state: ReplayState) -> None:
    r = state.registers
    job = r[JOB]
    record_span(state, TILE, job, r[SINCE], 0)
    for name in range(3):
        if state.used[name] < plan.fetches[name] and plan.fetched[name, state.used[name], 2] == job:
            _put(state, name)
            state.used[name] += 1
    if plan.drained.shape[0]:
        schedule_event(state.heap, r, DONE, job, 0)
    if plan.visits[r[VISIT], 1] == job:
        schedule_event(state.heap, r, CLOSED, r[VISIT], 0)
        r[VISIT] += 1
    r[JOB] += 1


@kernel
def _vector(plan: ReplayPlan, state: ReplayState) -> None:
    """`wait`: 0 at a job's head or when it is done, 2 when its outputs are worked off."""
    r = state.registers
    while r[DRAIN_VISIT] < plan.visits.shape[0]:
        job = r[DRAIN_JOB]
        if state.wait[VECTOR] == 2:
            record_span(state, DRAINED, job, state.began[VECTOR], 0)
            state.wait[VECTOR] = 0
        else:
            if not state.was_done[job]:
                state.wait[VECTOR] = 1
                return
            if plan.drained[job]:
                state.wait[VECTOR], state.began[VECTOR] = 2, r[NOW]
                schedule_event(state.heap, r, TIMEOUT, VECTOR, plan.drained[job])
                return
        r[DRAIN_JOB] += 1
        if plan.visits[r[DRAIN_VISIT], 1] == job:
            state.vector_ends[r[DRAIN_VISIT]] = r[NOW]
            schedule_event(state.heap, r, FINISHED, r[DRAIN_VISIT], 0)
            r[DRAIN_VISIT] += 1
    state.wait[VECTOR] = 3
    schedule_event(state.heap, r, END, VECTOR, 0)


@kernel
def _write_back(plan: ReplayPlan, state: ReplayState) -> None:
    """`wait`: 0 at a visit's head, 1 when it has ended, 2 when its outputs are written."""
    r = state.registers
    while r[WRITE_VISIT] < plan.visits.shape[0]:
        visit, size = r[WRITE_VISIT], plan.visits[r[WRITE_VISIT], 3]
        if state.wait[WRITE] != 2:
            if not state.was_ended[visit]:
                state.wait[WRITE] = 1
                return
            state.wait[WRITE] = 2
            if size:
                submit(plan, state, WRITE, size, True)
                return
        if size:
            record_span(state, WRITTEN, visit, state.began[WRITE], size)
        _put(state, 3)
        state.wait[WRITE] = 0
        r[WRITE_VISIT] += 1
    state.wait[WRITE] = 3
    schedule_event(state.heap, r, END, WRITE, 0)


@kernel
def _resume(plan: ReplayPlan, state: ReplayState, process: int) -> bool:
    """Let a process go on; False where the DRAM waits for the caller's answer."""
    if process < 3:
        _fetch(plan, state, process)
    elif process == DRAM:
        return serve_dram(plan, state, False)
    elif process == ARRAY:
        _array(plan, state)
    elif process == VECTOR:
        _vector(plan, state)
    elif process == WRITE:
        _write_back(plan, state)
    else:
        _open_outputs(plan, state)
    return True


@kernel
def _process_of(plan: ReplayPlan, state: ReplayState, kind: int, number: int) -> int:
    """Mark an event as processed and say which process waited for it; none is PROCESSES."""
    r = state.registers
    if kind in (BEGIN, TIMEOUT):
        return number
    if kind == WORK:
        return DRAM
    if kind == GET:
        return number if number < 3 else OUTPUT
    if kind == MOVED:
        for process in (0, 1, 2, OUTPUT, WRITE):
            if state.number[process] == number:
                return process
    if kind == READY:
        state.was_ready[number % 3, number // 3] = True
        waits = state.wait[ARRAY] == 1 and r[NAME] == number % 3 and state.used[r[NAME]] == number // 3
        return ARRAY if waits else PROCESSES
    if kind == OPEN:
        state.was_open[number] = True
        return ARRAY if state.wait[ARRAY] == 2 and r[VISIT] == number else PROCESSES
    if kind == DONE:
        state.was_done[number] = True
        return VECTOR if state.wait[VECTOR] == 1 and r[DRAIN_JOB] == number else PROCESSES
    if kind == FINISHED or (kind == CLOSED and not plan.has_vector):
        state.was_ended[number] = True
        return WRITE if state.wait[WRITE] == 1 and r[WRITE_VISIT] == number else PROCESSES
    return PROCESSES


@kernel
def begin_replay(plan: ReplayPlan, state: ReplayState) -> None:
    """Start every process, in SimPy's order."""
    for process in (DRAM, 0, 1, 2, OUTPUT, ARRAY, VECTOR, WRITE):
        if process != VECTOR or plan.has_vector:
            schedule_event(state.heap, state.registers, BEGIN, process, 0)


@kernel
def replay_events(plan: ReplayPlan, state: ReplayState, answered: bool) -> int:
    """Go from event to event up to the end of the last write-back, or until the caller's DRAM is asked.

    For SUBMIT the process whose transfer it is stands in WANTED; for ADVANCE the limit in WANTED_LIMIT, and the next
    call is `answered`: its completion stands in ANSWER, -1 where there is none, and ANSWER_NUMBER.
    """
    r = state.registers
    if answered and not serve_dram(plan, state, True):
        return ADVANCE
    while r[COUNT]:
        r[NOW], kind, number = pop_event(state.heap, r)
        if kind == END and number == WRITE:
            return RUN_ENDED
        if kind == PUT:
            if state.wants_room[number] and state.room[number]:
                state.wants_room[number] = 0
                _get(state, number)
            continue
        process = _process_of(plan, state, kind, number)
        if process < PROCESSES and not _resume(plan, state, process):
            return ADVANCE
        if r[WANTED] >= 0:
            return SUBMIT
    return STUCK
