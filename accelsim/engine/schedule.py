"""A layer as the engine runs it: tiles in order, what each fetches, and where its outputs go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from accelsim.arrays.base import Program, Tile, Work, ceil_div
from accelsim.engine.subtiles import PIECES, pieces_of
from accelsim.engine.vector_unit import Chain
from accelsim.mapping.footprint import bytes_of
from accelsim.mapping.search import Mapping, tiles_of

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
    """Jobs of all groups, one after another, with what they move. `unit` runs them: the array or the vector unit.

    `drained` are the cycles of the vector unit for what each job finished, empty where it has nothing to do; a visit's
    write-back follows the last of its jobs there.
    """

    unit: str = "array"
    cycles: list[int] = field(default_factory=list)
    drained: list[int] = field(default_factory=list)
    fetches: dict[str, list[Fetch]] = field(default_factory=lambda: {name: [] for name in STREAMS})
    visits: list[Visit] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    extent: Counter[str] = field(default_factory=Counter)  # bytes of each operand that have an address
    resident: frozenset[str] = frozenset()  # streams whose tiles all have room, and stay
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

    def dram_bytes(self) -> dict[str, int]:
        """Bytes between DRAM and the chip by operand."""
        total = {f"dram_{name}_bytes": sum(f.size_bytes for f in self.fetches[name]) for name in STREAMS}
        total["dram_ofmap_bytes"] = sum(v.ofmap_bytes for v in self.visits)
        total["dram_psum_bytes"] = sum(v.psum_read_bytes + v.psum_write_bytes for v in self.visits)
        return total


@dataclass(frozen=True)
class OnChip:
    """What never crosses to DRAM: the ifmap, left by the layer before, and the ofmap, for the next.

    `weights` says what becomes of the weights: `streamed` tile by tile, `kept` once each has come, or `held` from the
    run before.
    """

    ifmap: bool = False
    ofmap: bool = False
    weights: Literal["streamed", "kept", "held"] = "streamed"


def build(
    parts: Iterable[tuple[Program, Mapping]], on_chip: OnChip | None = None, chain: Chain | None = None
) -> Schedule:
    """The schedule of a layer's groups, each with its mapping. Tiles of equal work are computed once.

    `chain` runs on every finished output tile; its parameters come with the first weights.
    """
    parts = list(parts)
    pieces = 1 if chain is None else ceil_div(PIECES, sum(_tiles(*part) for part in parts))
    schedule, builders = Schedule(), dict[int, _Builder]()
    if on_chip is not None and on_chip.weights == "kept":
        schedule.resident = frozenset({"weight", "index"})
    for program, mapping in parts:
        if id(program) not in builders:
            builders[id(program)] = _Builder(schedule, program, mapping, on_chip or OnChip(), chain, pieces)
        builders[id(program)].run()
    if chain is not None:
        schedule.counts.update(chain.counts())
        if on_chip is None or on_chip.weights != "held":
            _fetch_parameters(schedule, bytes_of(chain.parameter_bits))
    return schedule


def _tiles(program: Program, mapping: Mapping) -> int:
    trace = program.trace
    return ceil_div(trace.M, mapping.m) * ceil_div(trace.N, mapping.n) * ceil_div(trace.K, mapping.k)


def _fetch_parameters(schedule: Schedule, size: int) -> None:
    """Let the first fetch of weights bring them along, to which end it has an address of its own."""
    if not size:
        return
    fetches = schedule.fetches["weight"]
    if not fetches or fetches[0].first > 0:
        fetches.insert(0, Fetch(0, 0, 0))
    fetches[0].size_bytes += size
    fetches[0].address = schedule.place("weight", fetches[0].size_bytes)


class _Builder:
    """Appends one group's jobs to a schedule; a group begins with empty buffers."""

    def __init__(
        self,
        schedule: Schedule,
        program: Program,
        mapping: Mapping,
        on_chip: OnChip,
        chain: Chain | None,
        pieces: int,
    ) -> None:
        self.schedule, self.program, self.mapping, self.on_chip = schedule, program, mapping, on_chip
        self.chain, self.pieces, self.finished_before = chain, pieces, 0
        self.held: dict[str, tuple[int, ...]] = {}
        self.current: dict[str, Fetch | None] = {}
        self.known: dict[object, Work] = {}
        self.sizes: dict[tuple[str, tuple[int, ...]], int] = {}
        self.places: dict[tuple[str, tuple[int, ...]], int] = {}

    def run(self) -> None:
        """One job a tile, or a piece of it where a chain drains it."""
        self.held.clear()
        self.places.clear()
        for tile, piece in self._jobs():
            job = len(self.schedule.cycles)
            self._compute(piece)
            self._fetch("ifmap", (tile.m0, tile.m1, tile.k0, tile.k1), job)
            for name in ("weight", "index"):
                self._fetch(name, (tile.n0, tile.n1, tile.k0, tile.k1), job)
            self._output(tile, job)
            if self.chain is not None:
                self.schedule.drained.append(self._drain(self.chain, piece))

    def _jobs(self) -> Iterator[tuple[Tile, Tile]]:
        """Tiles as they are fetched, each with the pieces in which it is computed."""
        before: tuple[int, int, int] | None = None
        rows = 1 if self.chain is None else self.chain.rows
        for tile in tiles_of(self.program, self.mapping):
            following = replace(tile, before=before)
            for piece in pieces_of(following, self.program.grain, self.program.trace.K, rows, self.pieces):
                yield tile, piece
                before = piece.shape

    def _compute(self, tile: Tile) -> None:
        key = self.program.work_key(tile)
        if key not in self.known:
            self.known[key] = self.program.work(tile)
        work = self.known[key]
        self.schedule.cycles.append(work.cycles)
        self.schedule.counts.update(dict(work.counts.items()))

    def _fetch(self, name: str, part: tuple[int, int, int, int], job: int) -> None:
        if self.held.get(name) != part:
            self.held[name], self.current[name] = part, None
            size = 0 if self._is_there(name, part) else self._bytes(name, part)
            if size:
                new = self.current[name] = Fetch(size, job, job, self._address(name, part, size))
                self.schedule.fetches[name].append(new)
        fetch = self.current[name]
        if fetch is not None:
            fetch.last = job

    def _is_there(self, name: str, part: tuple[int, ...]) -> bool:
        """Whether a tile of weights need not come: from the run before, or because it came before in this one."""
        kept = self.on_chip.weights == "kept" and (name, part) in self.places
        return name != "ifmap" and (kept or self.on_chip.weights == "held")

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
            self.finished_before = self.schedule.finished
        visit = self.schedule.visits[-1]
        visit.last = job
        finished = tile.k1 == self.program.trace.K
        outputs = (tile.m1 - tile.m0) * (tile.n1 - tile.n0)
        leaves = finished and not self.on_chip.ofmap
        if self.chain is not None:
            outputs = self.chain.results(self.finished_before, self.finished_before + outputs)
        visit.ofmap_bytes = bytes_of(outputs * self.program.output_bits) if leaves else 0
        visit.psum_write_bytes = 0 if finished else self._psum_bytes(tile)
        if finished:
            visit.ofmap_address = self._address("ofmap", place, visit.ofmap_bytes)
        if tile.k0 or not finished:
            visit.psum_address = self._address("psum", place, self._psum_bytes(tile))

    def _drain(self, chain: Chain, piece: Tile) -> int:
        """Cycles of the vector unit for what a piece finishes."""
        if piece.k1 < self.program.trace.K:
            return 0
        first = self.schedule.finished
        self.schedule.finished += (piece.m1 - piece.m0) * (piece.n1 - piece.n0)
        return chain.cycles(first, self.schedule.finished)

    def _psum_bytes(self, tile: Tile) -> int:
        return bytes_of((tile.m1 - tile.m0) * (tile.n1 - tile.n0) * self.program.array.accumulator_bits)
