"""A layer as the engine plays it: jobs in their order, what each fetches, and where its outputs go."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from ..arrays.counters import CounterSchema, Counts
from ..memory.base import Bursts
from ..trace.operand_names import FETCHED
from .dram_traffic import DramTraffic

NO_COUNTS = CounterSchema("vector").count()  # of the vector unit, which has no counters of its own
TILE_ALIGNMENT = 128  # bytes between the starts of tiles in DRAM: the longest burst of the shipped devices


class Moved(NamedTuple):
    """What a tile of activations is on chip, in bytes, and in DRAM: values that are coded, bits that say where."""

    dense_bytes: int
    entries: int = 0
    index_bits: int = 0


@dataclass
class Fetch:
    """One tile of an operand: its bytes, the first and last job that use it, and where it lies in the operand."""

    size_bytes: int
    first: int
    last: int
    address: int = 0
    bursts: Bursts | None = None  # where they lie apart


@dataclass
class Visit:
    """Jobs first..last add to one output tile; psums may come from DRAM before and leave to it after."""

    first: int
    last: int
    psum_read_bytes: int
    psum_write_bytes: int
    ofmap_bytes: int
    psum_address: int = 0
    ofmap_address: int = 0
    ofmap_bursts: Bursts | None = None

    @property
    def write_bytes(self) -> int:
        """Bytes that leave after the last job."""
        return self.psum_write_bytes + self.ofmap_bytes


@dataclass
class Schedule:
    """Jobs of all groups, one after another, with what they move. `unit` runs them: the array or the vector unit.

    `drained` are the cycles of the vector unit for what each job finished, empty where it has nothing to do; a visit's
    write-back follows the last of its jobs there.
    """

    unit: str = "array"
    cycles: list[int] = field(default_factory=list)
    drained: list[int] = field(default_factory=list)
    fetches: dict[str, list[Fetch]] = field(default_factory=lambda: {name: [] for name in FETCHED})
    visits: list[Visit] = field(default_factory=list)
    counts: Counts = NO_COUNTS
    extent: Counter[str] = field(default_factory=Counter)  # bytes of each operand that have an address
    resident: frozenset[str] = frozenset()  # operands whose tiles all have room, and stay
    finished: int = 0  # outputs of the layer that are in the visits so far
    resident_bytes: int = 0  # of weights that stay on chip and have no tile yet
    moved: Counter[str] = field(default_factory=Counter)  # counts of activations that cross

    def place(self, operand: str, size_bytes: int) -> int:
        """An address of its own for a tile, behind those that the operand already has."""
        address = self.extent[operand]
        self.extent[operand] += -(-size_bytes // TILE_ALIGNMENT) * TILE_ALIGNMENT
        return address

    def fill(self, tile: Moved) -> None:
        """Count a tile of the ifmap that is fetched."""
        self._move("sram_ifmap_fill_bytes", "dram_ifmap_index_bits", tile)

    def drain(self, tile: Moved) -> None:
        """Count a tile of outputs that is written."""
        self._move("sram_ofmap_drain_bytes", "dram_ofmap_index_bits", tile)

    def _move(self, dense: str, index: str, tile: Moved) -> None:
        moved = self.moved
        moved[dense] += tile.dense_bytes
        moved[index] += tile.index_bits
        moved["activation_entries"] += tile.entries

    def stay(self, size_bytes: int) -> int:
        """The bytes of a tile of weights, fetched for the first time, that are on chip already."""
        resident = min(size_bytes, self.resident_bytes)
        self.resident_bytes -= resident
        return resident

    @property
    def compute_cycles(self) -> int:
        """Cycles in which the unit is busy."""
        return sum(self.cycles)

    @property
    def vector_cycles(self) -> int:
        """Cycles in which the vector unit works on outputs of the array."""
        return sum(self.drained)

    @property
    def traffic(self) -> DramTraffic:
        """Bytes between DRAM and the chip by operand."""
        return DramTraffic(
            **{name: sum(fetch.size_bytes for fetch in self.fetches[name]) for name in FETCHED},
            ofmap=sum(visit.ofmap_bytes for visit in self.visits),
            psum=sum(visit.psum_read_bytes + visit.psum_write_bytes for visit in self.visits),
        )
