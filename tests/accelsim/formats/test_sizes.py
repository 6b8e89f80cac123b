"""Sizes without encoding are those of `encode`, and no tiling takes less than the least."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.formats import encode
from accelsim.formats.sizes import best_run_bits, least_bits, packed_size

TENSORS = st.lists(st.sampled_from([0] * 6 + [1, -2, 3]), min_size=1, max_size=300)


@settings(max_examples=200, deadline=None)
@given(TENSORS, st.integers(1, 8), st.sampled_from(["rle", "bitmap"]))
def test_sizes_are_those_of_encode(values, run_bits, packing):
    flat = np.array(values)
    encoded = encode([values], packing, value_bits=5, index_bits=run_bits if packing == "rle" else None)
    size = packed_size(flat, packing, 5, run_bits)
    assert (size.bits, size.index_bits) == (encoded.bits, encoded.index_bits_total)
    assert size.entries * 5 == encoded.value_bits_total
    if packing == "rle":
        assert best_run_bits(flat, 5) == encode([values], "rle", value_bits=5).index_bits


@settings(max_examples=200, deadline=None)
@given(TENSORS, st.integers(1, 5), st.integers(1, 40), st.sampled_from(["rle", "bitmap"]), st.randoms())
def test_no_order_and_no_cut_takes_less_than_the_least(values, run_bits, step, packing, rng):
    rng.shuffle(values)
    tiles = [np.array(values[at : at + step]) for at in range(0, len(values), step)]
    cut = sum(packed_size(tile, packing, 8, run_bits).bits for tile in tiles)
    assert cut >= least_bits(len(values), int(np.count_nonzero(values)), packing, 8, run_bits)


@pytest.mark.parametrize(("packing", "bits"), [("bitmap", 1000), ("rle", 4 * (8 + 8))])
def test_zeros_alone_take_the_least_of_a_format(packing, bits):
    # a mask of 1,000 bits; runs of 255 zeros and a zero value: 1,000 = 3 x 256 + 232, 4 entries of 16 bits
    zeros = np.zeros(1000, int)
    assert packed_size(zeros, packing, 8, 8).bits == least_bits(1000, 0, packing, 8, 8) == bits
