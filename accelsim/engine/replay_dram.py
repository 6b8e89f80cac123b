"""The process that owns the DRAM in a compiled replay, and the DRAM of fixed bandwidth in integers.

Another model's kernel stays with the caller, to whom the replay hands transfers and from whom it takes completions.
"""

from __future__ import annotations

from .replay_state import (
    AFTER,
    AFTER_PER,
    ANSWER,
    ANSWER_NUMBER,
    BYTE_TICKS,
    COUNT,
    CYCLE_TICKS,
    DONE_NUMBER,
    DRAM,
    IDLE,
    IN_TURN,
    ISSUED,
    LATENCY,
    MOVED,
    NEVER,
    NOW,
    REQUEST_BYTES,
    SERVED,
    TICKS,
    TIMEOUT,
    UNDER_WAY,
    WANTED,
    WANTED_LIMIT,
    WORK,
    WORK_FIRED,
    Ints,
    ReplayPlan,
    ReplayState,
    kernel,
    schedule_event,
)  # fmt: skip


@kernel
def submit(plan: ReplayPlan, state: ReplayState, process: int, size_bytes: int, is_write: bool) -> None:
    """Hand a transfer of a process to the DRAM, of which the process waits for the end."""
    r, d = state.registers, state.dram
    state.began[process], state.number[process] = r[NOW], r[ISSUED]
    if plan.inside:
        if not d[IN_TURN]:
            _idle_until(d, r[NOW])
            d[TICKS] = max(d[TICKS], r[NOW] * d[CYCLE_TICKS])
        d[SERVED] += size_bytes
        row = d[IN_TURN]
        state.turn[row, 0], state.turn[row, 1] = r[ISSUED], size_bytes
        state.turn[row, 2] = 0 if is_write else d[LATENCY]
        d[IN_TURN] += 1
    else:
        r[WANTED] = process
    r[ISSUED] += 1
    r[UNDER_WAY] += 1
    if not r[WORK_FIRED]:
        r[WORK_FIRED] = 1
        schedule_event(state.heap, r, WORK, 0, 0)


@kernel
def _idle_until(d: Ints, cycle: int) -> None:
    """Count the cycles of power-down before `cycle`; AFTER / AFTER_PER is what has to be idle first, if it is known."""
    if d[AFTER_PER]:
        idle = (cycle * d[CYCLE_TICKS] - d[TICKS]) * d[AFTER_PER] - d[AFTER] * d[CYCLE_TICKS]
        d[IDLE] += max(0, idle // (d[CYCLE_TICKS] * d[AFTER_PER]))


@kernel
def _serve(state: ReplayState, limit: int) -> bool:
    """Serve requests that start before `limit` until a transfer is done: as BandwidthKernel.advance does."""
    d, turn, done = state.dram, state.turn, state.done
    while d[IN_TURN] and (limit == NEVER or d[TICKS] < limit * d[CYCLE_TICKS]):
        if d[DONE_NUMBER] and done[0, 0] * d[CYCLE_TICKS] <= d[TICKS]:
            break
        _skip_rounds(state, limit)
        size = min(REQUEST_BYTES, turn[0, 1])
        d[TICKS] += size * d[BYTE_TICKS]
        number, left, latency = turn[0, 0], turn[0, 1] - size, turn[0, 2]
        last = d[IN_TURN] - 1
        for row in range(last):
            turn[row, 0], turn[row, 1], turn[row, 2] = turn[row + 1, 0], turn[row + 1, 1], turn[row + 1, 2]
        if left:
            turn[last, 0], turn[last, 1], turn[last, 2] = number, left, latency
            continue
        d[IN_TURN] = last
        _insert(done, d[DONE_NUMBER], -(-d[TICKS] // d[CYCLE_TICKS]) + latency, number)
        d[DONE_NUMBER] += 1
    if not d[DONE_NUMBER] or done[0, 0] > limit:
        return False
    state.registers[ANSWER], state.registers[ANSWER_NUMBER] = done[0, 0], done[0, 1]
    d[DONE_NUMBER] -= 1
    for row in range(d[DONE_NUMBER]):
        done[row, 0], done[row, 1] = done[row + 1, 0], done[row + 1, 1]
    return True


@kernel
def _insert(done: Ints, count: int, cycle: int, number: int) -> None:
    """Keep what is done in the order of (cycle, number)."""
    row = count
    while row and (done[row - 1, 0] > cycle or (done[row - 1, 0] == cycle and done[row - 1, 1] > number)):
        done[row, 0], done[row, 1] = done[row - 1, 0], done[row - 1, 1]
        row -= 1
    done[row, 0], done[row, 1] = cycle, number


@kernel
def _skip_rounds(state: ReplayState, limit: int) -> None:
    """Skip whole rounds in which every transfer gets a full request and none ends."""
    d, turn, rounds = state.dram, state.turn, NEVER
    for row in range(d[IN_TURN]):
        rounds = min(rounds, turn[row, 1] // REQUEST_BYTES - 1)
    cost = d[IN_TURN] * REQUEST_BYTES * d[BYTE_TICKS]
    horizon = min(limit, state.done[0, 0]) if d[DONE_NUMBER] else limit
    if horizon != NEVER:
        rounds = min(rounds, (horizon * d[CYCLE_TICKS] - d[TICKS] - 1) // cost)
    if rounds > 0:
        d[TICKS] += rounds * cost
        for row in range(d[IN_TURN]):
            turn[row, 1] -= rounds * REQUEST_BYTES


@kernel
def serve_dram(plan: ReplayPlan, state: ReplayState, answered: bool) -> bool:
    """The DRAM's process goes on; False where the caller has to answer first, up to the limit in WANTED_LIMIT.

    `wait` of it: 0 at the head of its loop, 1 when a completion's cycle has come.
    """
    r = state.registers
    while True:
        if state.wait[DRAM] == 1:
            state.wait[DRAM] = 0
            r[UNDER_WAY] -= 1
            schedule_event(state.heap, r, MOVED, r[ANSWER_NUMBER], 0)
        if not answered:
            if not r[UNDER_WAY]:
                r[WORK_FIRED] = 0
                return True
            horizon = state.heap[0, 0] if r[COUNT] else NEVER
            if horizon <= r[NOW]:
                schedule_event(state.heap, r, TIMEOUT, DRAM, 0)
                return True
            r[WANTED_LIMIT] = horizon
            if not plan.inside:
                return False
            if not _serve(state, horizon):
                r[ANSWER] = -1
        answered = False
        if r[ANSWER] < 0:
            schedule_event(state.heap, r, TIMEOUT, DRAM, r[WANTED_LIMIT] - r[NOW])
            return True
        state.wait[DRAM] = 1
        if r[ANSWER] > r[NOW]:
            schedule_event(state.heap, r, TIMEOUT, DRAM, r[ANSWER] - r[NOW])
            return True
