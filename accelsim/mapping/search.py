"""Tile sizes and loop order: the ones that move the fewest bytes between DRAM and the buffers.

Where T must be cut, a cut also costs compute cycles, and bytes are weighed against them at the DRAM's best rate.
"""

from __future__ import annotations

from itertools import permutations, product
from math import lcm

import numpy as np

from ..arrays.base import Program, ceil_div
from ..errors import MappingError
from ..hardware.parts import Buffers, MappingConfig
from ..trace.operand_names import BUFFERS, BufferName
from .footprint import Footprint
from .tiling import Tiling
from .traffic import Bytes, repeats, traffic_beside_ifmap

ORDERS = tuple("".join(p) for p in permutations("NMK"))
FEW_UNITS = 32
USUAL_TILES = 2048  # along one dimension; more are tried only where so many do not fit
TILE_LIMIT = 200_000
FREE_BYTES = 2.0**20  # that stand for a cycle where DRAM is ideal: cuts count first, bytes decide between equals
PIPELINE_TILES = 8  # where traffic ties, at least so many tiles let loading, computing and write-back overlap


def candidates(size: int, grain: int, most_tiles: int) -> list[int]:
    """Tile sizes in multiples of the grain, largest first.

    All where they are few, else the smallest for each number of tiles up to `most_tiles`.
    """
    units = ceil_div(size, grain)
    if units <= FEW_UNITS:
        return [min(step * grain, size) for step in range(units, 0, -1)]
    root = min(int(units**0.5) + 1, most_tiles)
    counts = {*range(1, root + 1), *(ceil_div(units, step) for step in range(1, root + 1))}
    steps = {ceil_div(units, count) for count in counts if count <= most_tiles}
    return sorted((min(step * grain, size) for step in steps), reverse=True)


def choose(
    program: Program,
    buffers: Buffers | None,
    overlap: bool,
    given: MappingConfig | None = None,
    bytes_per_cycle: float = 0.0,
    resident: frozenset[BufferName] = frozenset(),
) -> Tiling:
    """The mapping of least DRAM traffic whose tiles fit; T stays whole where anything fits with it whole.

    Where T is cut, the sum of the traffic's time at `bytes_per_cycle` and of the cycles that the cuts add is the least;
    at 0 traffic alone counts, and where it is infinite the cuts count first. What `given` says is taken as it is: a
    size larger than the layer is the layer's, any other must lie on the grain. Operands that are `resident` never
    cross, and tiles of the ifmap and of filters then lie where the whole does.

    Ties go to the fewest tiles of at least PIPELINE_TILES where `overlap` matters (and cuts cost no cycles), else to
    the fewest tiles; then to the loop order in ORDERS. Raises MappingError, which says what would fit.
    """
    given = given or MappingConfig()
    search = _Search(program, buffers, overlap, given, min(bytes_per_cycle, FREE_BYTES), resident)
    for most_tiles in (USUAL_TILES, TILE_LIMIT):
        for whole in (True, False):
            tiling = search.best(whole, most_tiles)
            if tiling is not None:
                return tiling
    raise MappingError(search.complaint())


class _Search:
    """All candidate tilings of one GEMM with their traffic.

    Halos make the ifmap's bytes dear to measure, so they are measured in the order of a lower bound (no halo) and only
    while the bound is no worse than the best tiling so far: what is left out cannot win or tie.
    """

    def __init__(
        self,
        program: Program,
        buffers: Buffers | None,
        overlap: bool,
        given: MappingConfig,
        bytes_per_cycle: float,
        resident: frozenset[BufferName],
    ) -> None:
        self.program, self.buffers, self.overlap = program, buffers, overlap
        self.cut_bytes = float(round(program.cut_cycles * bytes_per_cycle))  # that a cut of T is worth
        self.fill_bytes = float(round(program.fill_cycles * bytes_per_cycle))  # that the fill of a tile is worth
        self.orders = (given.order,) if given.order else ORDERS
        self.footprint = Footprint(program)
        self.size = self.footprint.size
        self.step = {"M": program.grain.m, "N": program.grain.n, "K": program.grain.k}
        self.given = {
            d: self._on_grain(d, size) for d, size in zip("MNK", (given.m, given.n, given.k), strict=True) if size
        }
        self.resident = resident
        in_place = resident - {"ofmap"}  # psums of a resident ofmap need room of their own
        self.room = {
            part: np.inf if buffers is None or part in in_place else buffers.tile_bytes(part) for part in BUFFERS
        }

    def best(self, whole: bool, most_tiles: int) -> Tiling | None:
        """The best mapping with T whole, or with T cut, of at most so many tiles along a dimension."""
        options = {d: candidates(self.size[d], self.step[d], most_tiles) for d in "MNK"}
        options["M"] = sorted({*options["M"], *self._whole_rows(most_tiles)}, reverse=True)
        if whole:
            options[self.program.grain.whole] = [self.size[self.program.grain.whole]]
        options |= {d: [size] for d, size in self.given.items()}
        least = {d: options[d][-1] for d in "MNK"}
        options = {d: [s for s in options[d] if self._may_fit(least | {d: s})] for d in "MNK"}
        return self._pick(options) if all(options.values()) else None

    def _on_grain(self, dimension: str, size: int) -> int:
        """A given tile size, no larger than the layer; MappingError where it is no multiple of the array's grain."""
        step = self.step[dimension]
        if size < self.size[dimension] and size % step:
            raise MappingError(
                f"mapping.{dimension.lower()} is {size}; a multiple of {step} is expected for layer "
                f"{self.program.trace.name!r} on {self.program.array.kind}, such as {ceil_div(size, step) * step}"
            )
        return min(size, self.size[dimension])

    def _whole_rows(self, most_tiles: int) -> list[int]:
        """Tiles of whole output rows, which share the least halo."""
        conv = self.program.trace.conv
        return [] if conv is None else candidates(self.size["M"], lcm(self.step["M"], conv.out_width), most_tiles)

    def _may_fit(self, tile: dict[str, int]) -> bool:
        """Whether the first tile fits; where it does not, no larger one does."""
        if self.buffers is None:
            return True
        m, n, k = tile["M"], tile["N"], tile["K"]
        fits = (
            self.footprint.first_ifmap(m, k) <= self.room["ifmap"]
            and self.footprint.filters(n, k)[1] <= self.room["filter"]
        )
        return fits and self.footprint.resident_output(m, n, k) <= self.room["ofmap"]

    def _pick(self, options: dict[str, list[int]]) -> Tiling | None:
        """The least traffic over every tiling and order."""
        count = {d: np.array([ceil_div(self.size[d], s) for s in options[d]], float) for d in "MNK"}
        grid = dict(zip("MNK", np.meshgrid(*count.values(), indexing="ij"), strict=True))
        again, rest = self._without_ifmap(options, grid)
        cuts = self._cost_of_cuts(grid)
        ifmap = self._measured_ifmap(options, again, rest + cuts)
        total = ifmap[None, :, None, :] * again + rest + cuts
        return self._break_tie(total, cuts, grid, options) if np.isfinite(total).any() else None

    def _cost_of_cuts(self, grid: dict[str, Bytes]) -> Bytes:
        """Bytes that the cuts of a tiling are worth: those of T, and the fills of further tiles.

        Where loading overlaps computing, as many fills as PIPELINE_TILES take are no loss.
        """
        t = grid[self.program.grain.whole]
        tiles = grid["M"] * grid["N"] * grid["K"]
        free = np.maximum(t, PIPELINE_TILES) if self.overlap else t
        return (t - 1) * self.cut_bytes + np.maximum(tiles - free, 0) * self.fill_bytes

    def _without_ifmap(self, options: dict[str, list[int]], grid: dict[str, Bytes]) -> tuple[Bytes, Bytes]:
        """By order and tiling: how often the ifmap is read, and the other bytes; infinite where a tile does not fit."""
        shape = grid["M"].shape
        filters, ofmap, psum = (np.zeros(shape) for _ in range(3))
        for (b, n), (c, k) in product(enumerate(options["N"]), enumerate(options["K"])):
            filters[:, b, c], largest = self.footprint.filters(n, k)
            filters[:, b, c] += np.inf if largest > self.room["filter"] else 0
        for (a, m), (b, n) in product(enumerate(options["M"]), enumerate(options["N"])):
            need = np.array([self.footprint.resident_output(m, n, k) for k in options["K"]])
            ofmap[a, b, :] = np.where(need <= self.room["ofmap"], self.footprint.outputs(m, n), np.inf)
            psum[a, b, :] = self.footprint.psums(m, n)
        filters, ofmap = self._crossing("filter", filters), self._crossing("ofmap", ofmap)
        again = np.stack([self._crossing("ifmap", repeats(order, "N", grid)) for order in self.orders])
        rest = np.stack([traffic_beside_ifmap(order, grid, filters, ofmap, psum) for order in self.orders])
        return again, rest

    def _crossing(self, part: BufferName, size: Bytes) -> Bytes:
        """Nothing of a resident operand; what does not fit stays infinite."""
        return np.where(np.isfinite(size), 0.0, size) if part in self.resident else size

    def _measured_ifmap(self, options: dict[str, list[int]], again: Bytes, rest: Bytes) -> Bytes:
        """Bytes of one pass over the ifmap by (m, k); infinite where it does not fit or cannot be the best."""
        if "ifmap" in self.resident:
            return np.zeros((len(options["M"]), len(options["K"])))
        least = np.array([self.footprint.ifmap_at_least(k) for k in options["K"]], float)
        bound = (least * again + rest).min(axis=(0, 2))
        exact, best = np.full(bound.shape, np.inf), np.inf
        for at in np.argsort(bound, axis=None, kind="stable"):
            a, c = (int(i) for i in np.unravel_index(int(at), bound.shape))
            if bound[a, c] > best or not np.isfinite(bound[a, c]):
                break
            m, k = options["M"][a], options["K"][c]
            if (
                self.footprint.first_ifmap(m, k) <= self.room["ifmap"]
                and self.footprint.ifmap(m, k)[1] <= self.room["ifmap"]
            ):
                exact[a, c] = self.footprint.ifmap(m, k)[0]
                best = min(best, (exact[a, c] * again[:, a, :, c] + rest[:, a, :, c]).min())
        return exact

    def _break_tie(
        self, total: Bytes, cut_bytes: Bytes, grid: dict[str, Bytes], options: dict[str, list[int]]
    ) -> Tiling:
        least = total.min()
        tiles = grid["M"] * grid["N"] * grid["K"]
        cost = np.broadcast_to(self._preference(tiles, grid), total.shape).copy()
        cost[total > least] = np.inf
        order, a, b, c = (int(i) for i in np.unravel_index(int(cost.argmin()), cost.shape))
        if tiles[a, b, c] > TILE_LIMIT:
            raise MappingError(
                f"layer {self.program.trace.name!r} needs {tiles[a, b, c]:.3g} tiles, more than {TILE_LIMIT}; larger "
                "buffers are expected"
            )
        sizes = {"M": options["M"][a], "N": options["N"][b], "K": options["K"][c]}
        t = self.program.grain.whole
        cuts = ceil_div(self.size[t], sizes[t]) - 1
        moved = int(least - cut_bytes[a, b, c])
        return Tiling(sizes["M"], sizes["N"], sizes["K"], self.orders[order], moved, cuts)

    def _preference(self, tiles: Bytes, grid: dict[str, Bytes]) -> Bytes:
        """Cuts that cost compute cycles first, then too few tiles to overlap, then the number of tiles."""
        costly = np.ones_like(tiles)
        for dimension in self.program.grain.costly - self.program.grain.refilled:
            costly = costly * grid[dimension]
        missing = np.maximum(PIPELINE_TILES - tiles, 0) if self.overlap else np.zeros_like(tiles)
        return (costly - 1) * 1e12 + missing * 1e8 + tiles

    def complaint(self) -> str:
        """What the smallest tile needs."""
        grain = self.program.grain
        smallest = {"M": grain.m, "N": grain.n, "K": grain.k} | self.given
        m, n, k = (min(smallest[d], self.size[d]) for d in "MNK")
        need = self.footprint.need(m, n, k)
        factor = 2 if self.buffers is not None and self.buffers.double else 1
        text = ", ".join(f"{part}_kib >= {ceil_div(size * factor, 1024)}" for part, size in need.items())
        tile = f"the smallest tile ({m} x {n} x {k})"
        return f"layer {self.program.trace.name!r}: {tile} does not fit the buffers; {text} would"
