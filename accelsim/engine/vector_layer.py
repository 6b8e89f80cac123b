"""An operator that runs by itself, as the engine plays it: tiles through the buffers, the vector unit for an array."""

from __future__ import annotations

from collections.abc import Sequence

from ..arrays.base import ceil_div
from ..errors import MappingError
from ..hardware.parts import Buffers
from ..mapping.footprint import bytes_of
from ..mapping.search import PIPELINE_TILES, TILE_LIMIT
from ..trace.operand_names import IFMAP, OFMAP, WEIGHT, BufferName
from ..trace.operator import Operator
from .residency import Residency
from .schedule import NO_COUNTS, Fetch, Schedule, Visit
from .vector_unit import part


class VectorLayer:
    """Equal tiles of an operator and the elementwise ones fused behind it.

    Tile i of n has the i-th share of inputs, parameters, work and outputs, each of which crosses once: windows that
    pass a tile's edge keep their rows in the buffer, and a row of softmax or of a norm counts as within one tile.
    """

    def __init__(self, operators: Sequence[Operator], lanes: int, buffers: Buffers | None, overlap: bool) -> None:
        self.operators, self.lanes, self.buffers, self.overlap = operators, lanes, buffers, overlap
        self.bits = operators[0].activation_bits
        self.inputs, self.outputs = operators[0].inputs, operators[-1].outputs
        self.parameters = sum(operator.parameters for operator in operators)
        self.work = sum(operator.work for operator in operators)

    @property
    def tiles(self) -> int:
        """The fewest whose parts fit the buffers, and PIPELINE_TILES where loading and computing can overlap.

        MappingError where they would be more than TILE_LIMIT, or where one element fits no buffer.
        """
        most = max(self.inputs, self.outputs, self.parameters, 1)
        wanted = min(PIPELINE_TILES, most) if self.overlap else 1
        if self.buffers is not None:
            for operand, elements in self._operands().items():
                room = self.buffers.tile_bytes(operand) * 8 // self.bits
                if elements and not room:
                    raise MappingError(
                        f"operator {self.operators[0].name!r}: an element of {self.bits} bits does not fit a tile of "
                        f"buffers.{operand}_kib; more is expected"
                    )
                wanted = max(wanted, ceil_div(elements, room) if elements else 1)
        if wanted > TILE_LIMIT:
            raise MappingError(
                f"operator {self.operators[0].name!r} needs {wanted} tiles, more than {TILE_LIMIT}; larger buffers "
                "are expected"
            )
        return wanted

    def _operands(self) -> dict[BufferName, int]:
        return {"ifmap": self.inputs, "filter": self.parameters, "ofmap": self.outputs}

    def schedule(self, residency: Residency) -> Schedule:
        """One job a tile."""
        tiles, schedule = self.tiles, Schedule(unit="vector")
        for job in range(tiles):
            work = (part(operator.work, job, job + 1, tiles) for operator in self.operators)
            schedule.cycles.append(sum(ceil_div(lane_operations, self.lanes) for lane_operations in work))
            self._fetch(schedule, IFMAP, 0 if residency.ifmap else part(self.inputs, job, job + 1, tiles), job)
            self._fetch(schedule, WEIGHT, part(self.parameters, job, job + 1, tiles), job)
            leaves = 0 if residency.ofmap else bytes_of(part(self.outputs, job, job + 1, tiles) * self.bits)
            schedule.visits.append(Visit(job, job, 0, 0, leaves, ofmap_address=schedule.place(OFMAP, leaves)))
        schedule.counts = NO_COUNTS.schema.count(
            vector_operations=self.work,
            sram_ifmap_reads=self.inputs,
            sram_filter_reads=self.parameters,
            sram_ofmap_writes=self.outputs,
        )
        return schedule

    def _fetch(self, schedule: Schedule, name: str, elements: int, job: int) -> None:
        size = bytes_of(elements * self.bits)
        if size:
            schedule.fetches[name].append(Fetch(size, job, job, schedule.place(name, size)))

    def compulsory_bytes(self, residency: Residency) -> int:
        """Bytes that must cross once."""
        inputs, outputs = 0 if residency.ifmap else self.inputs, 0 if residency.ofmap else self.outputs
        return sum(bytes_of(elements * self.bits) for elements in (inputs, self.parameters, outputs))
