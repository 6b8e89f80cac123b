"""The zoo: how many layers' outputs can leave, and half of all channels of every network taken out."""

import pytest
import torch

import compress
import workloads.models
from compress.layers import weights
from tests.compress.graph.following import halved

IMAGES = {
    "lenet5": (1, 1, 28, 28),
    "lenet5_xnor": (1, 1, 28, 28),
    "resnet56": (1, 3, 32, 32),
    "alexnet_caffe": (1, 3, 227, 227),
    **dict.fromkeys(("mobilenet_v2_cifar", "resnet18_cifar", "vgg16_bn_cifar", "vgg19_bn_cifar"), (1, 3, 32, 32)),
}  # others (1, 3, 224, 224)
CNNS = {  # name -> layers with weights; the last one writes the network's output, all others' channels can leave
    "alexnet": 8, "densenet121": 121, "efficientnet_lite0": 50, "googlenet": 58, "lenet5": 4, "lenet5_xnor": 4,
    "mobilenet_v1": 28, "mobilenet_v2": 53, "resnet18": 21, "resnet34": 37, "resnet50": 54, "resnet56": 56,
    "squeezenet1_0": 26, "vgg16": 16, "vgg19": 19, "resnet101": 105, "resnet152": 156, "resnet18_cifar": 21,
    "mobilenet_v2_cifar": 53, "vgg16_bn_cifar": 14, "vgg19_bn_cifar": 17,
}  # fmt: skip
FAST = ("lenet5", "lenet5_xnor", "mobilenet_v2", "resnet18", "resnet56", "squeezenet1_0")
OTHERS = {"alexnet_caffe", "lstm_lm", "lstm_sentiment", "lstm_speaker", "transformer_encoder"}


def built(name):
    torch.manual_seed(0)
    return workloads.models.model(name), torch.randn(IMAGES.get(name, (1, 3, 224, 224)))


def marked(names):
    return [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in names]


def test_every_network_is_here():
    assert set(workloads.models.list_models()) == set(CNNS) | OTHERS


@pytest.mark.parametrize("name", marked(CNNS))
def test_all_layers_but_the_last_are_found(name):
    model, x = built(name)
    groups = compress.groups(model, x)
    assert len(weights(model)) == CNNS[name]
    assert len(set(groups.writers)) == len(groups.writers) == CNNS[name] - 1
    assert list(groups.fixed.values()) == ["it is the network's output"]
    assert groups.unfollowed == {}


def test_layers_before_a_norm_over_channels_stay():
    groups = compress.groups(*built("alexnet_caffe"))
    assert set(groups.writers) == {"conv3", "conv4", "conv5", "fc6", "fc7"}
    assert set(groups.fixed) == {"conv1", "conv2", "fc8"}
    assert "local_response_norm" in groups.fixed["conv1"]


@pytest.mark.parametrize("name", marked(CNNS))
def test_without_half_of_all_channels_a_network_computes_the_same(name):
    model, x = built(name)
    smaller = halved(model, x)
    before, after = (sum(p.numel() for p in m.parameters()) for m in (model, smaller))
    assert after < 0.45 * before  # a quarter of the inner layers', half of the first and of the last


@pytest.mark.parametrize("name", [pytest.param("lstm_lm", marks=pytest.mark.slow), "lstm_sentiment"])
def test_networks_of_words_lose_half_of_their_units(name):
    torch.manual_seed(0)
    model = workloads.models.model(name)
    halved(model, torch.randint(0, 100, (1, 6)))


def test_a_speaker_encoder_loses_half_of_its_units():
    torch.manual_seed(0)
    smaller = halved(workloads.models.model("lstm_speaker"), torch.randn(1, 9, 40))
    assert [m.hidden_size for m in (smaller.lstm1, smaller.lstm2, smaller.lstm3)] == [128, 128, 128]


def test_a_transformer_loses_inner_features_and_names_what_its_norms_hold():
    torch.manual_seed(0)
    model = workloads.models.model("transformer_encoder")
    groups = compress.groups(model, torch.randint(0, 100, (1, 6)))
    left = {f"encoder.layer.{i}.{part}" for i in range(4) for part in ("attention.self.value", "intermediate.dense")}
    assert set(groups.writers) == left | {"pooler.dense"}
    assert set(groups.fixed) == set(weights(model)) - set(groups.writers)
    assert set(groups.fixed.values()) == {
        "layer_norm takes its statistics over the channels", "the scale of attention follows from a head's width",
        "it is the network's output",
    }  # fmt: skip
    smaller = halved(model, torch.randint(0, 100, (1, 6)))
    assert smaller.encoder.layer[0].attention.self.value.weight.shape == (128, 256)
