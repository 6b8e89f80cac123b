"""Models whose weights hooks compute: plain copies compute the same, and pruning starts from what the layer uses."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

import compress
import workloads
from compress.graph.masks import masked_layers
from compress.plain import copy_of, plain, without_hooks

pytestmark = pytest.mark.filterwarnings("ignore")
X = torch.linspace(-1, 1, 2 * 3 * 8 * 8).view(2, 3, 8, 8)


def masked():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3))
    prune.ln_structured(model[0], "weight", amount=3, n=2, dim=0)
    with torch.no_grad():
        model[0].bias[model[0].weight.flatten(1).abs().sum(1) == 0] = 0
    return model


def warmed(model, how):
    """The model after a run, which leaves a weight that was computed with gradients, or without."""
    if how == "gradients":
        model(X).sum().backward()
    elif how == "none":
        with torch.no_grad():
            model(X)
    return model


@pytest.mark.parametrize("run", ["fresh", "gradients", "none"])
@pytest.mark.parametrize(
    "apply",
    [weight_norm, spectral_norm, parametrizations.weight_norm, parametrizations.spectral_norm,
     lambda layer: prune.l1_unstructured(layer, "weight", amount=0.5)],
)  # fmt: skip
def test_a_plain_copy_computes_the_same(apply, run):
    torch.manual_seed(0)
    model = warmed(nn.Sequential(apply(nn.Conv2d(3, 8, 3)), nn.ReLU()), run).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    copied = plain(model)
    assert set(copied.state_dict()) == {"0.weight", "0.bias"}
    assert isinstance(copied[0].weight, nn.Parameter)
    torch.testing.assert_close(copied(X), model(X))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_plain_model_is_not_copied():
    model = nn.Sequential(nn.Conv2d(3, 8, 3))
    assert plain(model) is model
    assert copy_of(model) is not model


@pytest.mark.parametrize("run", ["fresh", "gradients", "none"])
def test_shrink_takes_masked_filters_out(run):
    model = warmed(masked(), run)
    smaller = compress.shrink(model, X)
    assert [smaller[0].weight.shape[0], smaller[2].weight.shape[1]] == [5, 5]
    torch.testing.assert_close(smaller(X), model(X))


@pytest.mark.parametrize("run", ["fresh", "gradients", "none"])
def test_save_keeps_what_the_layer_computes_with(run, tmp_path):
    compress.save(tmp_path / "net", warmed(masked(), run), example_input=X)
    found = workloads.from_checkpoint(tmp_path / "net")
    assert [int((trace.weight == 0).all(1).sum()) for trace in found] == [3, 0]
    assert [trace.pruned for trace in found] == [True, False]


def test_a_pruner_begins_with_the_masked_weights():
    model = masked()
    pruner = compress.ADMMPruner(model, {"0": compress.Unstructured(40)}, example_input=X)
    pruner.harden()
    finished = pruner.finalize()
    assert int((finished[0].weight != 0).sum()) == 40
    assert int((finished[0].weight != 0).flatten(1).any(1).sum()) <= 5
    assert set(finished.state_dict()) == {"0.weight", "0.bias", "2.weight", "2.bias"}


def test_masked_layers_by_name():
    model = nn.Sequential(masked(), nn.Conv2d(4, 2, 1))
    assert masked_layers(model) == {"0.0"}
    without_hooks(model)
    assert masked_layers(model) == frozenset()
