"""The plain reference of accelsim.mapping.kernels: figures of all tile sizes tried, under every loop order, in numpy.

Arrays are (orders, sizes along M, sizes along N, sizes along K), or broadcast to that. What the ifmap moves is dear to
measure where it has halos, so that every figure takes it as an argument, and rises with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import product
from typing import Any, Literal

import numpy as np

from accelsim.arrays.base import Program, Tile
from accelsim.mapping.candidates import TILE_LIMIT
from accelsim.mapping.footprint import Footprint, Sizes
from accelsim.mapping.goals import MappingProblem
from accelsim.mapping.traffic import Bytes, repeats

Figure = Literal["cycles", "traffic", "energy", "serial_cycles", "least_cycles"]
Cell = tuple[Any, ...]  # an index: (:, a, :, c) for a size along M and one along K, or everything
EVERYTHING: Cell = (slice(None),) * 4
SUSTAINED = 0.75  # of the DRAM's best rate: refresh, rows that close, reads and writes in turn


class TileGrid:
    """Every tiling of `options` (sizes by dimension, largest first) under `orders`.

    Methods take the bytes of one pass over the ifmap, and of its first tile. A tiling that does not fit the filter or
    ofmap buffer, or that has more than TILE_LIMIT tiles, is infinite.
    """

    def __init__(
        self,
        footprint: Footprint,
        problem: MappingProblem,
        options: dict[str, list[int]],
        orders: Sequence[str],
    ) -> None:
        self.footprint, self.problem, self.options, self.orders = footprint, problem, options, orders
        self.program, self.size = footprint.program, footprint.size
        sizes = {d: np.array(options[d], np.int64) for d in "MNK"}
        self.m, self.n, self.k = sizes["M"][:, None, None], sizes["N"][None, :, None], sizes["K"][None, None, :]
        shape = len(options["M"]), len(options["N"]), len(options["K"])
        self.count: dict[str, Bytes] = {
            d: np.broadcast_to(-(-self.size[d] // along), shape).astype(np.float64)
            for d, along in zip("MNK", (self.m, self.n, self.k), strict=True)
        }
        self.tiles: Bytes = self.count["M"] * self.count["N"] * self.count["K"]
        self.again = np.stack([repeats(order, "N", self.count) for order in orders])
        self._measure_filters()
        self._measure_outputs()
        self.compute = compute_cycles(self.program, self.count, is_timed=problem.bytes_per_cycle < np.inf)
        along = {"M": self.m, "N": self.n, "K": self.k}
        last = [self.size[d] - (self.count[d] - 1) * along[d] for d in "MNK"]
        whole = self.size["M"] * self.size["N"] * self.size["K"]
        self.last_compute = self.compute * (last[0] * last[1] * last[2] / whole)
        self.moves_ifmap = float("ifmap" not in problem.resident)

    def _measure_filters(self) -> None:
        """Bytes of one pass, of the first tile, and whether the largest fits."""
        shape = (1, len(self.options["N"]), len(self.options["K"]))
        self.filters, self.first_filters = np.zeros(shape), np.zeros(shape)
        room = self.problem.room("filter")
        for (b, n), (c, k) in product(enumerate(self.options["N"]), enumerate(self.options["K"])):
            total, largest, first = self.footprint.filter_tiles(n, k)
            self.filters[0, b, c] = total if largest <= room else np.inf
            self.first_filters[0, b, c] = first

    def _measure_outputs(self) -> None:
        """Bytes of all outputs and psums, of the last finished tile, and whether the largest fits."""
        footprint = self.footprint
        self.outputs, self.psums = footprint.outputs(self.m, self.n), footprint.psums(self.m, self.n)
        need = footprint.resident_outputs(self.m, self.n, self.k)
        self.has_room = (need <= self.problem.room("ofmap")) & (self.tiles <= TILE_LIMIT)
        m = self.size["M"] - (-(-self.size["M"] // self.m) - 1) * self.m
        n = self.size["N"] - (-(-self.size["N"] // self.n) - 1) * self.n
        self.last_output = -(-m * n * self.program.output_bits // 8)

    @cached_property
    def _beside_ifmap(self) -> tuple[Bytes, Bytes]:
        """Bytes of filters, outputs and psums that cross, and their pJ."""
        costs, crossing = self.problem.costs, [name not in self.problem.resident for name in ("filter", "ofmap")]
        filters = np.where(np.isfinite(self.filters), self.filters * crossing[0], np.inf)
        visits = np.stack([repeats(order, "K", self.count) for order in self.orders])
        loads = filters * np.stack([repeats(order, "M", self.count) for order in self.orders])
        outputs, psums = self.outputs * crossing[1], 2 * self.psums * (visits - 1)
        energy = loads * costs.filters + outputs * costs.ofmap + psums * costs.psum
        return np.where(self.has_room, loads + outputs + psums, np.inf), np.where(self.has_room, energy, np.inf)

    def figure(self, name: Figure, cell: Cell, ifmap: Bytes | float, first: Bytes | float) -> Bytes:
        """Bytes, cycles or pJ of the tilings in a cell."""
        if name == "traffic":
            return self.traffic(cell, ifmap)
        if name == "serial_cycles":
            return self.serial_cycles(cell, ifmap)
        if name == "energy":
            return self.energy(cell, ifmap, first)
        return self.cycles(cell, ifmap, first, last=float(name == "cycles"))

    def traffic(self, cell: Cell, ifmap: Bytes | float) -> Bytes:
        """DRAM bytes."""
        total: Bytes = self.again[cell] * (ifmap * self.moves_ifmap) + self._beside_ifmap[0][cell]
        return total

    def energy(self, cell: Cell, ifmap: Bytes | float, first: Bytes | float) -> Bytes:
        """pJ of what crosses and of the time that it takes."""
        costs = self.problem.costs
        moved = self.again[cell] * (ifmap * self.moves_ifmap * costs.ifmap) + self._beside_ifmap[1][cell]
        if not costs.cycle:
            return np.asarray(moved)
        return np.asarray(moved + costs.cycle * self.cycles(cell, ifmap, first))

    def cycles(self, cell: Cell, ifmap: Bytes | float, first: Bytes | float, last: float = 1.0) -> Bytes:
        """The larger of compute with its ends, and of the traffic's time with the last tile's compute behind it.

        The ends are the load before the first tile and the write-back behind the last. Where buffers are single,
        nothing overlaps and both add up. With `last` 0 the last tile's compute is left out: no schedule takes less.
        """
        traffic, rate, groups = self.traffic(cell, ifmap), self.problem.bytes_per_cycle, self.problem.groups
        compute = self._of(self.compute, cell)
        fits = np.isfinite(traffic)
        if rate == np.inf:
            return np.where(fits, compute, np.inf)
        if not self.problem.overlaps:
            return self.serial_cycles(cell, ifmap)
        ends, behind = self.ends(cell, first) / rate, last * self._of(self.last_compute, cell)
        return np.where(fits, np.maximum(compute + ends / groups, traffic / rate + behind / groups), np.inf)

    def serial_cycles(self, cell: Cell, ifmap: Bytes | float) -> Bytes:
        """Compute and the traffic's time one after the other."""
        traffic, rate = self.traffic(cell, ifmap), self.problem.bytes_per_cycle
        time = traffic / rate if rate < np.inf else np.where(np.isfinite(traffic), 0.0, np.inf)
        return np.asarray(self._of(self.compute, cell) + time)

    def ends(self, cell: Cell, first: Bytes | float) -> Bytes:
        """Bytes of the first tile's operands and of the last one's outputs, as far as they cross."""
        crossing = [name not in self.problem.resident for name in ("filter", "ofmap")]
        filters, output = self._of(self.first_filters, cell), self._of(self.last_output, cell)
        return np.asarray(first * self.moves_ifmap + filters * crossing[0] + output * crossing[1])

    def _of(self, values: Bytes | Sizes, cell: Cell) -> Bytes:
        """What a cell has of an array that is the same under every order."""
        return np.asarray(np.broadcast_to(values, self.tiles.shape)[cell[1:]])

    def steps(self, cell: Cell, ifmap: float, first: float) -> Bytes:
        """Cycles where each tile's operands come while the tile before is computed, and no sooner.

        The DMA engines may run ahead where an operand stays for several tiles, so that the schedule takes between
        `cycles` and this: equal steps, each the longer of computing a tile and of moving what it changes, at
        a rate that a DRAM surely sustains.
        """
        if not self.problem.overlaps:
            return self.cycles(cell, ifmap, first)
        rate, groups = self.problem.bytes_per_cycle * SUSTAINED, self.problem.groups
        tile = self._of(self.compute, cell) / self._of(self.tiles, cell)
        count = {d: self._of(self.count[d], cell) for d in "MNK"}
        rows = [self._step_cycles(place, cell, ifmap, tile, count) for place in range(len(self.orders))]
        ends = self.ends(cell, first) / rate / groups
        return np.asarray(np.where(np.isfinite(self.traffic(cell, ifmap)), np.stack(rows) + tile + ends, np.inf))

    def _step_cycles(self, place: int, cell: Cell, ifmap: float, tile: Bytes, count: dict[str, Bytes]) -> Bytes:
        """Cycles of all steps from one tile to the next under one order."""
        order, rate = self.orders[place], self.problem.bytes_per_cycle * SUSTAINED
        crossing = [name not in self.problem.resident for name in ("filter", "ofmap")]
        visits = repeats(order, "K", count)
        psums, outputs = self._of(self.psums, cell), self._of(self.outputs, cell) * crossing[1]
        filters = np.where(np.isfinite(f := self._of(self.filters, cell)), f, 0) * crossing[0]
        of_tile = {
            "MK": ifmap * self.moves_ifmap / (count["M"] * count["K"]),
            "NK": filters / (count["N"] * count["K"]),
            "MN": (outputs + 2 * psums * (visits - 1)) / (visits * count["M"] * count["N"]),
        }
        cycles, times = np.zeros_like(tile), np.ones_like(tile)
        for depth, dimension in enumerate(order):
            moved = np.zeros_like(tile)
            for axes, size in of_tile.items():
                inner = np.zeros(tile.shape, bool)
                for other in order[depth + 1 :]:
                    inner |= (count[other] > 1) & (other in axes)
                moved = moved + size * (inner | (dimension in axes))
            cycles = cycles + times * (count[dimension] - 1) * np.maximum(tile, moved / rate)
            times = times * count[dimension]
        return cycles


def compute_cycles(program: Program, count: dict[str, Bytes], *, is_timed: bool) -> Bytes:
    """Busy cycles by tiling: the whole GEMM's, and what cuts of T and further tiles add.

    Where values decide and no transfer takes time, one cycle stands for any number of them: all tilings have as many.
    """
    trace, t, tiles = program.trace, count[program.grain.whole], count["M"] * count["N"] * count["K"]
    whole = 1
    if is_timed or program.prices_cuts:
        whole = program.work(Tile(0, trace.M, 0, trace.N, 0, trace.K)).cycles
    added = program.cut_cycles * (t - 1) + program.fill_cycles * (tiles - t)
    return np.asarray(whole + added)
