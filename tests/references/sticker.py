"""STICKER moved one clock at a time: PEs with a queue of operand pairs each, from the table of modes alone."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

import numpy as np


@dataclass
class Outcome:
    cycles: int
    output: np.ndarray
    tally: Counter[str]


def classify(values: np.ndarray, sparse: float, dense: float) -> str:
    """sparse up to one threshold, dense above the other."""
    density = np.count_nonzero(values) / values.size
    return "sparse" if density <= sparse else "dense" if density > dense else "medium"


def queue_of(x: np.ndarray, w: np.ndarray, classes: tuple[str, str]) -> deque[tuple[int, int]]:
    """The pairs that a PE takes for one output: zeros of a sparse operand never come to it."""
    pairs: deque[tuple[int, int]] = deque()
    for activation, weight in zip(x, w, strict=True):
        if (classes[0] == "sparse" and weight == 0) or (classes[1] == "sparse" and activation == 0):
            continue
        pairs.append((int(activation), int(weight)))
    return pairs


def run(weight: np.ndarray, x: np.ndarray, shape: tuple[int, int], thresholds: tuple[float, float]) -> Outcome:
    """O = X Wᵀ on shape[0] × shape[1] PEs, pass after pass; tally counts MAC slots."""
    classes = classify(weight, *thresholds), classify(x, *thresholds)
    end = Outcome(0, np.zeros((len(x), len(weight)), np.int64), Counter())
    for m0 in range(0, len(x), shape[0]):
        for n0 in range(0, len(weight), shape[1]):
            queues = {}
            for m in range(m0, min(m0 + shape[0], len(x))):
                for n in range(n0, min(n0 + shape[1], len(weight))):
                    queues[m, n] = queue_of(x[m], weight[n], classes)
            one_pass(queues, shape, classes, end)
    return end


def one_pass(queues: dict, shape: tuple[int, int], classes: tuple[str, str], end: Outcome) -> None:
    """All PEs together, clock by clock, until none has a pair left; a clock at least."""
    started = False
    while not started or any(queues.values()):
        started = True
        end.cycles += 1
        end.tally["edge"] += shape[0] * shape[1] - len(queues)
        for output, queue in queues.items():
            if not queue:
                end.tally["imbalance"] += 1
                continue
            activation, weight = queue.popleft()
            if (classes[0] == "medium" and weight == 0) or (classes[1] == "medium" and activation == 0):
                end.tally["gated"] += 1
            else:
                end.output[output] += activation * weight
                end.tally["macs"] += 1
