"""A new array on the base of compressed ones: bitmaps of 64 k, in few lines, and held to all laws."""

from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
import pytest

from accelsim import GemmTrace
from accelsim.arrays.base import Grain, PEArray, Size, Tile, Work, ceil_div
from accelsim.arrays.common.compressed import CompressedProgram
from accelsim.arrays.common.tile_sums import UnitSums
from accelsim.arrays.counters import Cause, idle
from accelsim.testing import SparseConformance

WORD = 64


class BitmapArray(PEArray):
    """Filter n belongs to PE n mod pes; of each pixel it takes a nonzero a cycle, and an empty word takes one too."""

    kind: Literal["bitmap"] = "bitmap"
    scalable: ClassVar = ("pes",)
    counters: ClassVar = (
        idle("bitmap_idle_empty", Cause.INDEX, "PEs that look at a word without a nonzero"),
        idle("bitmap_idle_imbalance", Cause.IMBALANCE, "PEs that wait for the busiest, or got no filter"),
    )
    pes: Size = 16

    @property
    def peak_macs(self):
        return self.pes

    def program(self, trace):
        return BitmapProgram(self, trace)

    def logic(self, weight_bits, activation_bits):
        return {"mac": self.pes, "register_bit": self.pes * (self.accumulator_bits + WORD), "decoder": self.pes}


class BitmapProgram(CompressedProgram):
    unit_k = WORD

    @cached_property
    def nonzero(self):
        trace = self.trace
        return np.ones((trace.N, trace.K), bool) if self.is_shape else trace.weight_tile(0, trace.N, 0, trace.K) != 0

    def entry_counts(self):
        return np.add.reduceat(self.nonzero, np.arange(0, self.trace.K, WORD), axis=1, dtype=np.int64)

    def fixed_index_bits(self, n, k):
        return n * k

    @property
    def grain(self):
        return Grain(1, self.array.pes, WORD, "K", frozenset({"N", "K"}))

    def work(self, tile):
        m, n, k = tile.shape
        counts = self.entry_counts()[tile.n0 : tile.n1, tile.k0 // WORD : ceil_div(tile.k1, WORD)]
        filters = np.maximum(counts, 1).sum(axis=1)
        pes = np.pad(filters, (0, -n % self.array.pes)).reshape(-1, self.array.pes).sum(axis=0)
        cycles, entries, empty = int(pes.max()) * m, int(counts.sum()) * m, int((counts == 0).sum()) * m
        lost = cycles * self.array.pes - entries - empty
        return Work(cycles, self.count(
            macs_executed=entries, decodes=entries, sram_ifmap_reads=entries, sram_filter_reads=entries,
            sram_index_bits=m * n * k, sram_ofmap_writes=m * n, sram_psum_reads=tile.psums,
            register_bits=entries * self.array.accumulator_bits,
            bitmap_idle_empty=empty, bitmap_idle_imbalance=lost,
        ))  # fmt: skip

    def functional(self):
        trace = self.trace
        out = np.zeros((trace.M, trace.N), np.int64)
        weight = trace.weight_tile(0, trace.N, 0, trace.K).astype(np.int64)
        for pixels, x in self.activation_slices():
            for n, bits in enumerate(self.nonzero):
                out[pixels, n] = x[:, bits] @ weight[n, bits]
        return out


class TestBitmap(SparseConformance):
    arrays = (BitmapArray(pes=4), BitmapArray(pes=7, output_bits=16))

    def stored_bits(self, array, w):
        return np.count_nonzero(w) * 8, w.size


for test in [name for name in dir(SparseConformance) if name.startswith("test_") and "program" not in name]:
    setattr(TestBitmap, test, None)  # whole machines know the kinds that ship


def trace(**more):
    rng = np.random.default_rng(1)
    return GemmTrace("t", weight=rng.choice([0, 0, 0, 5, -9, 17], (10, 150)), M=3, **more)


def test_bits_come_from_entries_and_sizes():
    program = BitmapArray(pes=4).program(trace())
    weight = program.trace.weight
    assert program.entries(4, 8, 64, 150) == np.count_nonzero(weight[4:8, 64:])
    assert program.weight_bits(4, 8, 64, 150) == np.count_nonzero(weight[4:8, 64:]) * 8
    assert program.index_bits(4, 8, 64, 150) == 4 * 86
    weights, indices = program.bits_of_tiles(np.array([0, 8, 10]), np.array([0, 128, 150]))
    assert weights.sum() == np.count_nonzero(weight) * 8
    assert indices.tolist() == [[8 * 128, 8 * 22], [2 * 128, 2 * 22]]
    assert not program.uniform_weights


def test_a_shape_has_an_entry_a_weight():
    program = BitmapArray(pes=4).program(GemmTrace("s", M=3, N=10, K=150))
    assert program.uniform_weights
    assert program.entries(4, 8, 64, 150) == 4 * 86
    assert program.work_key(Tile(0, 1, 0, 4, 64, 128)) == program.work_key(Tile(1, 2, 4, 8, 64, 128))


@pytest.mark.parametrize(("looks_up", "bits"), [(True, 3), (False, 8)])
def test_an_entry_of_a_codebook_is_its_code_where_the_array_looks_it_up(looks_up, bits):
    class Program(BitmapProgram):
        looks_up_codebook = looks_up

    program = Program(BitmapArray(pes=4), trace(weight_coding="codebook", codebook_bits=3))
    assert program.stored_weight_bits == bits
    assert program.weight_bits(0, 10, 0, 150) == np.count_nonzero(program.trace.weight) * bits


def test_sums_of_units():
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 9, (10, 150))
    units = np.add.reduceat(np.add.reduceat(matrix, [0, 4, 8], axis=0), [0, 64, 128], axis=1)
    sums = UnitSums(units, 4, 64)
    assert sums.of_tile(4, 10, 64, 150) == matrix[4:, 64:].sum()
    assert sums.of_rows(4, 10, 64, 128).tolist() == [matrix[4:8, 64:128].sum(), matrix[8:, 64:128].sum()]
    every = sums.of_tiles(np.array([0, 4, 10]), np.array([0, 128, 150]))
    assert every.tolist() == [
        [matrix[:4, :128].sum(), matrix[:4, 128:].sum()],
        [matrix[4:, :128].sum(), matrix[4:, 128:].sum()],
    ]
