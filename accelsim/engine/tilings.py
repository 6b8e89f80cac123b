"""The tiling of each program of a machine, searched for once for all programs whose tiles have equal bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from ..arrays.base import Program
from ..hardware.accelerator import Accelerator
from ..hardware.parts import Buffers
from ..mapping.search import choose
from ..mapping.tiling import Tiling
from ..trace.operand_names import BufferName

Room = tuple[Buffers | None, frozenset[BufferName]]  # buffers, and the operands that never cross


class Tilings:
    """Chooses tilings for a machine, and remembers them as long as their programs live."""

    def __init__(self, machine: Accelerator) -> None:
        self.machine = machine
        self.overlap = machine.dram.is_timed
        self.bytes_per_cycle = machine.dram.bytes_per_cycle(machine.clock_mhz)
        self.of_program: WeakKeyDictionary[Program, dict[Room, Tiling]] = WeakKeyDictionary()
        self.of_shape: dict[object, Tiling] = {}

    def of(
        self,
        programs: Iterable[Program],
        buffers: Buffers | None = None,
        resident: frozenset[BufferName] = frozenset(),
    ) -> list[Tiling]:
        """One a program. Raises MappingError where no tile fits the buffers.

        `buffers` are what tensors that stay on chip leave of the machine's, None where none stay. Of the operands
        `resident` nothing crosses.
        """
        room = buffers or self.machine.buffers, resident
        tilings = []
        for program in programs:
            chosen = self.of_program.setdefault(program, {})
            if room not in chosen:
                chosen[room] = self._chosen(program, room)
            tilings.append(chosen[room])
        return tilings

    def carry_over(self, programs: Sequence[Program], first: Sequence[Program]) -> None:
        """Give the programs of a later step the tilings of the first step's."""
        self.of_program.update((p, self.of_program[f]) for p, f in zip(programs, first, strict=True))

    def _chosen(self, program: Program, room: Room) -> Tiling:
        shape = _shape_key(program)
        if shape is not None and (shape, room) in self.of_shape:
            return self.of_shape[shape, room]
        machine = self.machine
        tiling = choose(program, room[0], self.overlap, machine.mapping, self.bytes_per_cycle, room[1])
        if shape is not None:
            self.of_shape[shape, room] = tiling
        return tiling


def _shape_key(program: Program) -> object:
    """What a program's tiling depends on where no value changes its bytes: shape and bits; else None."""
    if not program.uniform_weights or type(program).ifmap_bits is not Program.ifmap_bits:
        return None
    trace = program.trace
    return type(program), id(program.array), program.groups, trace.M, trace.N, trace.K, trace.conv, trace.number_format
