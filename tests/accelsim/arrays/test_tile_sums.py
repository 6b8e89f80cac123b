"""Bits of all tiles of a grid at once against every tile asked alone."""

import numpy as np
import pytest

from accelsim import GemmTrace, load_hardware
from accelsim.arrays.base import Program
from accelsim.arrays.bitserial import BitserialArray
from accelsim.arrays.cambricon_x.array import CambriconXArray
from accelsim.arrays.csr_rows.array import CsrRowsArray
from accelsim.arrays.eie.array import EieArray
from accelsim.arrays.scnn.array import ScnnArray
from accelsim.arrays.sticker.array import StickerArray, StickerProgram
from accelsim.arrays.ternary.array import TernaryArray
from accelsim.mapping.footprint import TileBytes, bytes_of, edges, spans
from accelsim.trace.conv import ConvGeometry

ARRAYS = {
    "csr_rows": CsrRowsArray(pes=3),
    "csr_rows shift": CsrRowsArray(pes=2, mac="shift", terms=2),
    "cambricon_x": CambriconXArray(pes=4, multipliers=8),
    "ternary": TernaryArray(rows=2, cols=5),
    "ternary without skipping": TernaryArray(rows=2, cols=5, zero_skipping=False),
    "eie": EieArray(pes=6),
    "sticker": StickerArray(pe_rows=2, pe_cols=3),
    "scnn": ScnnArray(),
    "bitserial": BitserialArray(rows=2, cols=3, word_bits=32),
}


def trace_for(name, rng):
    """Ternary integers of some density, which every array runs; a convolution for the one that runs nothing else."""
    n, k = int(rng.integers(1, 40)), int(rng.integers(1, 900))
    conv = None
    if name == "scnn":
        channels = int(rng.integers(1, 80))
        conv, k = ConvGeometry(1, channels, 6, 6, (3, 2)), channels * 6
    weight = rng.integers(-1, 2, (n, k)) * (rng.random((n, k)) < rng.choice([0.02, 0.3, 1.0]))
    bits = rng.integers(2, 7, n) if name == "bitserial" else None
    sizes = {"conv": conv} if conv else {"M": 3}
    coding = "pow2" if "shift" in name else "uniform"
    return GemmTrace("t", weight=weight, weight_bits=6, filter_bits=bits, weight_coding=coding, **sizes)


def is_dense(program):
    """Sticker stores weights of many nonzeros as they are."""
    return isinstance(program, StickerProgram) and program.weights.density == "dense"


@pytest.mark.parametrize("index", range(5))
@pytest.mark.parametrize("name", ARRAYS)
def test_all_tiles_at_once_are_every_tile_alone(name, index):
    rng = np.random.default_rng([index, len(name)])
    program = ARRAYS[name].program(trace_for(name, rng))
    sizes = TileBytes(program).size
    assert program.uniform_weights is (name == "ternary without skipping" or is_dense(program))
    for _ in range(4):
        n, k = (program.grain.n * int(rng.integers(1, 6)), program.grain.k * int(rng.integers(1, 6)))
        grid = edges(sizes["N"], n), edges(sizes["K"], k)
        assert type(program).bits_of_tiles is not Program.bits_of_tiles
        for found, alone in zip(program.bits_of_tiles(*grid), Program.bits_of_tiles(program, *grid), strict=True):
            assert found.shape == (len(grid[0]) - 1, len(grid[1]) - 1)
            np.testing.assert_array_equal(found, alone)
        each = [
            bytes_of(program.weight_bits(*a, *b)) + bytes_of(program.index_bits(*a, *b))
            for a in spans(sizes["N"], n) for b in spans(sizes["K"], k)
        ]  # fmt: skip
        assert TileBytes(program).filters(n, k) == (sum(each), max(each))


@pytest.mark.parametrize("name", ["sparse/csr-rows-16x16", "dense/os-16x16"])
def test_shapes_ask_one_tile_of_each_size(name):
    program = load_hardware(name).array.program(GemmTrace("t", M=1, N=100, K=1000))
    bits = TileBytes(program)
    every = [
        bytes_of(program.weight_bits(*a, *b)) + bytes_of(program.index_bits(*a, *b))
        for a in spans(100, 32) for b in spans(1000, 128)
    ]  # fmt: skip
    assert bits.filters(32, 128) == (sum(every), max(every))
