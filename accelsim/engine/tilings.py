"""The tiling of each program of a machine, searched for once for all programs whose tiles have equal bytes.

Where the goal is cycles and the schedule's own time may differ from what the mapping predicts, the best few tilings are
played on the engine and the fastest is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

from ..arrays.base import Program
from ..hardware.accelerator import Accelerator
from ..hardware.parts import Buffers
from ..mapping.goals import MappingCosts, MappingProblem
from ..mapping.search import Candidate, MappingSearch, fits
from ..mapping.tiling import Tiling
from ..trace.operand_names import BufferName
from .compulsory import encoded_filter_bytes
from .schedule_run import Played
from .step import Step
from .tiling_race import TilingRace

MOST_SEARCHES = 4  # that are kept: their grids are large
Room = tuple[Buffers | None, frozenset[BufferName]]  # buffers, and those whose operands never cross


class Tilings:
    """Chooses tilings for a machine, and remembers them as long as their programs live.

    `costs` are what bytes and cycles cost, for the goal of least energy; `played` has the schedules that the engine ran
    to choose.
    """

    def __init__(self, machine: Accelerator, costs: MappingCosts | None = None) -> None:
        self.machine = machine
        self.costs = costs or MappingCosts()
        self.overlap = machine.dram.is_timed
        self.bytes_per_cycle = machine.dram.bytes_per_cycle(machine.clock_mhz)
        self.of_program: WeakKeyDictionary[Program, dict[Room, Tiling]] = WeakKeyDictionary()
        self.played: WeakKeyDictionary[Program, Played] = WeakKeyDictionary()
        self.of_shape: dict[object, Tiling] = {}
        self.predictions: dict[object, Candidate] = {}
        self.searches: dict[object, MappingSearch] = {}

    def of(self, programs: Sequence[Program], step: Step | None = None) -> list[Tiling]:
        """One a program of a layer's groups. Raises MappingError where no tile fits the buffers.

        `step` says what stays on chip, which counts as no traffic, what that leaves of the buffers, and what runs
        behind the layer on the vector unit. Groups of equal size take one tiling, the best of the group with the most
        encoded weights, where it fits them. A program whose tiling is known keeps it.
        """
        room = self._room(step)
        unknown = [p for p in dict.fromkeys(programs) if room not in self.of_program.setdefault(p, {})]
        chosen: dict[object, Tiling] = {}
        for program in sorted(unknown, key=encoded_filter_bytes, reverse=True):
            size = _size_key(program)
            if size not in chosen or not fits(program, chosen[size], self._problem(room, len(programs))):
                chosen[size] = self._known(program, len(programs), step)
            self.of_program[program][room] = chosen[size]
        return [self.of_program[program][room] for program in programs]

    def planned(
        self, programs: Iterable[Program], buffers: Buffers | None, resident: frozenset[BufferName]
    ) -> list[Tiling]:
        """As the goal picks them before anything is played, in buffers of which a plan does not yet know what is left.

        Raises MappingError where no tile fits. Of the operands of the buffers `resident` nothing crosses.
        """
        programs, room = list(programs), (buffers or self.machine.buffers, resident)
        return [self.predicted(program, len(programs), room).tiling for program in programs]

    def predicted(self, program: Program, groups: int, room: Room | None = None) -> Candidate:
        """The mapping that is best by the goal before anything is played, of one of so many groups."""
        place = room or self._room(None)
        shape = _shape_key(program)
        key = shape, groups, place
        if shape is None:
            return self._search(program, place, groups).best()
        if key not in self.predictions:
            self.predictions[key] = self._search(program, place, groups).best()
        return self.predictions[key]

    def carry_over(self, programs: Sequence[Program], first: Sequence[Program]) -> None:
        """Give the programs of a later step the tilings of the first step's."""
        self.of_program.update((p, self.of_program[f]) for p, f in zip(programs, first, strict=True))

    def _room(self, step: Step | None) -> Room:
        if step is None:
            return self.machine.buffers, frozenset()
        return step.buffers or self.machine.buffers, step.residency.operands

    def _problem(self, room: Room, groups: int) -> MappingProblem:
        return MappingProblem(room[0], self.machine.mapping, self.bytes_per_cycle, self.costs, room[1], groups)

    def _search(self, program: Program, room: Room, groups: int) -> MappingSearch:
        """The search of a program; those of a layer's few variants are kept until the next layer's come."""
        key = _shape_key(program) or program, groups, room
        if key not in self.searches:
            if len(self.searches) >= MOST_SEARCHES:
                self.searches.pop(next(iter(self.searches)))
            self.searches[key] = MappingSearch(program, self._problem(room, groups))
        return self.searches[key]

    def _known(self, program: Program, groups: int, step: Step | None) -> Tiling:
        shape = _shape_key(program)
        if shape is None:
            return self._chosen(program, groups, step)
        key = shape, groups, _step_key(step)
        if key not in self.of_shape:
            self.of_shape[key] = self._chosen(program, groups, step)
        return self.of_shape[key]

    def _chosen(self, program: Program, groups: int, step: Step | None) -> Tiling:
        search = self._search(program, self._room(step), groups)
        if self.machine.mapping.goal != "cycles" or not self.overlap:
            return search.best().tiling
        tiling, self.played[program] = TilingRace(self.machine, program, groups, step).fastest(search)
        return tiling


def _step_key(step: Step | None) -> object:
    """What tells two steps of equal layers apart."""
    if step is None:
        return None
    operators = tuple(replace(operator, name="operator", after="layer") for operator in step.fused)
    return step.residency, step.buffers, operators


def _size_key(program: Program) -> object:
    """What a program's tiles depend on where its values are left aside."""
    trace = program.trace
    return type(program), id(program.array), program.groups, trace.M, trace.N, trace.K, trace.conv, trace.number_format


def _shape_key(program: Program) -> object:
    """The same where no value changes the bytes of a tile; else None."""
    if not program.uniform_weights or type(program).ifmap_bits is not Program.ifmap_bits:
        return None
    return _size_key(program)
