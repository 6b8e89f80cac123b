"""An operator that runs by itself, as the engine plays it: tiles through the buffers, the vector unit for an array."""

from __future__ import annotations

from collections.abc import Sequence

from ..arrays.base import ceil_div
from ..errors import MappingError
from ..hardware.parts import Buffers
from ..mapping.candidates import TILE_LIMIT
from ..mapping.footprint import bytes_of
from ..mapping.search import PIPELINE_TILES
from ..trace.operand_names import IFMAP, OFMAP, WEIGHT, BufferName
from ..trace.operator import Operator
from .placed_storage import whole_bursts
from .residency import Residency
from .schedule import NO_COUNTS, Fetch, Moved, Schedule, Visit
from .tensor_storage import Stored
from .vector_storage import VectorStorage
from .vector_unit import part


class VectorLayer:
    """Equal tiles of an operator and the elementwise ones fused behind it.

    Tile i of n has the i-th share of inputs, parameters, work and outputs, each of which crosses once: windows that
    pass a tile's edge keep their rows in the buffer, and a row of softmax or of a norm counts as within one tile.
    """

    def __init__(
        self,
        operators: Sequence[Operator],
        lanes: int,
        buffers: Buffers | None,
        overlap: bool,
        storage: VectorStorage | None = None,
    ) -> None:
        self.operators, self.lanes, self.buffers, self.overlap = operators, lanes, buffers, overlap
        self.storage = storage or VectorStorage()
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
        tiles, schedule = self.tiles, Schedule(unit="vector", resident_bytes=residency.weight_bytes)
        for job in range(tiles):
            work = (part(operator.work, job, job + 1, tiles) for operator in self.operators)
            schedule.cycles.append(sum(ceil_div(lane_operations, self.lanes) for lane_operations in work))
            self._fetch(schedule, IFMAP, job, *self._read(schedule, residency, job))
            parameters = bytes_of(part(self.parameters, job, job + 1, tiles) * self.bits)
            streamed = self._streamed(schedule, residency, parameters)
            self._fetch(schedule, WEIGHT, job, streamed, schedule.place(WEIGHT, streamed))
            leaves, address = (0, 0) if residency.ofmap else self._written(schedule, job)
            schedule.visits.append(Visit(job, job, 0, 0, leaves, ofmap_address=address))
        schedule.counts = NO_COUNTS.schema.count(
            vector_operations=self.work,
            sram_ifmap_reads=self.inputs,
            sram_filter_reads=self.parameters,
            sram_ofmap_writes=self.outputs,
            **schedule.moved,
        )
        return schedule

    def _read(self, schedule: Schedule, residency: Residency, job: int) -> tuple[int, int]:
        """Bytes of a tile's inputs that cross, which are counted, and where they lie."""
        crossing, stored = residency.crossing, Stored(0)
        address, size, dense = self._share(crossing(self.inputs), job)
        if self.storage.ifmap is not None:
            stored = self.storage.ifmap.tile(job, self.tiles)
            size = bytes_of(crossing(stored.bits))
        schedule.fill(Moved(dense, crossing(stored.entries), crossing(stored.index_bits)))
        return size, schedule.place(IFMAP, size) if address is None else address

    def _written(self, schedule: Schedule, job: int) -> tuple[int, int]:
        """Bytes of a tile's outputs as they are stored, which are counted, and where they lie."""
        stored = Stored(0)
        address, size, dense = self._share(self.outputs, job)
        if self.storage.ofmap is not None:
            stored = self.storage.ofmap.tile(job, self.tiles)
            size = bytes_of(stored.bits)
        schedule.drain(Moved(dense, stored.entries, stored.index_bits))
        return size, schedule.place(OFMAP, size) if address is None else address

    def _share(self, elements: int, job: int) -> tuple[int | None, int, int]:
        """Of a tile's share of a tensor the address, if it has a fixed one, its bytes in DRAM, and those on chip."""
        first, end = (elements * place // self.tiles for place in (job, job + 1))
        dense = bytes_of((end - first) * self.bits)
        if not self.storage.burst_bytes:
            return None, dense, dense
        return (*whole_bursts(first * self.bits, end * self.bits, self.storage.burst_bytes), dense)

    def _streamed(self, schedule: Schedule, residency: Residency, size: int) -> int:
        return 0 if residency.weights == "resident" else size - schedule.stay(size)

    def _fetch(self, schedule: Schedule, name: str, job: int, size: int, address: int) -> None:
        if size:
            schedule.fetches[name].append(Fetch(size, job, job, address))

    def compulsory_bytes(self, residency: Residency) -> int:
        """Bytes that must cross once."""
        ifmap, ofmap = self.storage.ifmap, self.storage.ofmap
        read = residency.crossing(self.inputs) * self.bits if ifmap is None else residency.crossing(ifmap.least_bits)
        written = 0 if residency.ofmap else self.outputs * self.bits if ofmap is None else ofmap.least_bits
        return bytes_of(read) + bytes_of(written) + residency.streamed_weights(bytes_of(self.parameters * self.bits))
