"""bitmap_rows: rows × cols MACs; a column walks the nonzeros of its filter, which travels as a bitmap and values."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from accelsim.arrays.base import Grain, PEArray, Size, Tile, Work, ceil_div
from accelsim.arrays.common.compressed import CompressedProgram
from accelsim.arrays.counters import Cause, CounterSpec, idle
from accelsim.trace.gemm import GemmTrace

WORD = 64  # elements along K of one word of the bitmap


class BitmapRowsArray(PEArray):
    """A pass gives row i pixel m0 + i and column j filter n0 + j; it ends with the column that takes longest.

    A column reads the bitmap of its filter word by word, 64 k each, and spends a cycle on each nonzero and one on a
    word without any; all rows of the column multiply that weight with their own pixel's activation. Lost MAC slots:
    `empty`, words without a nonzero; `wait`, columns that wait for the slowest one; `edge`, rows without a pixel and
    columns without a filter.
    """

    kind: Literal["bitmap_rows"] = "bitmap_rows"
    scalable: ClassVar[tuple[str, ...]] = ("rows", "cols")
    counters: ClassVar[tuple[CounterSpec, ...]] = (
        idle("bitmap_rows_idle_empty", Cause.INDEX, "MACs of columns that read a word without a nonzero"),
        idle("bitmap_rows_idle_wait", Cause.IMBALANCE, "MACs of columns that wait for the slowest of their pass"),
        idle("bitmap_rows_idle_edge", Cause.EDGE, "MACs of rows without a pixel and columns without a filter"),
    )
    rows: Size = 16
    cols: Size = 16

    @property
    def peak_macs(self) -> int:
        """One MAC a PE a cycle."""
        return self.rows * self.cols

    def program(self, trace: GemmTrace) -> BitmapRowsProgram:
        """Any layer of multiplications: the values are integers."""
        return BitmapRowsProgram(self, trace)

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """A MAC, an activation and an accumulator a PE; a word, a weight and a decoder of the lowest bit a column."""
        bits = self.peak_macs * (activation_bits + self.accumulator_bits) + self.cols * (WORD + weight_bits)
        return {"mac": float(self.peak_macs), "register_bit": float(bits), "decoder": float(self.cols)}


class BitmapRowsProgram(CompressedProgram):
    """One GEMM on BitmapRowsArray. An entry is a nonzero; each element has a bit beside it."""

    array: BitmapRowsArray
    unit_k = WORD

    @cached_property
    def word_counts(self) -> NDArray[np.int64]:
        """Nonzeros of every word, (N, ⌈K / 64⌉); all its elements where the weights have no values."""
        n, k, starts = self.trace.N, self.trace.K, np.arange(0, self.trace.K, WORD)
        if self.is_shape:
            return np.broadcast_to(np.minimum(WORD, k - starts), (n, len(starts)))
        return np.add.reduceat(self.trace.weight_tile(0, n, 0, k) != 0, starts, axis=1, dtype=np.int64)

    def entry_counts(self) -> NDArray[np.int64]:
        """Nonzeros."""
        return self.word_counts

    def fixed_index_bits(self, n: NDArray[np.int64], k: NDArray[np.int64]) -> NDArray[np.int64]:
        """A bit an element."""
        return n * k

    @property
    def grain(self) -> Grain:
        """Whole passes and whole words; a cut of K makes the columns wait for one another once more."""
        return Grain(self.array.rows, self.array.cols, WORD, "K", frozenset({"K"}))

    def work(self, tile: Tile) -> Work:
        """Passes of pixels over groups of filters, each group as long as its slowest column."""
        (m, n, k), array = tile.shape, self.array
        words = self.word_counts[tile.n0 : tile.n1, tile.k0 // WORD : ceil_div(tile.k1, WORD)]
        columns = np.maximum(words, 1).sum(axis=1)
        groups = np.maximum.reduceat(columns, np.arange(0, n, array.cols))
        slowest = np.repeat(groups, array.cols)[:n]
        nonzeros, passes = int(words.sum()), ceil_div(m, array.rows)
        cycles = passes * int(groups.sum())
        executed, index_bits = m * nonzeros, passes * n * k
        operands = executed * self.trace.activation_bits + passes * nonzeros * self.trace.weight_bits
        counts = self.count(
            macs_executed=executed,
            sram_ifmap_reads=executed,
            sram_filter_reads=passes * nonzeros,
            sram_index_bits=index_bits,
            sram_ofmap_writes=tile.outputs,
            sram_psum_reads=tile.psums,
            register_bits=operands + index_bits + (executed + tile.psums) * array.accumulator_bits,
            decodes=passes * nonzeros,
            bitmap_rows_idle_empty=m * int((words == 0).sum()),
            bitmap_rows_idle_wait=m * int((slowest - columns).sum()),
            bitmap_rows_idle_edge=cycles * array.peak_macs - m * int(slowest.sum()),
        )
        return Work(cycles, counts)

    def functional(self) -> NDArray[np.int64]:
        """The walk over the bitmap, whose values are packed."""
        from bitmap_rows.kernels import walk

        weight = self.trace.weight_tile(0, self.trace.N, 0, self.trace.K).astype(np.int64)
        out = np.zeros((self.trace.M, self.trace.N), np.int64)
        for pixels, activations in self.activation_slices():
            walk(weight != 0, weight[weight != 0], activations, out[pixels])
        return out
