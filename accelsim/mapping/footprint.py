"""Footprint of a tiling: the bytes that one pass over an operand moves, and what its largest tile needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays.base import Program, ceil_div

Span = tuple[int, int]
Sizes = NDArray[np.int64]
MOST_SHARED = 512  # footprints that are kept for further machines, of some 100 KB each


def bytes_of(bits: int) -> int:
    """Packed bytes of a tile: ⌈bits / 8⌉."""
    return ceil_div(bits, 8)


def spans(size: int, step: int) -> list[Span]:
    """Tile edges along one dimension."""
    return [(start, min(start + step, size)) for start in range(0, size, step)]


def edges(size: int, step: int) -> NDArray[np.int64]:
    """The same edges as one rising array, its ends included."""
    return np.append(np.arange(0, size, step), size)


_SHARED: dict[object, Footprint] = {}


class Footprint:
    """Tile sizes of one GEMM in bytes, measured once each. Sums are over all tiles of a grid, one pass."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.size = {"M": program.trace.M, "N": program.trace.N, "K": program.trace.K}
        self.measured: dict[tuple[str, int, int], tuple[int, int]] = {}
        self.filters_measured: dict[tuple[int, int], tuple[int, int, int]] = {}
        self.tables: dict[object, Any] = {}  # TileSizes of the searches, by the sizes and orders that they try

    def ifmap(self, m: int, k: int) -> tuple[int, int]:
        """Bytes of all ifmap tiles and of the largest."""
        if self.program.trace.conv is None:
            return self._measure("M", m, k, lambda a, b: bytes_of(self.program.ifmap_bits(*a, *b)))
        if ("M", m, k) not in self.measured:
            self.measured["M", m, k] = self._ifmap_of_conv(m, k)
        return self.measured["M", m, k]

    def ifmap_at_least(self, k: int) -> int:
        """No tiling of M moves less than this: the bytes without any halo."""
        return self.ifmap(self.size["M"], k)[0]

    def first_ifmap(self, m: int, k: int) -> int:
        """Bytes of the first tile alone; the largest is no smaller."""
        return bytes_of(self.program.ifmap_bits(0, min(m, self.size["M"]), 0, min(k, self.size["K"])))

    def _ifmap_of_conv(self, m: int, k: int) -> tuple[int, int]:
        trace, total, largest = self.program.trace, 0, 0
        kinds = Counter(self._first_of_kind(*span) for span in spans(self.size["K"], k))
        for span, count in kinds.items():
            sizes = -(-self.program.groups * trace.touched_by_tile(m, *span) * trace.activation_bits // 8)
            total, largest = total + count * int(sizes.sum()), max(largest, int(sizes.max()))
        return total, largest

    def _first_of_kind(self, k0: int, k1: int) -> Span:
        """The first span along K that reads the same taps of as many channels."""
        conv = self.program.trace.conv
        if conv is None or conv.columns is not None:
            return k0, k1
        shift = k0 // conv.taps * conv.taps
        return k0 - shift, k1 - shift

    def filters(self, n: int, k: int) -> tuple[int, int]:
        """Bytes of all filter tiles, indices included, and of the largest."""
        return self.filter_tiles(n, k)[:2]

    def filter_tiles(self, n: int, k: int) -> tuple[int, int, int]:
        """Bytes of all filter tiles, indices included, of the largest and of the first."""

        def size(a: Span, b: Span) -> int:
            return bytes_of(self.program.weight_bits(*a, *b)) + bytes_of(self.program.index_bits(*a, *b))

        if self.program.uniform_weights:
            total, largest = self._measure("N", n, k, size)
            return total, largest, largest  # the first tile is a full one
        if (n, k) not in self.filters_measured:
            self.filters_measured[n, k] = self._every_filter_tile(n, k)
        return self.filters_measured[n, k]

    def _every_filter_tile(self, n: int, k: int) -> tuple[int, int, int]:
        bits = self.program.bits_of_tiles(edges(self.size["N"], n), edges(self.size["K"], k))
        sizes = np.asarray(sum(-(-of_tiles // 8) for of_tiles in bits))
        return int(sizes.sum()), int(sizes.max()), int(sizes.flat[0])

    def _measure(self, axis: str, step: int, k: int, size: Callable[[Span, Span], int]) -> tuple[int, int]:
        """Sum and maximum over the grid where only sizes matter: one tile of each size is asked."""
        if (axis, step, k) not in self.measured:
            tiles = product(_distinct(self.size[axis], step), _distinct(self.size["K"], k))
            sizes = [(size(a, b), x * y) for (a, x), (b, y) in tiles]
            self.measured[axis, step, k] = sum(s * n for s, n in sizes), max(s for s, _ in sizes)
        return self.measured[axis, step, k]

    def outputs(self, m: Sizes, n: Sizes) -> Sizes:
        """Bytes of all finished output tiles, for arrays of sizes."""
        return self._outputs(m, n, self.program.output_bits)

    def psums(self, m: Sizes, n: Sizes) -> Sizes:
        """Bytes of all output tiles as partial sums, for arrays of sizes."""
        return self._outputs(m, n, self.program.array.accumulator_bits)

    def _outputs(self, m: Sizes, n: Sizes, bits: int) -> Sizes:
        """Full tiles, those at the end of either dimension, and the one at the end of both."""
        (full_m, rest_m), (full_n, rest_n) = np.divmod(self.size["M"], m), np.divmod(self.size["N"], n)
        total = full_m * full_n * -(-m * n * bits // 8) + full_m * -(-m * rest_n * bits // 8)
        return np.asarray(total + full_n * -(-rest_m * n * bits // 8) + -(-rest_m * rest_n * bits // 8))

    def resident_outputs(self, m: Sizes, n: Sizes, k: Sizes) -> Sizes:
        """Bytes that the largest output tiles take in their buffer, for arrays of sizes no larger than the layer."""
        psum, output = self.program.array.accumulator_bits, self.program.output_bits
        bits = [psum if self.program.spills_psums(int(step)) else output for step in k.flat]
        return np.asarray(-(-m * n * np.array(bits, np.int64).reshape(k.shape) // 8))

    def resident_output(self, m: int, n: int, k: int) -> int:
        """Bytes that the largest output tile takes in its buffer while K is worked off in steps of k."""
        leave = self.program.spills_psums(k)
        bits = self.program.array.accumulator_bits if leave else self.program.output_bits
        return bytes_of(min(m, self.size["M"]) * min(n, self.size["N"]) * bits)

    def need(self, m: int, n: int, k: int) -> dict[str, int]:
        """Bytes of the largest tile by buffer."""
        return {
            "ifmap": self.ifmap(m, k)[1],
            "filter": self.filters(n, k)[1],
            "ofmap": self.resident_output(m, n, k),
        }


def shape_key(program: Program) -> object:
    """What the bytes of a program's tiles depend on, where no value changes them; else None."""
    if not program.uniform_weights or type(program).ifmap_bits is not Program.ifmap_bits:
        return None
    trace, array = program.trace, program.array
    return type(program), array, program.groups, trace.M, trace.N, trace.K, trace.conv, trace.number_format


def footprint_of(program: Program) -> Footprint:
    """The footprint of a program; equal shapes on equal arrays share one, whatever machine they are in."""
    key = shape_key(program)
    if key is None:
        return Footprint(program)
    footprint = _SHARED.pop(key, None) or Footprint(program)
    _SHARED[key] = footprint  # the last one that was asked for is the last to go
    if len(_SHARED) > MOST_SHARED:
        _SHARED.pop(next(iter(_SHARED)), None)
    return footprint


def _distinct(size: int, step: int) -> list[tuple[Span, int]]:
    """One tile of each size along a dimension, and how many there are."""
    step, full = min(step, size), size // min(step, size)
    return [((0, step), full)] + [((full * step, size), 1)] * (size % step > 0)
