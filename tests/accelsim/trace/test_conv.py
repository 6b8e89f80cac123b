"""Convolution geometry against torch and against marking every position."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import GemmTrace
from accelsim.errors import TraceError
from accelsim.trace.conv import ConvGeometry


@st.composite
def geometries(draw):
    kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    dilation = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    size = [d * (k - 1) + draw(st.integers(1, 7)) for k, d in zip(kernel, dilation, strict=True)]
    stride, padding = (
        (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        (draw(st.integers(0, 2)), draw(st.integers(0, 2))),
    )
    channels = draw(st.integers(1, 3))
    taps = channels * kernel[0] * kernel[1]
    kept = draw(st.none() | st.sets(st.integers(0, taps - 1), min_size=1).map(lambda s: tuple(sorted(s))))
    return ConvGeometry(draw(st.integers(1, 3)), channels, *size, kernel, stride, padding, dilation, kept)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(conv=geometries(), data=st.data())
def test_touched_elements_equal_the_distinct_ones_of_the_gathered_tile(conv, data):
    numbered = np.arange(1, 1 + conv.batch * conv.channels * conv.height * conv.width)
    ifmap = numbered.reshape(conv.batch, conv.channels, conv.height, conv.width)
    m0 = data.draw(st.integers(0, conv.M - 1))
    m1 = data.draw(st.integers(m0 + 1, conv.M))
    k0 = data.draw(st.integers(0, conv.K - 1))
    k1 = data.draw(st.integers(k0 + 1, conv.K) | st.just(conv.K))
    tile = conv.gather(ifmap, m0, m1, k0, k1)
    assert conv.touched(m0, m1, k0, k1) == len(set(tile.ravel()) - {0})
    step = data.draw(st.integers(1, conv.M))
    by_tile = [conv.touched(m, min(m + step, conv.M), k0, k1) for m in range(0, conv.M, step)]
    assert conv.touched_by_tile(0, conv.M, step, k0, k1).tolist() == by_tile
    assert np.array_equal(conv.column_sums(ifmap), conv.gather(ifmap, 0, conv.M, 0, conv.K).sum(axis=0))


@pytest.mark.parametrize(
    ("groups", "stride", "padding", "dilation"), [(1, 1, 0, 1), (2, 2, 1, 1), (6, 1, 2, 2), (3, 3, 1, 1)]
)
def test_the_gemm_of_a_convolution_is_torch_s_convolution(groups, stride, padding, dilation):
    rng = np.random.default_rng(groups)
    weight, ifmap = rng.integers(-128, 128, (12, 6 // groups, 3, 2)), rng.integers(-128, 128, (2, 6, 11, 9))
    trace = GemmTrace.from_conv(
        "c", weight=weight, ifmap=ifmap, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    x, w = (torch.from_numpy(v).double() for v in (ifmap, weight))
    expected = (
        torch.nn.functional.conv2d(x, w, None, stride, padding, dilation, groups).permute(0, 2, 3, 1).reshape(-1, 12)
    )
    parts = [trace.group(g) for g in range(groups)]
    got = np.hstack([part.activation @ part.weight.T for part in parts])
    assert np.array_equal(got, expected.numpy())
    assert np.array_equal(trace.activation, np.hstack([part.activation for part in parts]))


def test_kept_columns_are_the_columns_of_the_whole():
    rng = np.random.default_rng(0)
    ifmap = rng.integers(-9, 9, (1, 2, 6, 6))
    whole, kept = (ConvGeometry(1, 2, 6, 6, (3, 3), 1, 1, columns=c) for c in (None, (0, 4, 5, 17)))
    full = whole.gather(ifmap, 0, whole.M, 0, whole.K)
    assert np.array_equal(kept.gather(ifmap, 0, kept.M, 0, kept.K), full[:, [0, 4, 5, 17]])
    trace = GemmTrace("c", N=3, conv=kept)
    assert trace.K == 4


@pytest.mark.parametrize(
    "wrong", [{"kernel": (9, 9)}, {"stride": (0, 1)}, {"channels": 0}, {"columns": (3, 3)}, {"columns": (99,)}]
)
def test_impossible_geometry_is_one_clear_line(wrong):
    good = {"batch": 1, "channels": 1, "height": 5, "width": 5, "kernel": (3, 3)}
    with pytest.raises(TraceError) as error:
        ConvGeometry(**good | wrong)
    assert "\n" not in str(error.value)
