"""What low-bit arrays that keep their outputs in place share: the folds of a systolic `os` array with a length T."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal, NamedTuple

from ..base import BufferPorts, Grain, PEArray, Port, Program, Size, Tile, Work, buffer_ports, ceil_div


class OutputStationaryArray(PEArray):
    """R rows × C cols; a fold of temporal length T takes T + R + C − 2 cycles (DESIGN section 11, the `os` row)."""

    scalable: ClassVar[tuple[str, ...]] = ("rows", "cols")
    rows: Size = 16
    cols: Size = 16
    dataflow: Literal["os"] = "os"

    @property
    def buffer_ports(self) -> BufferPorts:
        """R activations along the rows, C weights along the columns, C outputs or psums."""
        return buffer_ports(Port(1, self.rows), Port(1, self.cols), Port(1, self.cols))


class Streams(NamedTuple):
    """What enters the array for one fold of pixels, summed over a tile's folds of filters."""

    steps: int  # the T of every fold
    columns: int  # k whose activations are read, of every fold
    weights: int  # codes of weights read


class OutputStationaryProgram(Program):
    """⌈M/R⌉·⌈N/C⌉ folds; a subclass says how long one is and what happens in a PE."""

    array: OutputStationaryArray
    prices_cuts = True

    @property
    def uniform_weights(self) -> bool:
        """Every weight travels at equal bits."""
        return True

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
    def operation_counts(self, m: int, n: int, k: int) -> dict[str, int]:
        """`macs_executed`, `register_bits` and the array's own counters for m·n outputs over k elements."""

    def streams(self, tile: Tile) -> Streams:
        """All k of all filters."""
        _, n, k = tile.shape
        folds = ceil_div(n, self.array.cols)
        return Streams(folds * self.steps(k), folds * k, n * k * self.codes_per_weight)

    def tile_counts(self, tile: Tile) -> dict[str, int]:
        """`operation_counts` of a tile."""
        return self.operation_counts(*tile.shape)

    @property
    def grain(self) -> Grain:
        """Multiples of R along M and C along N; a cut of K pays every fold's fill again."""
        return Grain(self.array.rows, self.array.cols, self.k_step, "K", frozenset({"K"}))

    @property
    def cut_cycles(self) -> int:
        """Every fold is filled once more."""
        rows, cols = self.array.rows, self.array.cols
        return ceil_div(self.trace.M, rows) * ceil_div(self.trace.N, cols) * (rows + cols - 2)

    def work_key(self, tile: Tile) -> object:
        """Only sizes matter, and whether psums come back."""
        return tile.shape, tile.k0 > 0

    def work(self, tile: Tile) -> Work:
        """Folds times their cycles; every fold reads its rows of the ifmap and its filters once."""
        m, n, _ = tile.shape
        over_m, over_n = ceil_div(m, self.array.rows), ceil_div(n, self.array.cols)
        streams = self.streams(tile)
        cycles = over_m * (streams.steps + over_n * (self.array.rows + self.array.cols - 2))
        counts = {
            "sram_ifmap_reads": m * streams.columns,
            "sram_filter_reads": streams.weights * over_m,
            "sram_ofmap_writes": m * n,
            "sram_psum_reads": tile.psums,
        }
        return Work(cycles, self.count(**counts, **self.tile_counts(tile)))

    def weight_bits(self, n0: int, n1: int, k0: int, k1: int) -> int:
        """All codes of every weight."""
        return (n1 - n0) * (k1 - k0) * self.codes_per_weight * self.trace.weight_bits
