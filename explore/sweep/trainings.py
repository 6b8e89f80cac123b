"""What the workloads of a sweep have to be trained by."""

from __future__ import annotations

from .space import Space
from .trained import Training
from .workload_entry import WorkloadEntry


def trainings(space: Space) -> list[Training]:
    """All that the workloads of a space need, each once, in the order of the points."""
    return [*dict.fromkeys(training for entry in space.workloads for training in trainings_of(entry))]


def trainings_of(entry: WorkloadEntry) -> list[Training]:
    """What the variants of one workload need; nothing where it names no recipe."""
    found = (entry.training(entry.swept[number]) for number in range(len(entry.swept)))
    return [*dict.fromkeys(one for one in found if one is not None)]
