"""The tiling of each program of a machine, searched for once for all programs whose tiles have equal bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from ..arrays.base import Program
from ..hardware.accelerator import Accelerator
from ..mapping.search import choose
from ..mapping.tiling import Tiling


class Tilings:
    """Chooses tilings for a machine, and remembers them as long as their programs live."""

    def __init__(self, machine: Accelerator) -> None:
        self.machine = machine
        self.overlap = machine.dram.is_timed
        self.bytes_per_cycle = machine.dram.bytes_per_cycle(machine.clock_mhz)
        self.of_program: WeakKeyDictionary[Program, Tiling] = WeakKeyDictionary()
        self.of_shape: dict[object, Tiling] = {}

    def of(self, programs: Iterable[Program]) -> list[Tiling]:
        """One a program. Raises MappingError where no tile fits the buffers."""
        for program in programs:
            if program not in self.of_program:
                self.of_program[program] = self._chosen(program)
        return [self.of_program[program] for program in programs]

    def carry_over(self, programs: Sequence[Program], first: Sequence[Program]) -> None:
        """Give the programs of a later step the tilings of the first step's."""
        self.of_program.update((p, self.of_program[f]) for p, f in zip(programs, first, strict=True))

    def _chosen(self, program: Program) -> Tiling:
        shape = _shape_key(program)
        if shape is not None and shape in self.of_shape:
            return self.of_shape[shape]
        machine = self.machine
        tiling = choose(program, machine.buffers, self.overlap, machine.mapping, self.bytes_per_cycle)
        if shape is not None:
            self.of_shape[shape] = tiling
        return tiling


def _shape_key(program: Program) -> object:
    """What a program's tiling depends on where no value changes its bytes: shape and bits; else None."""
    if not program.uniform_weights or type(program).ifmap_bits is not Program.ifmap_bits:
        return None
    trace = program.trace
    return type(program), id(program.array), program.groups, trace.M, trace.N, trace.K, trace.conv, trace.number_format
