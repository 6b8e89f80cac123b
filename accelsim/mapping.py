"""Tile sizes and loop order: the ones that move the fewest bytes between DRAM and the buffers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations, product
from math import lcm

import numpy as np
from numpy.typing import NDArray

from accelsim.arrays.base import Program, Tile, ceil_div
from accelsim.errors import MappingError
from accelsim.hardware import BufferPart, Buffers

ORDERS = tuple("".join(p) for p in permutations("NMK"))
FEW_UNITS = 32
USUAL_TILES = 2048  # along one dimension; more are tried only where so many do not fit
TILE_LIMIT = 200_000
PIPELINE_TILES = 8  # where traffic ties, at least so many tiles let loading, computing and write-back overlap
Bytes = NDArray[np.float64]  # exact below 2^53
Span = tuple[int, int]
BUFFER_PARTS: tuple[BufferPart, ...] = ("ifmap", "filter", "ofmap")


@dataclass(frozen=True)
class Mapping:
    """Tile sizes along M, N, K and the loop order, outermost first. `t_cuts` counts the cuts of the T dimension."""

    m: int
    n: int
    k: int
    order: str
    dram_bytes: int
    t_cuts: int = 0

    def sizes(self) -> dict[str, int]:
        """Tile size by dimension."""
        return {"M": self.m, "N": self.n, "K": self.k}


def bytes_of(bits: int) -> int:
    """Packed bytes of a tile: ⌈bits / 8⌉."""
    return ceil_div(bits, 8)


def spans(size: int, step: int) -> list[tuple[int, int]]:
    """Tile edges along one dimension."""
    return [(start, min(start + step, size)) for start in range(0, size, step)]


def candidates(size: int, grain: int, most_tiles: int) -> list[int]:
    """Tile sizes in multiples of the grain, largest first: all where they are few, else the smallest for each number
    of tiles up to `most_tiles`."""
    units = ceil_div(size, grain)
    if units <= FEW_UNITS:
        return [min(step * grain, size) for step in range(units, 0, -1)]
    root = min(int(units**0.5) + 1, most_tiles)
    counts = {*range(1, root + 1), *(ceil_div(units, step) for step in range(1, root + 1))}
    steps = {ceil_div(units, count) for count in counts if count <= most_tiles}
    return sorted((min(step * grain, size) for step in steps), reverse=True)


def choose(program: Program, buffers: Buffers | None, overlap: bool) -> Mapping:
    """The mapping of least DRAM traffic whose tiles fit; T stays whole where anything fits with it whole.

    Ties go to the fewest tiles of at least PIPELINE_TILES where `overlap` matters (and cuts cost no cycles), else to
    the fewest tiles; then to the loop order in ORDERS. Raises MappingError, which says what would fit.
    """
    search = _Search(program, buffers, overlap)
    for most_tiles in (USUAL_TILES, TILE_LIMIT):
        for whole in (True, False):
            found = search.best(whole, most_tiles)
            if found is not None:
                return found
    raise MappingError(search.complaint())


class _Search:
    """All candidate tilings of one GEMM with their traffic."""

    def __init__(self, program: Program, buffers: Buffers | None, overlap: bool) -> None:
        self.program, self.buffers, self.overlap = program, buffers, overlap
        self.measured: dict[tuple[str, int, int], tuple[int, int]] = {}
        trace = program.trace
        self.size = {"M": trace.M, "N": trace.N, "K": trace.K}
        self.step = {"M": program.grain.m, "N": program.grain.n, "K": program.grain.k}
        self.room = {part: np.inf if buffers is None else buffers.tile_bytes(part) for part in BUFFER_PARTS}

    def best(self, whole: bool, most_tiles: int) -> Mapping | None:
        """The best mapping with T whole, or with T cut, of at most so many tiles along a dimension."""
        options = {d: candidates(self.size[d], self.step[d], most_tiles) for d in "MNK"}
        options["M"] = sorted({*options["M"], *self._whole_rows(most_tiles)}, reverse=True)
        if whole:
            options[self.program.grain.whole] = [self.size[self.program.grain.whole]]
        options = self._fitting(options)
        if not all(options.values()):
            return None
        return self._pick(options)

    def _whole_rows(self, most_tiles: int) -> list[int]:
        """Tiles of whole output rows, which share the least halo."""
        conv = self.program.trace.conv
        return [] if conv is None else candidates(self.size["M"], lcm(self.step["M"], conv.out_width), most_tiles)

    def _fitting(self, options: dict[str, list[int]]) -> dict[str, list[int]]:
        """Drop the sizes that fit with no smallest partner: a cheap cut of the search."""
        least = {d: options[d][-1] for d in "MNK"}
        return {d: [s for s in options[d] if self._fits(**{**least, d: s})] for d in "MNK"}

    def _fits(self, M: int, N: int, K: int) -> bool:
        if self.buffers is None:
            return True
        need = self._need(M, N, K)
        return all(need[part] <= room for part, room in self.room.items())

    def _need(self, m: int, n: int, k: int) -> dict[str, int]:
        """Bytes of the largest tile by operand."""
        outputs = min(m, self.size["M"]) * min(n, self.size["N"])
        return {
            "ifmap": self._ifmap(m, k)[1],
            "filter": self._filter(n, k)[1],
            "ofmap": bytes_of(outputs * self._resident_bits(k)),
        }

    def _resident_bits(self, k: int) -> int:
        return self.program.array.accumulator_bits if self.program.psums_leave(k) else self.program.output_bits

    def _ifmap(self, m: int, k: int) -> tuple[int, int]:
        """Bytes of all ifmap tiles and of the largest."""
        if self.program.trace.conv is None:
            return self._measure("M", m, k, True, lambda a, b: bytes_of(self.program.ifmap_bits(*a, *b)))
        if ("M", m, k) not in self.measured:
            self.measured["M", m, k] = self._ifmap_of_conv(m, k)
        return self.measured["M", m, k]

    def _ifmap_of_conv(self, m: int, k: int) -> tuple[int, int]:
        trace, total, largest = self.program.trace, 0, 0
        kinds = Counter(self._alike(*span) for span in spans(self.size["K"], k))
        for span, count in kinds.items():
            sizes = -(-trace.touched_by_tile(m, *span) * trace.activation_bits // 8)
            total, largest = total + count * int(sizes.sum()), max(largest, int(sizes.max()))
        return total, largest

    def _alike(self, k0: int, k1: int) -> Span:
        """The first span along K that reads the same taps of as many channels."""
        conv = self.program.trace.conv
        if conv is None or conv.columns is not None:
            return k0, k1
        shift = k0 // conv.taps * conv.taps
        return k0 - shift, k1 - shift

    def _filter(self, n: int, k: int) -> tuple[int, int]:
        """Bytes of all filter tiles, indices included, and of the largest."""

        def size(a: Span, b: Span) -> int:
            return bytes_of(self.program.weight_bits(*a, *b)) + bytes_of(self.program.index_bits(*a, *b))

        return self._measure("N", n, k, self.program.uniform_weights, size)

    def _measure(
        self, axis: str, step: int, k: int, uniform: bool, size: Callable[[Span, Span], int]
    ) -> tuple[int, int]:
        """Sum and maximum of a tile's bytes over the grid; where only sizes matter, one tile of each size is asked."""
        if (axis, step, k) not in self.measured:
            cut = _distinct if uniform else _each
            tiles = product(cut(self.size[axis], step), cut(self.size["K"], k))
            found = [(size(a, b), x * y) for (a, x), (b, y) in tiles]
            self.measured[axis, step, k] = sum(s * n for s, n in found), max(s for s, _ in found)
        return self.measured[axis, step, k]

    def _outputs(self, m: int, n: int, bits: int) -> int:
        """Bytes of all output tiles: at most four different sizes."""
        parts = product(_distinct(self.size["M"], m), _distinct(self.size["N"], n))
        return sum(x * y * bytes_of((a[1] - a[0]) * (b[1] - b[0]) * bits) for (a, x), (b, y) in parts)

    def _pick(self, options: dict[str, list[int]]) -> Mapping | None:
        """Traffic of every tiling and order at once, then the least."""
        shape = tuple(len(options[d]) for d in "MNK")
        count = {d: np.array([ceil_div(self.size[d], s) for s in options[d]], float) for d in "MNK"}
        grid = dict(zip("MNK", np.meshgrid(*count.values(), indexing="ij"), strict=True))
        ifmap, filters, ofmap, psum, fits = self._tables(options, shape)
        total = np.stack([_traffic(order, grid, ifmap, filters, ofmap, psum) for order in ORDERS])
        total[:, ~fits] = np.inf
        if not np.isfinite(total).any():
            return None
        return self._break_tie(total, grid, options)

    def _tables(
        self, options: dict[str, list[int]], shape: tuple[int, ...]
    ) -> tuple[Bytes, Bytes, Bytes, Bytes, NDArray[np.bool_]]:
        """Bytes of one pass over each operand, by tiling, and whether the tiles fit."""
        ifmap, filters, ofmap, psum = (np.zeros(shape) for _ in range(4))
        fits = np.ones(shape, bool)
        for c, k in enumerate(options["K"]):
            for a, m in enumerate(options["M"]):
                ifmap[a, :, c], largest = self._ifmap(m, k)
                fits[a, :, c] &= largest <= self.room["ifmap"]
            for b, n in enumerate(options["N"]):
                filters[:, b, c], largest = self._filter(n, k)
                fits[:, b, c] &= largest <= self.room["filter"]
        for (a, m), (b, n) in product(enumerate(options["M"]), enumerate(options["N"])):
            ofmap[a, b, :] = self._outputs(m, n, self.program.output_bits)
            psum[a, b, :] = self._outputs(m, n, self.program.array.accumulator_bits)
            need = np.array([bytes_of(m * n * self._resident_bits(k)) for k in options["K"]])
            fits[a, b, :] &= need <= self.room["ofmap"]
        return ifmap, filters, ofmap, psum, fits

    def _break_tie(self, total: Bytes, grid: dict[str, Bytes], options: dict[str, list[int]]) -> Mapping:
        least = total.min()
        tiles = grid["M"] * grid["N"] * grid["K"]
        cost = np.broadcast_to(self._preference(tiles, grid), total.shape).copy()
        cost[total > least] = np.inf
        order, a, b, c = (int(i) for i in np.unravel_index(int(cost.argmin()), cost.shape))
        if tiles[a, b, c] > TILE_LIMIT:
            told = f"layer {self.program.trace.name!r} needs {tiles[a, b, c]:.3g} tiles"
            raise MappingError(f"{told}, more than {TILE_LIMIT}; larger buffers are expected")
        sizes = {"M": options["M"][a], "N": options["N"][b], "K": options["K"][c]}
        t = self.program.grain.whole
        cuts = ceil_div(self.size[t], sizes[t]) - 1
        return Mapping(sizes["M"], sizes["N"], sizes["K"], ORDERS[order], int(least), cuts)

    def _preference(self, tiles: Bytes, grid: dict[str, Bytes]) -> Bytes:
        """Cuts that cost compute cycles first, then too few tiles to overlap, then the number of tiles."""
        costly = np.ones_like(tiles)
        for dimension in self.program.grain.costly:
            costly = costly * grid[dimension]
        missing = np.maximum(PIPELINE_TILES - tiles, 0) if self.overlap else np.zeros_like(tiles)
        return (costly - 1) * 1e12 + missing * 1e8 + tiles

    def complaint(self) -> str:
        """What the smallest tile needs."""
        grain = self.program.grain
        m, n, k = (min(s, self.size[d]) for d, s in zip("MNK", (grain.m, grain.n, grain.k), strict=True))
        need = self._need(m, n, k)
        factor = 2 if self.buffers is not None and self.buffers.double else 1
        text = ", ".join(f"{part}_kib >= {ceil_div(size * factor, 1024)}" for part, size in need.items())
        told = f"layer {self.program.trace.name!r}: the smallest tile ({m} x {n} x {k}) does not fit the buffers"
        return f"{told}; {text} would"


def _each(size: int, step: int) -> list[tuple[Span, int]]:
    """Every tile along a dimension, once."""
    return [(span, 1) for span in spans(size, step)]


def _distinct(size: int, step: int) -> list[tuple[Span, int]]:
    """One tile of each size along a dimension, and how many there are."""
    step, full = min(step, size), size // min(step, size)
    return [((0, step), full)] + [((full * step, size), 1)] * (size % step > 0)


def _traffic(order: str, grid: dict[str, Bytes], ifmap: Bytes, filters: Bytes, ofmap: Bytes, psum: Bytes) -> Bytes:
    """DRAM bytes under a loop order. An operand that a dimension does not index is fetched again for each step of
    that dimension, unless nothing that indexes it moves inside."""
    again_ifmap, again_filter, visits = (_repeats(order, free, grid) for free in "NMK")
    return ifmap * again_ifmap + filters * again_filter + ofmap + 2 * psum * (visits - 1)


def _repeats(order: str, free: str, grid: dict[str, Bytes]) -> Bytes:
    inner = order[order.index(free) + 1 :]
    moves = np.zeros_like(grid["M"], dtype=bool)
    for dimension in inner:
        moves |= grid[dimension] > 1
    return np.where(moves, grid[free], 1.0)


def tiles_of(program: Program, mapping: Mapping) -> Iterator[Tile]:
    """The tiles in the order in which they run."""
    size = {"M": program.trace.M, "N": program.trace.N, "K": program.trace.K}
    edges = {d: spans(size[d], step) for d, step in mapping.sizes().items()}
    before = None
    for at in product(*(edges[d] for d in mapping.order)):
        part = dict(zip(mapping.order, at, strict=True))
        tile = Tile(*part["M"], *part["N"], *part["K"], before=before)
        yield tile
        before = tile.shape
