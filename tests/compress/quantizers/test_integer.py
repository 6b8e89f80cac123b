import numpy as np
import pytest
import torch
from torch import nn

from accelsim.errors import CompressionError
from compress import ActivationCode, LayerCode, calibrate_activations, integer_network
from compress.quantizers.codes import max_abs, smallest_integers
from compress.quantizers.integer import IntegerLayer, accuracy
from tests.compress.networks import Cnn, images, made


def unfolded(x, layer):
    """im2col in int64, written from the definition: rows (b, oy, ox), columns (c, r, s)."""
    (pr, pc), (sr, sc), (dr, dc) = layer.padding, layer.stride, layer.dilation
    rows, columns = layer.kernel_size
    x = np.pad(x, ((0, 0), (0, 0), (pr, pr), (pc, pc)))
    high = (x.shape[2] - dr * (rows - 1) - 1) // sr + 1
    wide = (x.shape[3] - dc * (columns - 1) - 1) // sc + 1
    out = [
        [
            x[b, c, oy * sr + r * dr, ox * sc + s * dc]
            for c in range(x.shape[1])
            for r in range(rows)
            for s in range(columns)
        ]
        for b in range(len(x))
        for oy in range(high)
        for ox in range(wide)
    ]
    return np.array(out, dtype=np.int64), (high, wide)


@pytest.mark.parametrize("geometry", [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": (2, 0)}])
def test_conv_layer_is_the_exact_integer_gemm(geometry):
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 4, 3, **geometry)
    code, activation = max_abs(layer.weight.detach().numpy()), ActivationCode(0.01)
    integer = IntegerLayer(layer, code, activation)
    out = integer(torch.randn(2, 3, 7, 6, dtype=torch.float64))
    x, (high, wide) = unfolded(integer.ifmap.numpy().astype(np.int64), layer)
    sums = x @ code.ints.reshape(4, -1).astype(np.int64).T
    scale = code.scale * activation.scale
    bias = np.rint(layer.bias.detach().double().numpy() / scale)
    expected = ((sums + bias) * scale).reshape(2, high, wide, 4).transpose(0, 3, 1, 2)
    assert np.array_equal(out.detach().numpy(), expected)


def test_sums_above_24_bits_stay_exact():
    layer = nn.Linear(4000, 2, bias=False)
    ints = np.full((2, 4000), 127)
    ints[1, 0] = 126
    integer = IntegerLayer(layer, LayerCode(ints, 1.0), ActivationCode(1.0))
    out = integer(torch.full((1, 4000), 127.0, dtype=torch.float64))
    assert out.tolist() == [[4000 * 127 * 127, 4000 * 127 * 127 - 127]]


def test_scales_by_filter():
    layer = nn.Linear(2, 2, bias=False)
    integer = IntegerLayer(layer, LayerCode(np.array([[1, 2], [3, 4]]), np.array([0.5, 2.0])), ActivationCode(1.0))
    assert integer(torch.ones(1, 2, dtype=torch.float64)).tolist() == [[1.5, 14.0]]


def test_activations_clip_to_twos_complement_and_zero_stays_zero():
    integer = IntegerLayer(nn.Linear(4, 1), LayerCode(np.ones((1, 4), int), 1.0), ActivationCode(0.5))
    integer(torch.tensor([[0.0, 0.26, 1e6, -1e6]], dtype=torch.float64))
    assert integer.ifmap.tolist() == [[0, 1, 127, -128]]


def test_max_abs_is_symmetric_and_within_half_a_step():
    weight = np.random.default_rng(0).normal(size=(5, 7))
    for bits in (2, 3, 8):
        code = max_abs(weight, bits)
        assert np.abs(code.ints).max() == 2 ** (bits - 1) - 1
        assert np.abs(code.decoded() - weight).max() <= code.scale / 2 + 1e-12
        assert code.ints.dtype == np.int8


def test_max_abs_of_zeros_and_of_nan():
    assert not max_abs(np.zeros((2, 3))).ints.any()
    with pytest.raises(CompressionError, match="fc1 holds NaN"):
        max_abs(np.array([1.0, np.nan]), 8, "fc1")
    with pytest.raises(CompressionError, match="bits is 1"):
        max_abs(np.ones(3), 1)


def test_smallest_integers():
    dtypes = [smallest_integers(np.array([low, high])).dtype for low, high in ((-128, 127), (0, 128), (-(2**20), 0))]
    assert dtypes == [np.int8, np.int16, np.int32]


def test_calibration_takes_the_largest_input_of_all_batches():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    codes = calibrate_activations(model, [torch.ones(2, 4), (torch.full((1, 4), -3.0), None)])
    assert codes["1"].scale == pytest.approx(3 / 127)
    assert list(codes) == ["1"]


def test_integer_network_is_near_the_real_one_and_leaves_it_alone():
    x, model = images(64), made(Cnn)
    before = [p.clone() for p in model.parameters()]
    network = integer_network(model, calibrate_activations(model, [x]))
    with torch.no_grad():
        real, integers = model(x), network(x)
    assert float((real - integers).abs().max()) < 0.05 * float(real.abs().max())
    assert sorted(network.layers) == ["conv1", "conv2", "fc1", "fc2"]
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert accuracy(network, x, real.argmax(dim=1)) > 0.9
