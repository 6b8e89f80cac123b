"""What the tiles of every size tried take, as arrays: measured once a GEMM, whatever the buffers and the DRAM.

A place along M is `a`, along N `b` and along K `c`, in the order of the sizes tried, largest first. All figures are
whole numbers in doubles, exact below 2^53.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import isnan, nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .footprint import Footprint, Sizes

Numbers = NDArray[np.float64]
FREE = "NKM"  # the dimension that the ifmap, outputs and filters are not indexed by


class Tables(NamedTuple):
    """Arrays that the kernels read. `no_halo`, `first`, `total` and `largest` are nan until somebody asks for them.

    `psums` are written and read back. `need` has the bytes of the largest output tile in its buffer, as outputs and as
    psums, and `spills` which of them a size along K needs. `repeats`: whether an operand (in the order of FREE) is
    moved again for each step of its free dimension, by which dimensions are cut, and by loop order; `distinct`: how
    many loop orders differ in that, and which.
    """

    size: Sizes
    count_m: Numbers
    count_n: Numbers
    count_k: Numbers
    m: Sizes
    n: Sizes
    k: Sizes
    filters: Numbers
    largest_filters: Numbers
    first_filters: Numbers
    outputs: Numbers
    psums: Numbers
    last_output: Numbers
    need: Numbers
    spills: Sizes
    no_halo: Numbers
    first: Numbers
    total: Numbers
    largest: Numbers
    repeats: NDArray[np.bool_]
    distinct: Sizes
    orders: Sizes


class TileSizes:
    """The tables of a GEMM under its options (sizes by dimension, largest first) and loop orders."""

    def __init__(self, footprint: Footprint, options: dict[str, list[int]], orders: Sequence[str]) -> None:
        self.footprint, self.options, self.orders = footprint, options, orders
        self.least_traffic: dict[object, Numbers] = {}  # without halo, by what it depends on beside
        size = np.array([footprint.size[d] for d in "MNK"], np.int64)
        m, n, k = (np.array(options[d], np.int64) for d in "MNK")
        count_m, count_n, count_k = (-(-size[at] // along) for at, along in enumerate((m, n, k)))
        last_m, last_n = size[0] - (count_m - 1) * m, size[1] - (count_n - 1) * n
        filters, largest, first = self._filters()
        unknown, program = np.full((m.size, k.size), nan), footprint.program
        output_bits, psum_bits = program.output_bits, program.array.accumulator_bits
        repeats, distinct = _repeats(orders)
        self.tables = Tables(
            size, count_m.astype(np.float64), count_n.astype(np.float64), count_k.astype(np.float64), m, n, k, filters,
            largest_filters=largest, first_filters=first,
            outputs=footprint.outputs(m[:, None], n[None]).astype(np.float64),
            psums=2 * footprint.psums(m[:, None], n[None]).astype(np.float64),
            last_output=_bytes(last_m, last_n, output_bits),
            need=np.stack([_bytes(m, n, output_bits), _bytes(m, n, psum_bits)], axis=2),
            spills=np.array([program.spills_psums(step) for step in options["K"]], np.int64),
            no_halo=np.full(k.size, nan), first=unknown, total=unknown.copy(), largest=unknown.copy(),
            repeats=repeats, distinct=distinct,
            orders=np.array([["MNK".index(d) for d in order] for order in orders], np.int64),
        )  # fmt: skip

    def _filters(self) -> tuple[Numbers, Numbers, Numbers]:
        """Bytes of one pass over the filters, of the largest and of the first tile."""
        found = [self.footprint.filter_tiles(n, k) for n, k in product(self.options["N"], self.options["K"])]
        shape = len(self.options["N"]), len(self.options["K"]), 3
        total, largest, first = np.moveaxis(np.array(found, np.float64).reshape(shape), 2, 0).copy()
        return total, largest, first

    def measure_first(self, a: int, c: int) -> float:
        """Bytes of the first ifmap tile of these sizes."""
        known = float(self.tables.first[a, c])
        if isnan(known):
            known = self.tables.first[a, c] = self.footprint.first_ifmap(self.options["M"][a], self.options["K"][c])
        return known

    def first_tiles(self, places: list[tuple[int, int]]) -> Numbers:
        """Of several sizes along M and K."""
        return np.array([self.measure_first(a, c) for a, c in places])

    def measure_no_halo(self, c: int) -> None:
        """Bytes of one pass over the ifmap in one tile along M."""
        if isnan(self.tables.no_halo[c]):
            self.tables.no_halo[c] = self.footprint.ifmap_at_least(self.options["K"][c])

    def measure_all(self, a: int, c: int) -> None:
        """Bytes of one pass over the ifmap in tiles of these sizes, and of the largest."""
        total, largest = self.footprint.ifmap(self.options["M"][a], self.options["K"][c])
        self.tables.total[a, c], self.tables.largest[a, c] = total, largest


def _bytes(m: Sizes, n: Sizes, bits: int) -> Numbers:
    """Of output tiles, by size along M and N."""
    return np.asarray(-(-m[:, None] * n[None] * bits // 8), np.float64)


def _repeats(orders: Sequence[str]) -> tuple[NDArray[np.bool_], Sizes]:
    """Which operands each order moves again, by the bits of the dimensions that are cut: 1 for M, 2 for N, 4 for K."""
    table, distinct = np.zeros((8, len(orders), 3), np.bool_), np.zeros((8, len(orders) + 1), np.int64)
    for cut in range(8):
        for place, order in enumerate(orders):
            for operand, free in enumerate(FREE):
                inner = order[order.index(free) + 1 :]
                table[cut, place, operand] = any(cut >> "MNK".index(d) & 1 for d in inner)
        first = {table[cut, place].tobytes(): place for place in reversed(range(len(orders)))}
        places = sorted(first.values())
        distinct[cut, : len(places) + 1] = len(places), *places
    return table, distinct
