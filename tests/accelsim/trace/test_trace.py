"""Traces: what they take, what they refuse, and what they promise of values and shapes."""

import numpy as np
import pytest

from accelsim import GemmTrace
from accelsim.errors import TraceError


def test_a_shape_has_no_values():
    trace = GemmTrace("s", M=3, N=4, K=5, groups=2, repeat=7)
    assert trace.macs == 7 * 2 * 3 * 4 * 5
    assert trace.weight is None
    assert trace.activation is None
    with pytest.raises(TraceError, match="is a shape"):
        trace.weight_tile(0, 1, 0, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"M": 3, "N": 4}, "K of trace"),
        ({"M": 0, "N": 4, "K": 5}, "M of trace"),
        ({"M": 3, "N": -1, "K": 5}, "N of trace"),
        ({"weight": np.ones((2, 3)), "M": 1}, "float64"),
        ({"weight": np.array([[1.0, np.nan]]), "M": 1}, r"nan at \(0, 1\)"),
        ({"weight": np.ones((2, 3), int), "activation": np.ones((2, 4), int)}, "K of trace"),
        ({"weight": np.full((2, 3), 200), "M": 1}, "holds 200; its format allows -128 to 127"),
        ({"weight": np.full((2, 3), 2), "M": 1, "weight_bits": 2}, "allows -2 to 1"),
        ({"M": 1, "N": 1, "K": 1, "weight_bits": 0}, "weight_bits"),
        ({"M": 1, "N": 1, "K": 1, "activation_bits": 33}, "activation_bits"),
        ({"M": 1, "N": 1, "K": 1, "weight_coding": "huffman"}, "weight_coding"),
        ({"M": 1, "N": 1, "K": 1, "groups": 0}, "groups"),
        ({"weight": np.ones((3, 3), int), "M": 1, "groups": 2}, "N of trace"),
        (
            {"weight": np.arange(1, 20)[None], "M": 1, "weight_coding": "codebook", "codebook_bits": 4},
            "19 distinct nonzero values; a codebook of 4 bits has 16",
        ),
    ],
)
def test_contradictions_are_one_clear_line(arguments, said):
    with pytest.raises(TraceError, match=said):
        GemmTrace("t", **arguments)


def test_random_is_seeded_and_as_dense_as_asked():
    one, same, other = (
        GemmTrace.random("r", M=50, N=60, K=200, weight_density=0.1, activation_density=0.3, seed=s) for s in (1, 1, 2)
    )
    assert np.array_equal(one.weight, same.weight)
    assert np.array_equal(one.activation, same.activation)
    assert not np.array_equal(one.weight, other.weight)
    assert np.count_nonzero(one.weight) / one.weight.size == pytest.approx(0.1, abs=0.01)
    assert np.count_nonzero(one.activation) / one.activation.size == pytest.approx(0.3, abs=0.02)
    assert one.weight.min() < -100
    assert one.weight.max() > 100


def test_distributions():
    nm = GemmTrace.random("r", M=1, N=30, K=64, seed=3, distribution="2:4").weight
    assert (np.count_nonzero(nm.reshape(30, 16, 4), axis=2) == 2).all()
    blocked = GemmTrace.random("r", M=1, N=200, K=64, weight_density=0.25, seed=3, distribution="blocked").weight != 0
    assert set(blocked.reshape(-1, 16).sum(axis=1)) == {0, 16}
    with pytest.raises(TraceError, match="distribution"):
        GemmTrace.random("r", M=1, N=1, K=1, distribution="3:2")


def test_an_im2col_matrix_is_never_held_whole_above_64_mib():
    ifmap = np.zeros((1, 64, 130, 130), np.int8)
    trace = GemmTrace.from_conv("big", weight=np.ones((1, 64, 9, 9), int), ifmap=ifmap)
    assert trace.activation_tile(0, 10, 0, 20).shape == (10, 20)
    with pytest.raises(TraceError, match="67108864; ask for activation_tile"):
        _ = trace.activation


def test_a_trace_does_not_change():
    trace = GemmTrace("t", M=1, N=2, K=3)
    with pytest.raises(AttributeError):
        trace.M = 4
