"""What low-bit arrays that keep their outputs in place share: the folds of a systolic `os` array with a length T."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from typing import Literal

from accelsim.arrays.base import Grain, PEArray, Program, Size, Tile, Work, ceil_div


class OutputStationary(PEArray):
    """R rows × C cols; a fold of temporal length T takes T + R + C − 2 cycles (DESIGN section 11, the `os` row)."""

    rows: Size = 16
    cols: Size = 16
    dataflow: Literal["os"] = "os"


class OutputStationaryProgram(Program):
    """⌈M/R⌉·⌈N/C⌉ folds; a subclass says how long one is and what happens in a PE."""

    array: OutputStationary
    uniform_weights = True

    @property
    def k_step(self) -> int:
        """Elements along K that one step of T takes; tiles cut K in multiples of it."""
        return 1

    @property
    def codes_per_weight(self) -> int:
        """Codes of `weight_bits` bits each that one weight is stored in."""
        return 1

    @abstractmethod
    def steps(self, k: int) -> int:
        """T: steps of a fold that reduces k elements."""

    @abstractmethod
    def operation_counts(self, m: int, n: int, k: int) -> Counter[str]:
        """`macs_executed`, `register_bits` and the array's own counters for m·n outputs over k elements."""

    @property
    def grain(self) -> Grain:
        """Multiples of R along M and C along N; a cut of K pays every fold's fill again."""
        return Grain(self.array.rows, self.array.cols, self.k_step, "K", frozenset({"K"}))

    def psums_leave(self, k: int) -> bool:
        """Outputs stay in their PEs for a whole K."""
        return k < self.trace.K

    def work_key(self, tile: Tile) -> object:
        """Only sizes matter, and whether psums come back."""
        return tile.shape, tile.k0 > 0

    def work(self, tile: Tile) -> Work:
        """Folds times their cycles; every fold reads its rows of the ifmap and its filters once."""
        m, n, k = tile.shape
        over_m, over_n = ceil_div(m, self.array.rows), ceil_div(n, self.array.cols)
        cycles = over_m * over_n * (self.steps(k) + self.array.rows + self.array.cols - 2)
        counts = Counter(
            sram_ifmap_reads=m * k * over_n,
            sram_filter_reads=n * k * self.codes_per_weight * over_m,
            sram_ofmap_writes=m * n,
            sram_psum_reads=m * n if tile.k0 > 0 else 0,
        )
        counts.update(self.operation_counts(m, n, k))
        return Work(cycles, counts)

    def weight_bits(self, n0: int, n1: int, k0: int, k1: int) -> int:
        """All codes of every weight."""
        return (n1 - n0) * (k1 - k0) * self.codes_per_weight * self.trace.weight_bits
