"""The schedule of a layer: the tiles of its groups as jobs, each kind of work computed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import add

from ..arrays.base import Program, Tile, Work, ceil_div
from ..arrays.counters import Counts
from ..mapping.footprint import bytes_of
from ..mapping.tiling import Tiling, tiles_of
from ..memory.base import Bursts
from ..trace.operand_names import IFMAP, INDEX, OFMAP, PSUM, WEIGHT
from .group_period import GroupPeriod, Reached, is_periodic
from .residency import EVERYTHING_CROSSES, Residency
from .schedule import Fetch, Moved, Schedule, Visit
from .subtiles import SUBTILES, subtiles_of
from .tensor_storage import DENSE_TENSORS, TensorStorage
from .vector_unit import FusedOperators

Place = tuple[int, int, int, int]
Shape = tuple[int, int, int]


def build(
    groups: Iterable[tuple[Program, Tiling]],
    residency: Residency = EVERYTHING_CROSSES,
    fused: FusedOperators | None = None,
    storage: TensorStorage = DENSE_TENSORS,
) -> Schedule:
    """The schedule of a layer's groups, each with its tiling.

    `fused` operators run on every finished output tile; their parameters come with the first weights. `storage` is how
    activations lie in DRAM.
    """
    groups = list(groups)
    tiles = sum(tiling.tiles(program.trace) for program, tiling in groups)
    subtiles = 1 if fused is None else ceil_div(SUBTILES, tiles)
    schedule, builders = Schedule(resident_bytes=residency.weight_bytes), dict[int, _GroupBuilder]()
    if residency.weights == "loaded":
        schedule.resident = frozenset({WEIGHT, INDEX})
    before: Shape | None = None
    filters = group = 0  # of the groups before
    for program, tiling in groups:
        if id(program) not in builders:
            builders[id(program)] = _GroupBuilder(schedule, program, tiling, residency, fused, subtiles, storage)
        before = builders[id(program)].run((group, filters), before if program.joins_groups else None)
        filters, group = filters + program.trace.N, group + program.groups
    schedule.counts = reduce(add, (builder.counts() for builder in builders.values()))
    schedule.counts += schedule.counts.schema.count(**schedule.moved)
    if fused is not None:
        schedule.counts += schedule.counts.schema.count(**fused.counts())
        if residency.weights != "resident":
            size = bytes_of(fused.parameter_bits)
            _fetch_parameters(schedule, size - schedule.stay(size))
    return schedule


def made_of(
    groups: Iterable[tuple[Program, Tiling]],
    residency: Residency,
    fused: FusedOperators | None,
    storage: TensorStorage,
) -> object:
    """The inputs of `build`, by which equal schedules are known before they are built; None where values decide."""
    return (tuple(groups), residency, fused) if type(storage) is TensorStorage else None


def _fetch_parameters(schedule: Schedule, size: int) -> None:
    """Let the first fetch of weights bring them along, to which end it has an address of its own."""
    if not size:
        return
    fetches = schedule.fetches[WEIGHT]
    if not fetches or fetches[0].first > 0:
        fetches.insert(0, Fetch(0, 0, 0))
    fetches[0].size_bytes += size
    fetches[0].address = schedule.place(WEIGHT, fetches[0].size_bytes)


class _GroupBuilder:
    """Appends one group's jobs to a schedule; a group begins with empty buffers."""

    def __init__(
        self,
        schedule: Schedule,
        program: Program,
        tiling: Tiling,
        residency: Residency,
        fused: FusedOperators | None,
        subtiles: int,
        storage: TensorStorage,
    ) -> None:
        self.schedule, self.program, self.tiling, self.residency = schedule, program, tiling, residency
        self.fused, self.subtiles, self.finished_before = fused, subtiles, 0
        self.storage, self.group, self.filters_before = storage, 0, 0
        self.in_buffer: dict[str, Place] = {}
        self.current: dict[str, Fetch | None] = {}
        self.work: dict[object, Work] = {}
        self.jobs = Counter[object]()  # of each kind of work
        self.runs = 0
        self.sizes: dict[tuple[str, Place], int] = {}
        self.tiles_of_ifmap: dict[Place, tuple[int, Bursts | None, Moved]] = {}
        self.addresses: dict[tuple[str, Place], int] = {}
        self.stays: dict[tuple[str, Place], int] = {}  # bytes of tiles of weights that are resident
        self.periods: dict[Shape | None, GroupPeriod] = {}  # what a group adds, by the tile before it

    def run(self, start: tuple[int, int], before: Shape | None = None) -> Shape | None:
        """One job a tile, or a subtile of it where operators drain it; the shape of the last one.

        `start` is how many groups and filters there are before. The first job continues the group before, whose last
        one's shape is `before`, if that is given.
        """
        self.runs += 1
        if before in self.periods:
            return self.periods[before].repeat(self.schedule, self.jobs)
        begin = Reached.of(self.schedule, self.jobs)
        last = self._run(start, before)
        if is_periodic(self.program.trace.M * self.program.trace.N, self.residency, self.fused, self.storage):
            end, has_psums = Reached.of(self.schedule, self.jobs), self.tiling.k < self.program.trace.K
            self.periods[before] = GroupPeriod(begin, end, last, has_psums)
        return last

    def _run(self, start: tuple[int, int], before: Shape | None) -> Shape | None:
        self.in_buffer.clear()
        self.addresses.clear()
        self.stays.clear()
        self.group, self.filters_before = start
        if self.storage.is_placed:
            self.tiles_of_ifmap.clear()
        subtile: Tile | None = None
        for tile, subtile in self._jobs(before):
            job = len(self.schedule.cycles)
            self._compute(subtile)
            self._fetch(IFMAP, (tile.m0, tile.m1, tile.k0, tile.k1), job)
            for name in (WEIGHT, INDEX):
                self._fetch(name, (tile.n0, tile.n1, tile.k0, tile.k1), job)
            self._output(tile, job)
            if self.fused is not None:
                self.schedule.drained.append(self._drain(self.fused, subtile))
        return None if subtile is None else subtile.shape

    def counts(self) -> Counts:
        """What all jobs of the group count, over all its runs."""
        tiles = reduce(add, (self.work[key].counts * times for key, times in self.jobs.items()))
        return tiles + self.program.untiled_counts() * self.runs

    def _jobs(self, before: Shape | None) -> Iterator[tuple[Tile, Tile]]:
        """Tiles as they are fetched, each with the subtiles in which it is computed."""
        continues = before is not None
        rows = 1 if self.fused is None else self.fused.rows
        grain, K = self.program.grain, self.program.trace.K
        for tile in tiles_of(self.program, self.tiling):
            following = Tile(tile.m0, tile.m1, tile.n0, tile.n1, tile.k0, tile.k1, before, continues)
            for subtile in subtiles_of(following, grain, K, rows, self.subtiles):
                yield tile, subtile
                before, continues = subtile.shape, False

    def _compute(self, tile: Tile) -> None:
        key = self.program.work_key(tile)
        if key not in self.work:
            self.work[key] = self.program.work(tile)
        self.jobs[key] += 1
        self.schedule.cycles.append(self.work[key].cycles)

    def _fetch(self, name: str, part: Place, job: int) -> None:
        if self.in_buffer.get(name) != part:
            self.in_buffer[name], self.current[name] = part, None
            size = 0 if self._is_resident(name, part) else self._crossing(name, part)
            if size:
                new = self.current[name] = Fetch(size, job, job, *self._place(name, part, size))
                self.schedule.fetches[name].append(new)
        fetch = self.current[name]
        if fetch is not None:
            fetch.last = job

    def _is_resident(self, name: str, part: Place) -> bool:
        """Whether a tile of weights need not come: from the run before, or because it came before in this one."""
        loaded = self.residency.weights == "loaded" and (name, part) in self.addresses
        return name != IFMAP and (loaded or self.residency.weights == "resident")

    def _crossing(self, name: str, part: Place) -> int:
        """Bytes that come with every fetch of a tile."""
        size = self._bytes(name, part)
        if name == IFMAP or not self.residency.weight_bytes:
            return size
        if (name, part) not in self.stays:
            self.stays[name, part] = self.schedule.stay(size)
        return size - self.stays[name, part]

    def _bytes(self, name: str, part: Place) -> int:
        """Bytes of a tile; of the ifmap those that cross, which are counted with it."""
        if name == IFMAP:
            return self._ifmap_bytes(part)
        if (name, part) not in self.sizes:
            bits_of = {WEIGHT: self.program.weight_bits, INDEX: self.program.index_bits}[name]
            self.sizes[name, part] = bytes_of(bits_of(*part))
        return self.sizes[name, part]

    def _ifmap_bytes(self, part: Place) -> int:
        if part not in self.tiles_of_ifmap:
            self.tiles_of_ifmap[part] = self._ifmap_tile(part)
        size, _, moved = self.tiles_of_ifmap[part]
        self.schedule.fill(moved)
        return size

    def _ifmap_tile(self, part: Place) -> tuple[int, Bursts | None, Moved]:
        """Bytes that cross of a tile, in which bursts if they lie apart, and what is counted of it."""
        crossing, stored = self.residency.crossing, self.storage.ifmap(self.program, self.group, part)
        dense = bytes_of(crossing(self.program.ifmap_bits(*part)))
        moved = Moved(dense, crossing(stored.entries), crossing(stored.index_bits))
        if stored.bursts is None:
            return bytes_of(crossing(stored.bits)), None, moved
        count = stored.bursts.count
        size = crossing(count) * (stored.bits // 8 // count)
        return size, stored.bursts if crossing(count) == count else stored.bursts.first(crossing(count)), moved

    def _place(self, name: str, part: Place, size: int) -> tuple[int, Bursts | None]:
        """Where a tile lies: an address, or bursts."""
        bursts = self.tiles_of_ifmap[part][1] if name == IFMAP else None
        return (self._address(name, part, size), None) if bursts is None else (0, bursts)

    def _address(self, name: str, part: Place, size: int) -> int:
        """The same for every fetch of a tile within its group."""
        if (name, part) not in self.addresses:
            self.addresses[name, part] = self.schedule.place(name, size)
        return self.addresses[name, part]

    def _output(self, tile: Tile, job: int) -> None:
        place = (tile.m0, tile.m1, tile.n0, tile.n1)
        if self.in_buffer.get(OFMAP) != place:
            self.in_buffer[OFMAP] = place
            psum = self._psum_bytes(tile) if tile.k0 else 0
            self.schedule.visits.append(Visit(job, job, psum, 0, 0))
            self.finished_before = self.schedule.finished
        visit = self.schedule.visits[-1]
        visit.last = job
        finished = tile.k1 == self.program.trace.K
        outputs = (tile.m1 - tile.m0) * (tile.n1 - tile.n0)
        if self.fused is not None:
            outputs = self.fused.results(self.finished_before, self.finished_before + outputs)
        leaves = finished and not self.residency.ofmap
        if leaves and not visit.ofmap_bytes:  # the first of a tile's subtiles counts all of it
            self._write(visit, tile, outputs)
        visit.psum_write_bytes = 0 if finished else self._psum_bytes(tile)
        if finished:
            placed = visit.ofmap_bursts is not None
            visit.ofmap_address = 0 if placed else self._address(OFMAP, place, visit.ofmap_bytes)
        if tile.k0 or not finished:
            visit.psum_address = self._address(PSUM, place, self._psum_bytes(tile))

    def _write(self, visit: Visit, tile: Tile, elements: int) -> None:
        """Let a finished output tile leave as it is stored, and count it."""
        n0, n1 = (self.filters_before + n for n in (tile.n0, tile.n1))
        stored = self.storage.ofmap(self.program, (tile.m0, tile.m1), (n0, n1), elements)
        dense = bytes_of(elements * self.program.output_bits)
        self.schedule.drain(Moved(dense, stored.entries, stored.index_bits))
        visit.ofmap_bytes, visit.ofmap_bursts = bytes_of(stored.bits), stored.bursts

    def _drain(self, fused: FusedOperators, subtile: Tile) -> int:
        """Cycles of the vector unit for what a subtile finishes."""
        if subtile.k1 < self.program.trace.K:
            return 0
        first = self.schedule.finished
        self.schedule.finished += (subtile.m1 - subtile.m0) * (subtile.n1 - subtile.n0)
        return fused.cycles(first, self.schedule.finished)

    def _psum_bytes(self, tile: Tile) -> int:
        return bytes_of((tile.m1 - tile.m0) * (tile.n1 - tile.n0) * self.program.array.accumulator_bits)
