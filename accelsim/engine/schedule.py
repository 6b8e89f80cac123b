"""A layer as the engine plays it: jobs in their order, what each fetches, and where its outputs go."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..arrays.counters import CounterSchema, Counts
from ..trace.operand_names import FETCHED
from .dram_traffic import DramTraffic

NO_COUNTS = CounterSchema("vector").count()  # of the vector unit, which has no counters of its own
TILE_ALIGNMENT = 128  # bytes between the starts of tiles in DRAM: the longest burst of the shipped devices


@dataclass
class Fetch:
    """One tile of an operand: its bytes, the first and last job that use it, and where it lies in the operand."""

    size_bytes: int
    first: int
    last: int
    address: int = 0


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

    def place(self, operand: str, size_bytes: int) -> int:
        """An address of its own for a tile, behind those that the operand already has."""
        address = self.extent[operand]
        self.extent[operand] += -(-size_bytes // TILE_ALIGNMENT) * TILE_ALIGNMENT
        return address

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
