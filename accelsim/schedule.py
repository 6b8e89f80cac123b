"""A layer as the engine runs it: tiles in order, what each fetches, and where its outputs go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from accelsim.arrays.base import Program, Tile, Work
from accelsim.mapping import Mapping, tiles_of
from accelsim.tile_bytes import bytes_of

STREAMS = ("ifmap", "weight", "index")
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
    """Jobs of all groups, one after another, with what they move."""

    cycles: list[int] = field(default_factory=list)
    fetches: dict[str, list[Fetch]] = field(default_factory=lambda: {name: [] for name in STREAMS})
    visits: list[Visit] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    extent: Counter[str] = field(default_factory=Counter)  # bytes of each operand that have an address

    def place(self, operand: str, size_bytes: int) -> int:
        """An address of its own for a tile, behind those that the operand already has."""
        address = self.extent[operand]
        self.extent[operand] += -(-size_bytes // TILE_ALIGNMENT) * TILE_ALIGNMENT
        return address

    @property
    def compute_cycles(self) -> int:
        """Cycles in which the array is busy."""
        return sum(self.cycles)

    def dram_bytes(self) -> dict[str, int]:
        """Bytes between DRAM and the chip by operand."""
        total = {f"dram_{name}_bytes": sum(f.size_bytes for f in self.fetches[name]) for name in STREAMS}
        total["dram_ofmap_bytes"] = sum(v.ofmap_bytes for v in self.visits)
        total["dram_psum_bytes"] = sum(v.psum_read_bytes + v.psum_write_bytes for v in self.visits)
        return total


@dataclass(frozen=True)
class OnChip:
    """Which activations never cross to DRAM: the ifmap, left by the layer before, and the ofmap, for the next."""

    ifmap: bool = False
    ofmap: bool = False


def build(parts: Iterable[tuple[Program, Mapping]], on_chip: OnChip | None = None) -> Schedule:
    """The schedule of a layer's groups, each with its mapping. Tiles of equal work are computed once."""
    schedule, builders = Schedule(), dict[int, _Builder]()
    for program, mapping in parts:
        if id(program) not in builders:
            builders[id(program)] = _Builder(schedule, program, mapping, on_chip or OnChip())
        builders[id(program)].run()
    return schedule


class _Builder:
    """Appends one group's jobs to a schedule; a group begins with empty buffers."""

    def __init__(self, schedule: Schedule, program: Program, mapping: Mapping, on_chip: OnChip) -> None:
        self.schedule, self.program, self.mapping, self.on_chip = schedule, program, mapping, on_chip
        self.held: dict[str, tuple[int, ...]] = {}
        self.current: dict[str, Fetch | None] = {}
        self.known: dict[object, Work] = {}
        self.sizes: dict[tuple[str, tuple[int, ...]], int] = {}
        self.places: dict[tuple[str, tuple[int, ...]], int] = {}

    def run(self) -> None:
        """One job a tile."""
        self.held.clear()
        self.places.clear()
        for tile in tiles_of(self.program, self.mapping):
            job = len(self.schedule.cycles)
            self._compute(tile)
            self._fetch("ifmap", (tile.m0, tile.m1, tile.k0, tile.k1), job)
            for name in ("weight", "index"):
                self._fetch(name, (tile.n0, tile.n1, tile.k0, tile.k1), job)
            self._output(tile, job)

    def _compute(self, tile: Tile) -> None:
        key = self.program.work_key(tile)
        if key not in self.known:
            self.known[key] = self.program.work(tile)
        work = self.known[key]
        self.schedule.cycles.append(work.cycles)
        self.schedule.counts.update(work.counts)

    def _fetch(self, name: str, part: tuple[int, int, int, int], job: int) -> None:
        if self.held.get(name) != part:
            self.held[name], self.current[name] = part, None
            size = self._bytes(name, part)
            if size:
                new = self.current[name] = Fetch(size, job, job, self._address(name, part, size))
                self.schedule.fetches[name].append(new)
        fetch = self.current[name]
        if fetch is not None:
            fetch.last = job

    def _bytes(self, name: str, part: tuple[int, int, int, int]) -> int:
        if (name, part) not in self.sizes:
            bits = getattr(self.program, f"{name}_bits")(*part)
            self.sizes[name, part] = 0 if name == "ifmap" and self.on_chip.ifmap else bytes_of(bits)
        return self.sizes[name, part]

    def _address(self, name: str, part: tuple[int, ...], size: int) -> int:
        """The same for every fetch of a tile within its group."""
        if (name, part) not in self.places:
            self.places[name, part] = self.schedule.place(name, size)
        return self.places[name, part]

    def _output(self, tile: Tile, job: int) -> None:
        place = (tile.m0, tile.m1, tile.n0, tile.n1)
        if self.held.get("output") != place:
            self.held["output"] = place
            psum = self._psum_bytes(tile) if tile.k0 else 0
            self.schedule.visits.append(Visit(job, job, psum, 0, 0))
        visit = self.schedule.visits[-1]
        visit.last = job
        finished = tile.k1 == self.program.trace.K
        outputs = (tile.m1 - tile.m0) * (tile.n1 - tile.n0)
        leaves = finished and not self.on_chip.ofmap
        visit.ofmap_bytes = bytes_of(outputs * self.program.output_bits) if leaves else 0
        visit.psum_write_bytes = 0 if finished else self._psum_bytes(tile)
        if finished:
            visit.ofmap_address = self._address("ofmap", place, visit.ofmap_bytes)
        if tile.k0 or not finished:
            visit.psum_address = self._address("psum", place, self._psum_bytes(tile))

    def _psum_bytes(self, tile: Tile) -> int:
        return bytes_of((tile.m1 - tile.m0) * (tile.n1 - tile.n0) * self.program.array.accumulator_bits)
