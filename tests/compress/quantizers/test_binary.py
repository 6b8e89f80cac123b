"""Binary networks: signs and their gradients, scales against least squares, what reaches the XNOR array."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import accelsim
import compress
import workloads
from accelsim.errors import CompressionError
from compress.quantizers.integer import IntegerLayer, accuracy
from compress.quantizers.straight_through import binary_sign, straight_through
from compress.quantizers.xnor_net import BinaryInput, BinaryWeight
from tests.compress.networks import Cnn, images, made


def steps(model, method, count):
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    x, y = images(8), torch.arange(8) % 5
    for _ in range(count):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        method.step()
    model.eval()


def finished(model=None, **settings):
    model = made(Cnn) if model is None else model
    method = compress.create("xnor_net", model, example_input=images(3), **settings)
    steps(model, method, 5)
    method.harden()
    return method.finalize(), method


def test_sign_is_minus_one_at_zero_and_its_gradient_is_cut_beyond_one():
    x = torch.tensor([-2.0, -1.0, -0.3, 0.0, 0.3, 1.0, 1.5], requires_grad=True)
    y = binary_sign(x)
    assert y.tolist() == [-1, -1, -1, -1, 1, 1, 1]
    gradient = torch.arange(1.0, 8.0)
    y.backward(gradient)
    assert x.grad.tolist() == [0, 2, 3, 4, 5, 6, 0]


def test_straight_through_gives_the_values_exactly():
    x, values = torch.tensor([0.1, 0.2], requires_grad=True), torch.tensor([1e8, -3.0])
    y = straight_through(x, values)
    assert y.tolist() == values.tolist()
    y.backward(torch.tensor([5.0, 6.0]))
    assert x.grad.tolist() == [5, 6]


def test_the_scale_of_a_filter_is_the_least_squares_one():
    weight = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    binary = BinaryWeight()(weight).flatten(1)
    for row, real in zip(binary, weight.flatten(1), strict=True):
        signs = np.where(real.numpy() > 0, 1, -1)
        assert np.array_equal(np.sign(row.numpy()), signs)
        best = signs @ real.numpy() / signs.size  # of min ‖w − α·s‖²
        assert row.abs().numpy() == pytest.approx(best, rel=1e-6)


def test_gradient_of_a_binary_weight_is_that_of_scale_and_straight_through_sign():
    weight = torch.tensor([[0.5, -0.25, 1.5, -0.75]], requires_grad=True)
    gradient = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    BinaryWeight()(weight).backward(gradient)
    signs, scale = np.array([1, -1, 1, -1]), 0.75
    through_scale = (gradient.numpy()[0] @ signs) * signs / 4
    inside = np.array([1, 1, 0, 1])
    assert weight.grad.numpy()[0] == pytest.approx(through_scale + gradient.numpy()[0] * scale * inside)


def test_input_scale_follows_the_training_batches_and_freezes():
    layer, binary = nn.Linear(2, 1), BinaryInput()
    layer.register_forward_pre_hook(binary)
    layer(torch.tensor([[2.0, -4.0]]))
    assert binary.scale == 3.0
    layer(torch.tensor([[5.0, -5.0]]))
    assert binary.scale == pytest.approx(3.2)
    layer.eval()(torch.tensor([[50.0, -5.0]]))
    binary.frozen = True
    layer.train()(torch.tensor([[50.0, -5.0]]))
    assert binary.scale == pytest.approx(3.2)
    assert binary(layer, (torch.tensor([[0.5, 0.0]]),))[0].tolist() == [pytest.approx([3.2, -3.2])]


def test_the_finished_model_computes_what_its_integers_do():
    model, method = finished()
    network = compress.integer_network(model, compress.calibrate_activations(model, [images(8)]), method)
    x = images(8, seed=1)
    with torch.no_grad():
        real, integers = model(x), network(x)
    for name in ("conv2", "fc1"):
        layer = network.layers[name]
        assert set(layer.ifmap.unique().tolist()) <= {-1.0, 1.0}
        assert set(layer.ints.unique().tolist()) == {-1.0, 1.0}
    # the rounding of the first layer's input turns a sign here and there
    assert float((real - integers).abs().max()) < 0.15 * float(real.abs().max())
    assert accuracy(network, x, real.argmax(dim=1)) >= 0.75
    fine = copy.deepcopy(network.layers["fc1"])
    direct = IntegerLayer(model.fc1, method.codes(model)["fc1"], method.activation_codes()["fc1"])
    inputs = torch.randn(2, 128, dtype=torch.float64)
    assert torch.equal(fine(inputs), direct(inputs))


def test_the_first_and_last_layer_stay_at_eight_bits_and_keys_are_the_original():
    keys = set(made(Cnn).state_dict())
    model, method = finished()
    assert set(model.state_dict()) == keys
    assert set(method.codes(model)) == set(method.activation_codes()) == {"conv2", "fc1"}
    assert len(model.conv1.weight.detach().unique()) > 2
    for row in model.fc1.weight.detach():
        assert len(row.abs().unique()) == 1


def test_saved_signs_run_on_the_xnor_array_with_padding_and_the_rest_on_its_fallback(tmp_path):
    model, method = finished()
    saved = compress.read(compress.save(tmp_path / "net", model, method=method))
    for saved_layer in saved.layers:
        layer = saved_layer.trace
        binary = layer.name in {"conv2", "fc1"}
        coded = (layer.weight_coding, layer.weight_bits, layer.activation_bits)
        assert coded == (("binary", 1, 1) if binary else ("uniform", 8, 8))
        if binary:
            assert set(np.unique(layer.weight)) == set(np.unique(layer.activation_operand.whole())) == {-1, 1}
            weight = model.get_submodule(layer.name).weight.detach().double().flatten(1).numpy()
            assert saved_layer.decoded() == pytest.approx(weight)
    report = accelsim.simulate(workloads.from_checkpoint(tmp_path / "net"), "lowbit/xnor-16x16x64", verify=True)
    layers = report.layers[report.layers["kind"] != "vector"]
    assert list(layers["array"]) == ["systolic", "xnor", "xnor", "systolic"]


def test_weights_are_clamped_where_no_gradient_would_reach_them():
    model = made(Cnn)
    method = compress.create("xnor_net", model)
    with torch.no_grad():
        model.fc1.parametrizations.weight.original[0, 0] = 7.0
    method.step()
    assert float(model.fc1.parametrizations.weight.original[0, 0].detach()) == 1.0


def test_models_without_an_inner_layer_and_filters_of_zeros_are_refused():
    with pytest.raises(CompressionError, match="no layer between"):
        compress.create("xnor_net", nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Linear(3, 2)))
    model = made(Cnn)
    with torch.no_grad():
        model.conv2.weight[1] = 0
    with pytest.raises(CompressionError, match="'conv2' has a filter of zeros"):
        compress.create("xnor_net", model).harden()


def test_the_zoo_network_for_it_has_lenet5s_layers():
    binary, plain = workloads.load("lenet5_xnor"), workloads.load("lenet5")
    assert [(t.name, t.M, t.N, t.K) for t in binary] == [(t.name, t.M, t.N, t.K) for t in plain]
