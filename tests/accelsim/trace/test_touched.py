"""The ifmap elements of a tile, each once, against the im2col matrix itself."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.trace.gemm import GemmTrace
from accelsim.trace.touched import touched_values


@st.composite
def convolutions(draw):
    """A convolution whose ifmap holds 1, 2, 3 ... so that an element is known by its value."""
    channels, height, width, batch = (draw(st.integers(1, 4)) for _ in range(4))
    size = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    padding = draw(st.integers(0, 2))
    dilation = draw(st.integers(1, 2))
    reach = [dilation * (side - 1) + 1 for side in size]
    height, width = max(height, reach[0]) + draw(st.integers(0, 4)), max(width, reach[1]) + draw(st.integers(0, 4))
    ifmap = np.arange(1, batch * channels * height * width + 1).reshape(batch, channels, height, width)
    return GemmTrace.from_conv(
        "c", weight=np.ones((1, channels, *size), int), ifmap=ifmap, stride=draw(st.integers(1, 3)), padding=padding,
        dilation=dilation, activation_bits=16,
    )  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(convolutions(), st.data())
def test_elements_of_a_tile_are_those_of_the_im2col_matrix_once_and_in_order(trace, data):
    m0, m1 = sorted(
        data.draw(st.tuples(st.integers(0, trace.M), st.integers(0, trace.M)).filter(lambda e: e[0] != e[1]))
    )
    k0, k1 = sorted(
        data.draw(st.tuples(st.integers(0, trace.K), st.integers(0, trace.K)).filter(lambda e: e[0] != e[1]))
    )
    seen = np.unique(trace.activation_tile(m0, m1, k0, k1))
    values = touched_values(trace, m0, m1, k0, k1)
    assert values.tolist() == seen[seen > 0].tolist()  # rising values are in the order of images, channels, rows
    assert values.size == trace.touched_ifmap(m0, m1, k0, k1)


def test_a_matrix_goes_row_by_row():
    trace = GemmTrace("fc", weight=[[1, 1, 1]], activation=[[1, 2, 3], [4, 5, 6]])
    assert touched_values(trace, 0, 2, 1, 3).tolist() == [2, 3, 5, 6]


def test_channels_of_which_columns_were_pruned_give_what_the_other_columns_read():
    ifmap = np.arange(1, 19).reshape(1, 2, 3, 3)
    whole = GemmTrace.from_conv("c", weight=np.ones((1, 2, 2, 2), int), ifmap=ifmap)
    conv = whole.conv.__class__(1, 2, 3, 3, (2, 2), columns=(0, 7))
    trace = GemmTrace("c", weight=[[1, 1]], activation=ifmap, conv=conv)
    # tap 0 of channel 0 reads the upper left 2x2, tap 3 of channel 1 the lower right
    assert touched_values(trace, 0, 4, 0, 2).tolist() == [1, 2, 4, 5, 14, 15, 17, 18]
