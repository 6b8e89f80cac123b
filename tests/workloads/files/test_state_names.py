"""Checkpoints under other names than the network's: what torch's own tools and trainers leave."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

import workloads
from accelsim.errors import FileFormatError
from workloads.files.state_files import load_state
from workloads.files.state_names import plain_state

pytestmark = pytest.mark.filterwarnings("ignore")


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.Sequential(nn.BatchNorm2d(6), nn.ReLU()), nn.Flatten(), nn.Linear(96, 4)
    )


def moved(model):
    """The network with other weights than its own."""
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -1, 1)
    return model


def same(model, path, other):
    """Whether what is loaded computes what was saved."""
    load_state(model, path, "network")
    x = torch.ones(2, 3, 6, 6)
    return torch.allclose(model.eval()(x), other.eval()(x), atol=1e-5)


def behind(prefix, state):
    return {f"{prefix}{key}": value for key, value in state.items()}


WRAPPED = {
    "plain": lambda s: s,
    "compiled": lambda s: behind("_orig_mod.", s),
    "data parallel": lambda s: behind("module.", s),
    "both": lambda s: behind("module._orig_mod.", s),
    "both the other way": lambda s: behind("_orig_mod.module.", s),
    "a compiled part": lambda s: {key.replace("1.0.", "1._orig_mod.0."): value for key, value in s.items()},
    "a trainer's": lambda s: {"epoch": 3, "state_dict": behind("model.", s), "optimizer": {"state": {}, "lr": 0.1}},
    "within two dicts": lambda s: {"checkpoint": {"model": {"ema": s, "steps": torch.tensor(4)}}, "seed": 1},
    "beside a larger one": lambda s: {
        "discriminator": {f"{i}.weight": torch.ones(2) for i in range(40)}, "generator": behind("net.body.", s)
    },
    "half precision": lambda s: {"model": {key: value.half() for key, value in s.items()}},
}  # fmt: skip


@pytest.mark.parametrize("how", WRAPPED)
def test_the_state_is_found_in_what_is_around_it(how, tmp_path):
    other = moved(network())
    if how == "half precision":
        other = other.half().float()
    torch.save(WRAPPED[how](other.state_dict()), tmp_path / "model.pth")
    assert same(network(), tmp_path / "model.pth", other)


def on_layers(apply):
    """A network with something on its convolution and its linear layer."""
    model = moved(network())
    for index in (0, 3):
        apply(model[index])
    model.train()(torch.ones(2, 3, 6, 6))  # a spectral norm's vectors move
    return model.eval()


MADE = {
    "masks": lambda layer: prune.l1_unstructured(layer, "weight", amount=0.7),
    "two masks": lambda layer: [prune.random_unstructured(layer, name, amount=0.5) for name in ("weight", "bias")],
    "weight norm": weight_norm,
    "weight norm of all": lambda layer: weight_norm(layer, dim=None),
    "spectral norm": spectral_norm,
    "newer weight norm": parametrizations.weight_norm,
    "newer spectral norm": parametrizations.spectral_norm,
}


@pytest.mark.parametrize("how", MADE)
@pytest.mark.parametrize("prefix", ["", "module._orig_mod."])
def test_weights_are_what_their_parts_make(how, prefix, tmp_path):
    model = on_layers(MADE[how])
    torch.save(behind(prefix, model.state_dict()), tmp_path / "model.pth")
    assert same(network(), tmp_path / "model.pth", model)


def test_a_network_with_names_that_look_like_parts_keeps_them():
    own = {"a.weight_g": torch.ones(1), "a.weight_v": torch.ones(1), "b.weight": torch.ones(2)}
    assert plain_state(own, own.keys()).keys() == own.keys()


def test_parts_that_make_nothing_are_named(tmp_path):
    state = network().state_dict()
    state["0.weight_orig"] = state.pop("0.weight")
    torch.save(state, tmp_path / "model.pth")
    with pytest.raises(FileFormatError, match=r"lack 0\.weight and hold 0\.weight_orig"):
        load_state(network(), tmp_path / "model.pth", "network")


def test_a_pruned_checkpoint_of_the_zoo_is_sparse(tmp_path):
    model = workloads.model("lenet5")
    for layer in (model.fc1, model.conv2):
        prune.l1_unstructured(layer, "weight", amount=0.9)
    torch.save({"state_dict": behind("module.", model.state_dict())}, tmp_path / "pruned.pth")
    loaded = workloads.load("lenet5", weights=tmp_path / "pruned.pth")
    assert [(loaded[name].weight != 0).mean().round(2) for name in ("conv2", "fc1")] == [0.1, 0.1]
