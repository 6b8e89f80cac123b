"""The best few tilings of a layer on the engine, one against another.

What is played is the schedule that the layer runs: all its tiles, of at most MOST_GROUPS of its groups, on a fresh
kernel of the machine's DRAM, with what stays on chip and with the operators that run behind it.
"""

from __future__ import annotations

from ..arrays.base import Program, ceil_div
from ..hardware.accelerator import Accelerator
from ..mapping.search import NEAR, Candidate, MappingSearch
from ..mapping.tiling import Tiling
from ..trace.gemm import GemmTrace
from .layer_storage import layer_storage
from .residency import EVERYTHING_CROSSES
from .schedule_builder import build, made_of
from .schedule_run import Played, play
from .step import Step
from .tensor_storage import DENSE_TENSORS, TensorStorage
from .vector_unit import FusedOperators, fuse

WAITS = 0.05  # of a layer's cycles: no more than that is lost where the array waits so little
DEAR_MACS = 2**22
MOST_GROUPS = 8  # of equal groups that are played to tell tilings apart


class TilingRace:
    """A layer's program, of which there are `groups`, with what stays on chip and what runs behind it."""

    def __init__(self, machine: Accelerator, program: Program, groups: int, step: Step | None) -> None:
        self.machine, self.program, self.step = machine, program, step
        self.groups = min(groups, MOST_GROUPS)
        self.trace = step.runs if step is not None and isinstance(step.runs, GemmTrace) else program.trace
        self.operators = step.fused if step is not None else ()
        self.residency = EVERYTHING_CROSSES if step is None else step.residency
        self.alone: dict[int, float] = {}  # by the rows of a tile

    @property
    def rows(self) -> int:
        """Outputs along M of which a tile has to hold a multiple for all operators to run with the layer."""
        fused = self._fused(self.trace.M)
        return 1 if fused is None else fused.rows

    def _fused(self, m: int) -> FusedOperators | None:
        return fuse(self.trace, [m], self.operators, self.machine.vector.lanes)

    def fastest(self, search: MappingSearch) -> tuple[Tiling, Played]:
        """The fewest cycles of the schedule itself; of those within NEAR of them, the least traffic.

        The goal's own mapping is played first, and alone where it takes 1 % more, or less, than what any must take. Of
        the shortlists those are not played that cannot be faster by NEAR, or as fast with less traffic, by their
        compute and by their traffic at the best rate that the DRAM has shown. Where each play is dear, the first
        shortlist is the only one.
        """
        best = search.best()
        played = {best.tiling: self._play(best.tiling)}
        fewest = self._cycles(best.tiling, played)
        if self._is_settled(search, played[best.tiling], fewest):
            return best.tiling, played[best.tiling]
        for candidates in search.shortlists(self.rows):
            for candidate in sorted(candidates, key=lambda c: self._alone(c.tiling)):
                if candidate.tiling not in played and self._may_win(candidate, fewest, played):
                    played[candidate.tiling] = self._equal(candidate.tiling, played) or self._play(candidate.tiling)
                    fewest = min(fewest, self._cycles(candidate.tiling, played))
            if self._is_dear:
                break
        near = [tiling for tiling in played if self._cycles(tiling, played) <= fewest * (1 + NEAR)]
        tiling = min(near, key=lambda t: (t.dram_bytes, self._cycles(t, played)))
        return tiling, played[tiling]

    @property
    def _is_dear(self) -> bool:
        """Whether a play takes long: values decide what a cut costs, each walks them anew, and they are many."""
        return not self.program.prices_cuts and self.program.trace.macs * self.groups > DEAR_MACS

    def _is_settled(self, search: MappingSearch, first: Played, fewest: float) -> bool:
        """Whether no other mapping can take much less: by a bound, or by what the array waited for the memory."""
        if not self._is_dear:
            bounded = self.program.prices_cuts  # else a cut may take fewer cycles than any bound says
            return bounded and fewest <= search.least_cycles() * self.groups * (1 + NEAR) ** 2
        return first.run.cycles - first.schedule.compute_cycles <= WAITS * first.run.cycles

    def _may_win(self, candidate: Candidate, fewest: float, played: dict[Tiling, Played]) -> bool:
        rate = max(t.dram_bytes * self.groups / max(p.memory_cycles, 1) for t, p in played.items())
        moved = candidate.tiling.dram_bytes
        is_bounded = self.program.prices_cuts or not candidate.tiling.t_cuts
        compute = candidate.least_cycles if is_bounded else 0.0
        least = self.groups * max(compute, moved / rate if rate else 0.0)
        least += self._alone(candidate.tiling)
        fewer = all(moved < tiling.dram_bytes for tiling in played)
        return least <= fewest * (1 + NEAR if fewer else 1 - NEAR)

    def _equal(self, tiling: Tiling, played: dict[Tiling, Played]) -> Played | None:
        """What an equal schedule took: the same tiles, in a loop order that differs in dimensions of one tile alone."""
        moving = self._moving(tiling)
        same = (t for t in played if t.sizes() == tiling.sizes() and self._moving(t) == moving)
        return next((played[t] for t in same), None)

    def _moving(self, tiling: Tiling) -> list[str]:
        """The dimensions that are cut, in the loop order."""
        size, step = {"M": self.program.trace.M, "N": self.program.trace.N, "K": self.program.trace.K}, tiling.sizes()
        return [d for d in tiling.order if step[d] < size[d]]

    def _play(self, tiling: Tiling) -> Played:
        programs, fused = [(self.program, tiling)] * self.groups, self._fused(tiling.m)
        inputs = programs, self.residency, fused, self._storage(fused)
        return play(build(*inputs), self.machine, made_of(*inputs))

    def _storage(self, fused: FusedOperators | None) -> TensorStorage:
        """How the activations of the layer lie in DRAM."""
        if self.step is None:
            return DENSE_TENSORS
        programs = [self.program] * self.groups
        return layer_storage(self.machine, self.trace, programs, fused, self.step.output_values)

    def _cycles(self, tiling: Tiling, played: dict[Tiling, Played]) -> float:
        """Cycles of the layer with those of the operators that run after it."""
        return played[tiling].run.cycles + self._alone(tiling)

    def _alone(self, tiling: Tiling) -> float:
        """Cycles, at least, of the operators that cannot run with the layer, for the groups that are played."""
        if tiling.m not in self.alone:
            self.alone[tiling.m] = self._alone_cycles(tiling.m)
        return self.alone[tiling.m]

    def _alone_cycles(self, m: int) -> float:
        fused = self._fused(m)
        operators = self.operators[0 if fused is None else len(fused.operators) :]
        rate, lanes = self.machine.dram.bytes_per_cycle(self.machine.clock_mhz), self.machine.vector.lanes
        cycles = sum(
            max(ceil_div(o.work, lanes), ceil_div((o.inputs + o.outputs) * o.activation_bits, 8) / rate)
            for o in operators
        )
        return cycles * self.groups / max(self.trace.groups, self.groups)
