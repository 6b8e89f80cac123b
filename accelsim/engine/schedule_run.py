"""A schedule played on the engine against a fresh DRAM, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..arrays.base import Program
from ..hardware.accelerator import Accelerator
from . import simulation
from .engine_run import EngineRun
from .layer_result import Cycles, DramActivity, RunResult
from .schedule import Schedule


@dataclass(frozen=True)
class Played:
    """A schedule and what the engine and the DRAM said of it; `memory_cycles` are those of the DRAM at work.

    `made_of` are the inputs that the schedule was built from, None where equal ones may build another.
    """

    schedule: Schedule
    run: EngineRun
    memory_cycles: int
    dram: DramActivity
    made_of: object = None

    def result(self, programs: Sequence[Program] = (), t_cuts: int = 0) -> RunResult:
        """The run's result; `programs` are those of the schedule's groups, none for an operator."""
        schedule = self.schedule
        vector = schedule.compute_cycles if schedule.unit == "vector" else schedule.vector_cycles
        return RunResult(
            cycles=Cycles(self.run.cycles, schedule.compute_cycles, vector, self.memory_cycles),
            stalls=self.run.stalls,
            t_cuts=t_cuts,
            macs_effectual=sum(program.effectual_macs() * times for program, times in Counter(programs).items()),
            counts=schedule.counts,
            traffic=schedule.traffic,
            dram=self.dram,
        )


def play(schedule: Schedule, machine: Accelerator, made_of: object = None) -> Played:
    """Run the engine on a schedule. Without buffers, or where they are double, an operand has two slots."""
    slots = 1 if machine.buffers is not None and not machine.buffers.double else 2
    kernel = machine.dram.kernel(machine.clock_mhz)
    run = simulation.run(schedule, kernel, slots)
    if kernel is None:
        counts = machine.dram.untimed_counts(run.cycles, schedule.traffic.total, machine.clock_mhz)
        return Played(schedule, run, 0, DramActivity(counts), made_of)
    memory_cycles = kernel.busy_cycles
    kernel.close(run.cycles)
    return Played(schedule, run, memory_cycles, DramActivity(kernel.counts(), kernel.energy_pj()), made_of)
