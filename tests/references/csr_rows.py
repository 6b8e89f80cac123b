"""csr_rows moved one clock at a time: PEs, banks and a barrier as objects, from the design's words alone.

P PEs of V lanes; a pass covers V output pixels. Filter n belongs to PE n mod P or goes to the first idle PE, lowest
index on ties. A PE walks its filter's nonzeros in k order, block after block. Word k lies in bank k mod banks, one read
port each: every cycle each busy PE asks for its next k; each bank serves one distinct k (the longest-waiting PE's, then
the lowest index) to all PEs that ask for it; a served PE does V MACs. A (row, block) occupies its PE for at least one
cycle even when empty. Barrier at the end of a pass only.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from tests.references import shift as reference_shift

BLOCK = 64


@dataclass
class Pe:
    index: int
    filter: int | None = None
    blocks: deque[deque[tuple[int, int]]] = field(default_factory=deque)  # of (k, weight), one queue a block
    waited: int = 0

    def take(self, filter: int, row: np.ndarray) -> None:
        self.filter = filter
        for start in range(0, len(row), BLOCK):
            entries = [(start + at, int(v)) for at, v in enumerate(row[start : start + BLOCK]) if v]
            self.blocks.append(deque(entries))

    @property
    def idle(self) -> bool:
        return not self.blocks

    def request(self) -> int | None:
        return self.blocks[0][0][0] if self.blocks and self.blocks[0] else None


@dataclass
class Outcome:
    cycles: int
    output: np.ndarray
    tally: Counter[str]


def choose(askers: list[Pe]) -> int:
    """The k that one bank serves."""
    longest = max(pe.waited for pe in askers)
    request = next(pe for pe in sorted(askers, key=lambda pe: pe.index) if pe.waited == longest).request()
    assert request is not None
    return request


def hand_out(pes: list[Pe], waiting: list[deque[int]], weight: np.ndarray) -> None:
    """Give filters to idle PEs; `waiting` is one queue for all PEs (dynamic) or one a PE (static)."""
    for pe in pes:
        queue = waiting[pe.index % len(waiting)]
        if pe.idle and queue:
            n = queue.popleft()
            pe.take(n, weight[n])


terms_of = cache(reference_shift.fewest_terms)
Mac = Callable[[np.ndarray, int], np.ndarray]  # V activations and a weight to V products


def multiply(activations: np.ndarray, weight: int) -> np.ndarray:
    """A multiplier a lane."""
    return activations * weight


def shift(activations: np.ndarray, weight: int) -> np.ndarray:
    """Barrel shifters a lane, one a signed power of two, whose results are added or subtracted."""
    terms = terms_of(weight)
    return np.array([sum(reference_shift.work(int(a), term) for term in terms) for a in activations], np.int64)


def clock(pes: list[Pe], banks: int, pixels: np.ndarray, output: np.ndarray, tally: Counter[str], mac: Mac) -> None:
    """One cycle: all decisions fall on the state before it."""
    served = {}
    for bank in range(banks):
        askers = [pe for pe in pes if pe.request() is not None and pe.request() % banks == bank]
        if askers:
            served[bank] = choose(askers)
            tally["services"] += 1
    for pe in pes:
        k = pe.request()
        if pe.idle:
            tally["imbalance"] += 1
        elif k is None:
            tally["empty"] += 1
            pe.blocks.popleft()
        elif served[k % banks] == k:
            _, w = pe.blocks[0].popleft()
            output[:, pe.filter] += mac(pixels[:, k], w)
            tally["macs"] += 1
            pe.waited = 0
            if not pe.blocks[0]:
                pe.blocks.popleft()
        else:
            tally["conflict"] += 1
            pe.waited += 1


def run(
    weight: np.ndarray,
    activation: np.ndarray,
    pes: int,
    lanes: int,
    assignment: str,
    banks: int,
    mac: Mac = multiply,
) -> Outcome:
    """All passes of O = X Wᵀ; tally counts PE-cycles and bank services of all passes."""
    n_filters, pixels = len(weight), len(activation)
    output = np.zeros((pixels, n_filters), np.int64)
    tally: Counter[str] = Counter()
    cycles = 0
    for m in range(0, pixels, lanes):
        machine = [Pe(index) for index in range(pes)]
        if assignment == "static":
            waiting = [deque(n for n in range(n_filters) if n % pes == p) for p in range(pes)]
        else:
            waiting = [deque(range(n_filters))]
        hand_out(machine, waiting, weight)
        while not all(pe.idle for pe in machine):
            clock(machine, banks, activation[m : m + lanes], output[m : m + lanes], tally, mac)
            cycles += 1
            hand_out(machine, waiting, weight)
    return Outcome(cycles, output, tally)
