"""Powers of two: the grid against brute force, INQ's portions, DeepShift's gradient, what reaches the shifters."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import accelsim
import compress
import workloads
from accelsim.errors import CompressionError, UnknownNameError
from compress.quantizers.pow2 import PowersOfTwo, pow2_code
from tests.compress.networks import Cnn, images, made

WEIGHTS = st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=30)


def values(e_max, bits):
    """Every value that a code of `bits` has: a sign, and all exponents but the one that means zero."""
    powers = [2.0 ** (e_max - i) for i in range(2 ** (bits - 1) - 1)]
    return np.array([0.0, *powers, *(-p for p in powers)])


@given(weights=WEIGHTS, bits=st.integers(2, 5))
def test_nearest_is_as_near_as_any_value_of_the_grid(weights, bits):
    weight = torch.tensor(weights)
    grid = PowersOfTwo.of(weight, bits)
    found, every = grid.nearest(weight).double().numpy(), values(grid.e_max, bits)
    assert np.isin(found, every).all()
    distances = np.abs(weight.double().numpy()[:, None] - every)
    assert (np.abs(weight.double().numpy() - found) == distances.min(axis=1)).all()


@given(st.floats(2.0**-20, 2.0**20, width=32))
def test_the_grid_ends_at_the_power_nearest_to_the_largest_weight(largest):
    grid = PowersOfTwo.of(torch.tensor([largest, -largest / 3]), 4)
    assert grid.e_max == np.floor(np.log2(4 * np.float64(largest) / 3))
    assert grid.e_min == grid.e_max - 6


def test_nearest_exponent_rounds_the_logarithm():
    weight = torch.tensor([1.0, -1.4, 1.42, 0.36, 0.3, -0.09, 0.0, 2.0**-9])
    grid = PowersOfTwo(0, 4)
    assert grid.nearest_exponent(weight).tolist() == [1.0, -1.0, 1.0, 0.5, 0.25, -0.125, 0.0, 0.0]


@given(weights=WEIGHTS, bits=st.integers(2, 5))
def test_codes_are_powers_of_two_in_their_bits_and_decode_exactly(weights, bits):
    weight = PowersOfTwo.of(torch.tensor(weights), bits).nearest(torch.tensor(weights))
    code = pow2_code(weight, bits)
    magnitudes = np.abs(code.ints.astype(np.int64))
    assert (magnitudes & (magnitudes - 1) == 0).all()
    assert len(np.unique(code.ints)) <= 2**bits - 1
    assert magnitudes.max() <= 2 ** (2 ** (bits - 1) - 2)
    assert np.array_equal(code.decoded(), weight.double().numpy())


@pytest.mark.parametrize("weight", [[1.0, 0.75], [1.0, 2.0**-7]])
def test_codes_refuse_what_is_no_power_or_too_small_a_one(weight):
    with pytest.raises(CompressionError, match="fc1 holds values other than 0 and 14 signed powers"):
        pow2_code(torch.tensor(weight), 4, "fc1")


def steps(model, method, count, learning_rate=5e-3):
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    x, y = images(8), torch.arange(8) % 5
    for _ in range(count):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        method.step()


def test_inq_fixes_the_largest_weights_portion_by_portion_and_the_rest_trains_on():
    model = made(Cnn)
    before = model.fc1.weight.detach().clone()
    method = compress.create("inq", model, portions=(0.25, 0.5), steps_per_portion=3)
    held = model.fc1.parametrizations.weight[0]
    assert int(held.fixed.sum()) == before.numel() // 4
    assert float(before.abs()[held.fixed].min()) >= float(before.abs()[~held.fixed].max())
    first, fixed = model.fc1.weight.detach().clone(), held.fixed.clone()
    steps(model, method, 2)
    after = model.fc1.weight.detach()
    assert torch.equal(after[fixed], first[fixed])
    assert bool((after[~fixed] != first[~fixed]).float().mean() > 0.5)
    steps(model, method, 1)
    assert int(held.fixed.sum()) == before.numel() // 2
    assert torch.equal(model.fc1.weight.detach()[fixed], first[fixed])
    steps(model, method, 10)
    assert int(held.fixed.sum()) == before.numel() // 2


def test_inq_hardened_weights_stay_and_biases_train_on():
    model = made(Cnn)
    method = compress.create("inq", model)
    method.harden()
    weight, bias = model.conv2.weight.detach().clone(), model.conv2.bias.detach().clone()
    assert len(weight.abs().unique()) <= 8
    steps(model, method, 3)
    assert torch.equal(model.conv2.weight.detach(), weight)
    assert not torch.equal(model.conv2.bias.detach(), bias)
    method.finalize()
    assert torch.equal(model.conv2.weight.detach(), weight)


def test_inq_keeps_the_zeros_of_a_pruned_layer_and_counts_only_the_others():
    model = made(Cnn)
    zeros = torch.rand(model.fc1.weight.shape) < 0.6
    with torch.no_grad():
        model.fc1.weight[zeros] = 0
    method = compress.create("inq", model, portions=(0.5,))
    left = int((~zeros).sum())
    assert int(model.fc1.parametrizations.weight[0].fixed.sum()) == int(zeros.sum()) + round(left / 2)
    steps(model, method, 3)
    method.finalize()
    assert not bool(model.fc1.weight.detach()[zeros].any())


@pytest.mark.parametrize("name", ["inq", "deepshift_q"])
def test_a_layer_of_zeros_is_no_pruned_one(name):
    model = made(Cnn)
    with torch.no_grad():
        model.fc2.weight.zero_()
    method = compress.create(name, model)
    steps(model, method, 3)
    method.harden()
    assert bool(torch.isfinite(method.finalize()(images(2))).all())


def test_deepshift_sees_powers_of_two_and_its_gradient_passes_straight_through():
    model = made(Cnn)
    real = model.fc1.weight.detach().clone()
    compress.create("deepshift_q", model, layers=["fc1"])
    seen = model.fc1.weight
    assert set(np.frexp(seen.detach().abs().numpy())[0].flatten()) <= {0.0, 0.5}
    near = seen.detach() != 0
    ratio = (seen.detach()[near] / real[near]).log2().abs()
    assert float(ratio.max()) <= 0.5 + 1e-6
    gradient = torch.randn(seen.shape)
    seen.backward(gradient)
    assert torch.equal(model.fc1.parametrizations.weight.original.grad, gradient)


@pytest.mark.parametrize("name", ["inq", "deepshift_q"])
@pytest.mark.parametrize("bits", [2, 4])
def test_saved_integers_run_on_the_shifters_and_equal_the_exact_gemm(name, bits, tmp_path):
    model = made(Cnn)
    method = compress.create(name, model, example_input=images(2), bits=bits)
    steps(model, method, 2)
    method.harden()
    finished = method.finalize()
    saved = compress.read(compress.save(tmp_path / "net", finished, method=method))
    for layer in saved.layers:
        weight = finished.get_submodule(layer.name).weight.detach().double().flatten(1).numpy()
        assert np.array_equal(layer.decoded(), weight)
        assert (layer.trace.weight_coding, layer.trace.weight_bits, layer.trace.activation_bits) == ("pow2", bits, 8)
    report = accelsim.simulate(workloads.from_checkpoint(tmp_path / "net"), "lowbit/shift-16x16", verify=True)
    assert set(report.layers["array"]) == {"shift"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"bits": 1}, "bits is 1"),
        ({"bits": 6}, "2 to 5"),
        ({"bits": 4.0}, "bits is 4.0"),
        ({"portions": []}, "portions"),
        ({"portions": [0.5, 0.5]}, "rising"),
        ({"portions": [0.5, 1.5]}, "up to 1"),
        ({"portions": "half"}, "portions is 'half'"),
        ({"steps_per_portion": 0}, "at least 1"),
    ],
)
def test_inq_refuses_what_cannot_be(settings, says):
    with pytest.raises(CompressionError, match=says):
        compress.create("inq", made(Cnn), **settings)


def test_unknown_layers_and_nan_weights_are_named():
    with pytest.raises(UnknownNameError, match="did you mean 'fc1'"):
        compress.create("inq", made(Cnn), layers=["fc11"])
    model = made(Cnn)
    with torch.no_grad():
        model.conv2.weight[0] = torch.nan
    with pytest.raises(CompressionError, match="'conv2' holds NaN"):
        compress.create("inq", model)
