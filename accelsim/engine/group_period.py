"""A group of a layer that repeats one before: its jobs copied, with what moves on from group to group moved on.

Groups of one program begin with empty buffers, so that the second does what the first did, in its own place of the
schedule: jobs, addresses and finished outputs are further on by what a group takes. That is proven where nothing but
the group's place could differ: activations lie tile by tile and dense, no weights stay from the run before that run out
in the middle, and each operator's share of the vector unit is the same for every group's outputs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ..trace.operand_names import DRAM_REGIONS, FETCHED, OFMAP, PSUM
from ..trace.operator import OPS
from .residency import Residency
from .schedule import Fetch, Schedule, Visit
from .tensor_storage import TensorStorage
from .vector_unit import FusedOperators

Shape = tuple[int, int, int]
Kinds = Counter[object]  # jobs by their kind of work


@dataclass(frozen=True)
class Reached:
    """How far a schedule has come."""

    jobs: int
    fetches: dict[str, int]
    visits: int
    finished: int
    extent: Counter[str]
    moved: Counter[str]
    kinds: Kinds

    @classmethod
    def of(cls, schedule: Schedule, kinds: Kinds) -> Reached:
        """Where it is now."""
        fetches = {name: len(schedule.fetches[name]) for name in FETCHED}
        lengths = len(schedule.cycles), fetches, len(schedule.visits)
        return cls(*lengths, schedule.finished, schedule.extent.copy(), schedule.moved.copy(), kinds.copy())


@dataclass(frozen=True)
class GroupPeriod:
    """What one group added to a schedule, from one mark to another, and the shape of its last tile.

    `has_psums`: whether K is cut, so that every visit has an address for psums.
    """

    begin: Reached
    end: Reached
    last: Shape | None
    has_psums: bool

    def repeat(self, schedule: Schedule, kinds: Kinds) -> Shape | None:
        """Add it once more."""
        begin, end = self.begin, self.end
        jobs = len(schedule.cycles) - begin.jobs
        ahead = {operand: schedule.extent[operand] - begin.extent[operand] for operand in DRAM_REGIONS}
        schedule.cycles += schedule.cycles[begin.jobs : end.jobs]
        schedule.drained += schedule.drained[begin.jobs : end.jobs]
        for name in FETCHED:
            of_name = schedule.fetches[name]
            of_name += [
                Fetch(fetch.size_bytes, fetch.first + jobs, fetch.last + jobs, fetch.address + ahead[name])
                for fetch in of_name[begin.fetches[name] : end.fetches[name]]
            ]
        visits = schedule.visits[begin.visits : end.visits]
        schedule.visits += [self._moved_on(visit, jobs, ahead) for visit in visits]
        schedule.finished += end.finished - begin.finished
        for counter, before, after in (
            (schedule.extent, begin.extent, end.extent),
            (schedule.moved, begin.moved, end.moved),
        ):
            for key, number in after.items():
                counter[key] += number - before[key]
        for kind, number in end.kinds.items():
            kinds[kind] += number - begin.kinds[kind]
        return self.last

    def _moved_on(self, visit: Visit, jobs: int, ahead: dict[str, int]) -> Visit:
        """A visit that many jobs later; addresses that it has not are 0."""
        return Visit(
            visit.first + jobs, visit.last + jobs, visit.psum_read_bytes, visit.psum_write_bytes, visit.ofmap_bytes,
            visit.psum_address + ahead[PSUM] if self.has_psums else 0,
            0 if visit.psum_write_bytes else visit.ofmap_address + ahead[OFMAP],
        )  # fmt: skip


def is_periodic(
    outputs: int, residency: Residency, fused: FusedOperators | None, storage: TensorStorage
) -> bool:  # fmt: skip
    """Whether a group that finishes so many outputs does as the one before it did."""
    if type(storage) is not TensorStorage or residency.weight_bytes:
        return False
    return fused is None or all(total * outputs % fused.elements == 0 for total in _shared_out(fused))


def _shared_out(fused: FusedOperators) -> list[int]:
    """Totals of which a subtile takes the share of its outputs: each operator's work, and what pooling leaves."""
    return [operator.work for operator in fused.operators] + [
        operator.outputs for operator in fused.operators if OPS[operator.op].pooling
    ]
