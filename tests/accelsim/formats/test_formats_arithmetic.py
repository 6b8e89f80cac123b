"""Storage by formula against storage by encoding, and against the published cells that it bounds."""

import numpy as np
import pytest

from accelsim.errors import TraceError
from accelsim.formats import encode
from accelsim.formats.arithmetic import (
    absolute_store_bits,
    best_relative_width,
    relative_entries_at_least,
    relative_store_bits,
    value_store_bits,
)


@pytest.mark.parametrize(("density", "index_bits"), [(0.05, 4), (0.05, 2), (0.2, 1), (0.01, 6)])
def test_the_bound_is_what_random_patterns_take_on_average(density, index_bits):
    rng = np.random.default_rng(1)
    matrix = (rng.random((400, 1000)) < density).astype(np.int64)
    got = encode(matrix, "csr_relative", value_bits=2, index_bits=index_bits)
    entries = np.count_nonzero(matrix) + got.padding_entries
    assert entries == pytest.approx(relative_entries_at_least(np.count_nonzero(matrix), density, index_bits), rel=0.02)
    assert got.bits == entries * (2 + index_bits)


def test_absolute_storage_is_the_encoders_own():
    rng = np.random.default_rng(2)
    for shape in ((20, 25), (50, 500), (500, 800), (64, 64), (65, 129)):
        matrix = (rng.random(shape) < 0.1).astype(np.int64)
        got = absolute_store_bits(int(matrix.sum()), *shape, value_bits=3)
        assert got == encode(matrix, "csr_absolute", value_bits=3).bits


def test_lenet_5_convolutions_take_the_published_kilobytes():
    """001 Table XIV: 25.5K weights pruned 114.3 times to 223, of 3 bits: 0.93 KB absolute, 0.39 KB relative."""
    extents = absolute_store_bits(0, 20, 25, 3) + absolute_store_bits(0, 50, 500, 3)
    absolute = extents + 223 * (3 + 6)
    assert absolute / 8000 == pytest.approx(0.933, abs=0.001)
    width = best_relative_width(223, 223 / 25_500, 3)
    bound = relative_store_bits(223, 223 / 25_500, 3, width) / 8000
    assert (width, round(bound, 3)) == (9, 0.338)
    assert bound <= 0.39


def test_values_alone_and_bad_figures():
    assert value_store_bits(1000, 3) == 3000
    for density, width in ((0, 4), (1.1, 4), (0.5, 0), (0.5, 33)):
        with pytest.raises(TraceError):
            relative_entries_at_least(10, density, width)
