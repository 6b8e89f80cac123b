"""Copies of models whose parameters are what their layers compute with."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm

import compress
from compress.graph.masks import hold_zeros
from compress.plain import plain_copy
from tests.compress.networks import Cnn, images, made

X = torch.rand(2, 4, generator=torch.Generator().manual_seed(0))


def masked_twice():
    layer = nn.Linear(4, 4)
    prune.l1_unstructured(layer, "weight", amount=4)
    prune.l1_unstructured(layer, "weight", amount=4)
    return prune.l1_unstructured(layer, "bias", amount=2)


LAYERS = {
    "masks": masked_twice,
    "weight norm": lambda: parametrizations.weight_norm(nn.Linear(4, 4)),
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Linear(4, 4)),
    "older spectral norm": lambda: spectral_norm(nn.Linear(4, 4)),
    "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(4, 4)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_copy_computes_the_same_with_plain_parameters_and_the_original_stays(name):
    torch.manual_seed(0)
    model = nn.Sequential(LAYERS[name](), nn.ReLU()).eval()
    keys, before = list(model.state_dict()), model(X)  # its forward makes the weight anew, which deepcopy refuses
    plain = plain_copy(model)
    assert sorted(plain.state_dict()) == ["0.bias", "0.weight"]
    assert type(plain[0]) is nn.Linear
    torch.testing.assert_close(plain(X), before)
    assert list(model.state_dict()) == keys
    torch.testing.assert_close(model(X), before)


def test_masks_of_a_recurrent_layer_reach_its_copy():
    torch.manual_seed(0)
    model = prune.l1_unstructured(nn.LSTM(4, 5, batch_first=True), "weight_hh_l0", amount=70)
    steps = torch.rand(1, 3, 4)
    plain = plain_copy(model)
    assert int(plain.weight_hh_l0.count_nonzero()) == 30
    torch.testing.assert_close(plain(steps)[0], model(steps)[0])


def test_a_masked_model_still_runs_after_a_smaller_copy_was_made_of_it():
    model = made(Cnn)
    keep = torch.ones_like(model.conv2.weight, dtype=torch.bool)
    keep[:3] = False
    hold_zeros(model.conv2, "weight", keep)
    before = model(images(2))
    compress.shrink(model, images(2))
    assert parametrize.is_parametrized(model.conv2, "weight")
    torch.testing.assert_close(model(images(2)), before)
