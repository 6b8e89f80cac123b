"""eie moved one clock at a time: FIFOs, pointer units, matrix memories and arithmetic, from the design's words alone.

PE p of P owns rows p, p + P, ... in compressed sparse columns: a value and a relative index of b bits (own rows that it
skips), with a padding zero for each further 2^b rows. Nonzero activations are broadcast, one a cycle from cycle 1 on,
to every PE's FIFO, unless one of them is full at the cycle's start; one slot of a FIFO always stays free. In a cycle in
which a PE's pointer unit is idle, or addresses the last entry of its column, it takes the next column from its FIFO.
From the next cycle on it addresses an entry a cycle; a column without entries takes one cycle. An addressed entry goes
through matrix read, decode and row sum, multiplication, addition, write-back. The vectors run one after another.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

STAGES_BEHIND_ADDRESS = 5
MATRIX_WORD_BITS = 64


@dataclass
class Pe:
    """One PE's columns: lists of (rows to skip, value), where each lies in memory, and its units' registers."""

    columns: list[list[tuple[int, int]]]
    depth: int
    starts: list[int] = field(init=False)
    fifo: deque[tuple[int, int]] = field(default_factory=deque)  # (column, activation)
    current: tuple[int, int] | None = None
    at: int = 0
    row: int = -1
    stages: deque[tuple[int, int] | None] = field(default_factory=lambda: deque([None] * STAGES_BEHIND_ADDRESS))
    sums: Counter[int] = field(default_factory=Counter)
    word: int | None = None  # the one in the matrix register

    def __post_init__(self) -> None:
        self.starts = list(np.cumsum([0] + [len(column) for column in self.columns]))

    @property
    def full(self) -> bool:
        return len(self.fifo) == self.depth - 1

    def clock(self, word_entries: int, tally: Counter[str]) -> None:
        """One cycle on the state before it: address, take the next column, move the pipeline on."""
        addressed = None
        if self.current is not None:
            addressed = self._address(word_entries, tally)
        if self.current is None and self.fifo:
            self.current, self.at, self.row = self.fifo.popleft(), 0, -1
        self.stages.appendleft(addressed)
        done = self.stages.pop()
        if done is not None:
            self.sums[done[0]] += done[1]

    def _address(self, word_entries: int, tally: Counter[str]) -> tuple[int, int] | None:
        column, activation = self.current
        entries = self.columns[column]
        if not entries:
            tally["pointer"] += 1
            self.current = None
            return None
        skip, value = entries[self.at]
        word = (self.starts[column] + self.at) // word_entries
        tally["words"] += word != self.word
        tally["weights" if value else "padding"] += 1
        self.word = word
        self.row += skip + 1
        self.at += 1
        if self.at == len(entries):
            self.current = None
        return self.row, value * activation


@dataclass
class Outcome:
    cycles: int
    output: np.ndarray
    tally: Counter[str]
    stored: int
    stored_padding: int


def encode(column: np.ndarray, index_bits: int) -> list[tuple[int, int]]:
    """(zeros skipped, value) of one column of one PE."""
    entries, zeros = [], 0
    for value in column:
        if value:
            entries.append((zeros, int(value)))
            zeros = 0
        else:
            zeros += 1
            if zeros == 2**index_bits:
                entries.append((zeros - 1, 0))
                zeros = 0
    while entries and entries[-1][1] == 0:
        entries.pop()  # padding that leads nowhere
    return entries


def one_vector(pes: list[Pe], vector: np.ndarray, word_entries: int, tally: Counter[str]) -> int:
    """Cycles of one vector."""
    waiting = deque((k, int(v)) for k, v in enumerate(vector) if v)
    if not waiting:
        return 1
    cycle, idle_since = 1, 0  # idle: cycles since the last address, that one included
    while idle_since <= STAGES_BEHIND_ADDRESS:
        blocked = any(pe.full for pe in pes)
        for pe in pes:
            pe.clock(word_entries, tally)
        if waiting and not blocked:
            sent = waiting.popleft()
            tally["broadcasts"] += 1
            for pe in pes:
                pe.fifo.append(sent)
        cycle += 1
        busy = bool(waiting) or any(pe.fifo or pe.current is not None for pe in pes)
        idle_since = 0 if busy else idle_since + 1
    return cycle


def run(
    weight: np.ndarray, activation: np.ndarray, pes: int, depth: int, index_bits: int, entry_bits: int = 12
) -> Outcome:
    """All vectors of O = X Wᵀ."""
    output = np.zeros((len(activation), len(weight)), np.int64)
    columns = [[encode(column, index_bits) for column in weight[p::pes].T] for p in range(min(pes, len(weight)))]
    entries = [value for pe in columns for column in pe for _, value in column]
    tally: Counter[str] = Counter()
    cycles = 0
    for m, vector in enumerate(activation):
        machine = [Pe(own, depth) for own in columns]
        cycles += one_vector(machine, vector, MATRIX_WORD_BITS // entry_bits, tally)
        for p, pe in enumerate(machine):
            for row, total in pe.sums.items():
                output[m, p + row * pes] = total
    return Outcome(cycles, output, tally, len(entries), entries.count(0))
