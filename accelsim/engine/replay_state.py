"""What a compiled replay of a schedule remembers: registers, and a heap of events in SimPy's order.

An event is a kind with a number, in a heap by time and then by the order in which it was scheduled, as SimPy has it
(nothing here has another priority). What SimPy schedules although nobody waits for it is scheduled here too, for the
DRAM serves up to the next event of any kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., Any])
OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": False}  # no kernel makes an array
NEVER = 2**62
REQUEST_BYTES = 64  # as bandwidth.py has it

DRAM, ARRAY, VECTOR, WRITE, OUTPUT = 3, 4, 5, 6, 7  # processes; 0, 1 and 2 fetch the operands, OUTPUT opens outputs
BEGIN, PUT, GET, READY, OPEN, CLOSED, FINISHED, DONE, MOVED, WORK, TIMEOUT, END = range(12)  # kinds of events
PROCESSES = 8
EVENTS = 256  # that may wait in the heap
TILE, DRAINED, FETCHED, PSUM_READ, WRITTEN = range(5)  # kinds of spans
# Registers of the run
NOW, COUNT, SCHEDULED, ISSUED, UNDER_WAY, WORK_FIRED, JOB, VISIT, NAME, SINCE, SLOT_SINCE = range(11)
ARRAY_END, DRAIN_VISIT, DRAIN_JOB, WRITE_VISIT, OPEN_VISIT, SPANS, ANSWER, ANSWER_NUMBER, ENDED = range(11, 20)
WANTED, WANTED_LIMIT, REGISTERS = 20, 21, 22
# Registers of the DRAM of fixed bandwidth: its figures, its clock in ticks, and how many are in turn and done
CYCLE_TICKS, BYTE_TICKS, LATENCY, TICKS, SERVED, IN_TURN, DONE_NUMBER, AFTER, AFTER_PER, IDLE = range(10)
RUN_ENDED, SUBMIT, ADVANCE, STUCK = range(4)  # what `replay` returns for


class ReplayPlan(NamedTuple):
    """A schedule in arrays. `fetched` is by operand and fetch: bytes, first and last job. `visits` are rows of first
    and last job, bytes of psums that are read, and bytes written. `slots` are room of each operand and of outputs;
    `inside` says whether the DRAM is the one of fixed bandwidth, and else the caller's.
    """

    cycles: Ints
    drained: Ints
    fetches: Ints
    fetched: Ints
    visits: Ints
    outputs: int
    has_vector: bool
    inside: bool


class ReplayState(NamedTuple):
    """Everything that changes: registers, the heap (time, order, kind, number), processes (what they wait for, the
    fetch they are at, when their transfer began and its number), room, flags of events that were processed, when
    the vector unit was done with each visit, cycles waited by cause, spans, and the DRAM.
    """

    registers: Ints
    heap: Ints
    wait: Ints
    at: Ints
    used: Ints
    began: Ints
    number: Ints
    room: Ints
    wants_room: Ints
    was_ready: NDArray[np.bool_]
    was_open: NDArray[np.bool_]
    was_ended: NDArray[np.bool_]
    was_done: NDArray[np.bool_]
    vector_ends: Ints
    stalls: Ints
    spans: Ints
    dram: Ints
    turn: Ints
    done: Ints


def kernel(function: Function) -> Function:
    """Compile a function, and keep the result on disk."""
    return cast(Function, njit(**OPTIONS)(function))


@kernel
def _before(heap: Ints, i: int, j: int) -> bool:
    if heap[i, 0] != heap[j, 0]:
        return bool(heap[i, 0] < heap[j, 0])
    return bool(heap[i, 1] < heap[j, 1])


@kernel
def _swap(heap: Ints, i: int, j: int) -> None:
    for part in range(4):
        heap[i, part], heap[j, part] = heap[j, part], heap[i, part]


@kernel
def schedule_event(heap: Ints, registers: Ints, kind: int, number: int, delay: int) -> None:
    """Put an event behind those that the heap has for its time."""
    at = registers[COUNT]
    heap[at, 0], heap[at, 1], heap[at, 2], heap[at, 3] = registers[NOW] + delay, registers[SCHEDULED], kind, number
    registers[COUNT] += 1
    registers[SCHEDULED] += 1
    while at and _before(heap, at, (at - 1) // 2):
        _swap(heap, at, (at - 1) // 2)
        at = (at - 1) // 2


@kernel
def pop_event(heap: Ints, registers: Ints) -> tuple[int, int, int]:
    """The time, kind and number of the next event."""
    time, kind, number = heap[0, 0], heap[0, 2], heap[0, 3]
    last = registers[COUNT] - 1
    registers[COUNT] = last
    _swap(heap, 0, last)
    at = 0
    while True:
        least = at
        for child in (2 * at + 1, 2 * at + 2):
            if child < last and _before(heap, child, least):
                least = child
        if least == at:
            return time, kind, number
        _swap(heap, at, least)
        at = least


@kernel
def record_span(state: ReplayState, kind: int, number: int, start: int, size_bytes: int) -> None:
    """Note a bar of the timeline, from its start up to now."""
    row = state.registers[SPANS]
    state.spans[row, 0], state.spans[row, 1], state.spans[row, 2] = kind, number, start
    state.spans[row, 3], state.spans[row, 4] = state.registers[NOW] - start, size_bytes
    state.registers[SPANS] += 1
