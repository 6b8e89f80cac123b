"""Mixed precision: the fewest bits that keep the accuracy, layer by layer, and the integers that come of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import compress
from accelsim.errors import CompressionError
from compress.quantizers.bit_search import BitRange, BitSearch, LayerBits, at_bits, layer_macs
from compress.quantizers.codes import ActivationCode
from compress.quantizers.integer import accuracy, calibrate_activations, integer_network
from compress.quantizers.mixed_precision import MixedPrecision
from tests.compress.networks import Cnn, images, made

TOLERANCE = 0.001


@pytest.fixture
def passing_on():
    """A network whose answer is its largest input: the layer that passes inputs on needs few bits, the last many."""
    torch.manual_seed(0)
    first, last = nn.Linear(8, 8, bias=False), nn.Linear(8, 4, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.eye(8))
        last.weight.copy_(torch.randn(4, 8))
    model = nn.Sequential(first, nn.ReLU(), last)
    inputs = torch.rand(400, 8)
    return model, inputs, model(inputs).argmax(dim=1)


def test_bits_are_the_fewest_that_keep_the_accuracy(passing_on):
    model, inputs, labels = passing_on
    search = BitSearch(model, calibrate_activations(model, [inputs]), inputs=inputs, labels=labels)
    bits = search.least(["0", "2"], BitRange(), TOLERANCE)
    assert bits["0"].weight == 2  # 0 and 1 are all that it holds
    assert bits["0"].activation > 2
    whole = search.accuracy(dict.fromkeys(bits, LayerBits()))
    assert search.accuracy(bits) >= whole - TOLERANCE
    fewer = bits | {"0": LayerBits(2, bits["0"].activation - 1), "2": LayerBits()}
    assert search.accuracy(fewer) < whole - TOLERANCE / 2  # what its turn allowed


def test_the_searched_accuracy_is_that_of_the_networks_own_integers(passing_on):
    model, inputs, labels = passing_on
    method = MixedPrecision(model)
    method.calibrate([(inputs[:200], labels[:200]), (inputs[200:], labels[200:])])
    search = BitSearch(model, method.activations, inputs=inputs, labels=labels)
    expected = search.accuracy(method.bits)
    finished = method.finalize()
    found = accuracy(integer_network(finished, method.activations, method), inputs, labels)
    assert found == expected
    assert {code.bits for code in method.codes(finished).values()} == {b.weight for b in method.bits.values()}


@pytest.mark.parametrize(("tolerance", "fewest", "most"), [(0.0, 2, 8), (0.99, 3, 6), (0.99, 4, 4)])
def test_a_search_stays_in_its_range_and_takes_all_that_the_tolerance_gives(passing_on, tolerance, fewest, most):
    model, inputs, labels = passing_on
    method = compress.create(
        "mixed_precision", model, tolerance=tolerance, fewest_bits=fewest, most_bits=most, layers=["2"]
    )
    method.calibrate([(inputs, labels)])
    (bits,) = method.bits.values()
    assert fewest <= min(bits.weight, bits.activation) <= max(bits.weight, bits.activation) <= most
    if tolerance > 0.9:
        assert bits == LayerBits(fewest, fewest)
    assert set(method.codes(model)) == set(method.activation_codes()) == {"2"}


def test_layers_are_searched_by_their_macs(monkeypatch):
    model, asked = made(Cnn), []
    monkeypatch.setattr(BitSearch, "least", lambda self, names, allowed, tolerance: asked.extend(names) or {})
    compress.create("mixed_precision", model).calibrate([(images(2), torch.zeros(2))])
    macs = layer_macs(model, images(1))
    assert macs == {"conv1": 6 * 256 * 9, "conv2": 8 * 16 * 54, "fc1": 12 * 128, "fc2": 5 * 12}
    assert asked == ["conv1", "conv2", "fc1", "fc2"]


def test_without_batches_every_layer_has_the_most_bits_and_its_inputs_are_calibrated_by_others():
    model = made(Cnn)
    weights = {name: module.weight.detach().clone() for name, module in model.named_children() if name[0] in "cf"}
    method = compress.create("mixed_precision", model, most_bits=5)
    method.calibrate([])
    method.finalize()
    assert method.activation_codes() == {}
    for name, code in method.codes(model).items():
        assert (code.bits, np.abs(code.ints).max()) == (5, 15)
        assert float((model.get_submodule(name).weight.detach() - weights[name]).abs().max()) <= code.scale / 2 * 1.001


def test_zeros_of_an_earlier_pruning_survive_retraining():
    model = made(Cnn)
    with torch.no_grad():
        model.fc1.weight[:, ::2] = 0
    method = compress.create("mixed_precision", model, example_input=images(2))
    method.harden()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(images(4)).square().sum().backward()
        optimizer.step()
    finished = method.finalize()
    assert not finished.fc1.weight[:, ::2].any()
    assert finished.fc1.weight[:, 1::2].any()


def test_fewer_bits_keep_the_range_of_the_inputs():
    code = at_bits(ActivationCode(0.5, 8), 4)
    assert (code.bits, code.scale * code.largest) == (4, pytest.approx(0.5 * 127))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"tolerance": -0.1}, "tolerance is -0.1; expected a fraction"),
        ({"tolerance": True}, "tolerance is True"),
        ({"fewest_bits": 1}, "fewest_bits is 1; expected an integer from 2 to 8"),
        ({"most_bits": 9}, "most_bits is 9"),
        ({"most_bits": 4.0}, "most_bits is 4.0"),
        ({"fewest_bits": 5, "most_bits": 4}, "fewest_bits is 5; expected at most most_bits, 4"),
    ],
)
def test_impossible_settings_are_named(settings, says):
    with pytest.raises(CompressionError, match=says):
        compress.create("mixed_precision", made(Cnn), **settings)
