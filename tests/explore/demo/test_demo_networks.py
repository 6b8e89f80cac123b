"""The demo's networks on a budget of seconds: what is saved, on which arrays it runs, that seeds hold."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import accelsim
import compress
import explore.recipes.data
import workloads
from accelsim.errors import CompressionError
from compress.granularity.entries import constraints_of
from explore.demo.networks import NETWORKS, recipe_of, train_recipes
from explore.recipes.compressing import compress_model
from explore.recipes.run import EXAMPLE_IMAGES
from workloads.datasets import Digits, digits

SHAPES = {"conv1": (20, 1, 5, 5), "conv2": (50, 20, 5, 5), "fc1": (500, 800), "fc2": (10, 500)}
LAYERS = list(SHAPES)


def few(seed, fast):
    """Digits so few that a stage takes a second."""
    whole = digits(seed, fast=True)
    parts = (whole.train_images, whole.train_labels, whole.test_images, whole.test_labels)
    return Digits(*(part[:count] for part, count in zip(parts, (320, 320, 100, 100), strict=True)))


def tiny(recipe):
    """The recipe with an epoch for each part of it that has any."""
    stages = tuple(
        replace(stage, epochs=min(1, stage.epochs), retrain_epochs=min(1, stage.all_epochs - stage.epochs))
        for stage in recipe.stages
    )
    start = None if recipe.start is None else tiny(recipe.start)
    return replace(recipe, stages=stages, start=start, pretrain_epochs=1)


RECIPES = {name: tiny(recipe_of(name, fast=True)) for name in NETWORKS}
EPOCHS = {"baseline": 1, "nonstructured": 2, "structured": 2, "pow2": 2, "binary": 2, "ternary": 2, "mixed": 0}


def train(out, progress=None, recipes=RECIPES):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(explore.recipes.data, "digits", few)
        return train_recipes(recipes, out, progress=progress)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder, the networks by name, and what the progress said."""
    out, lines = tmp_path_factory.mktemp("networks"), []
    networks = train(out, lambda stage, done, of: lines.append((stage, done, of)))
    return out, {network.name: network for network in networks}, lines


def test_progress_counts_every_epoch_of_every_network_once(trained):
    _, _, lines = trained
    total = sum(EPOCHS.values())
    assert [(done, of) for _, done, of in lines] == [(i + 1, total) for i in range(total)]
    assert lines[0][0] == "baseline, baseline"
    assert {"structured, admm, compress", "ternary, admm_ternary, retrain"} <= {stage for stage, _, _ in lines}


def test_each_network_is_saved_in_its_folder_with_its_rates_and_costs(trained):
    out, networks, _ = trained
    assert list(networks) == list(NETWORKS)
    assert sorted(path.name for path in out.iterdir()) == sorted(NETWORKS)
    for name, network in networks.items():
        saved = compress.read(out / name)
        assert sorted(path.name for path in (out / name).iterdir()) == ["manifest.json", "model.safetensors"]
        assert [layer.name for layer in saved.traces] == LAYERS
        assert [layer.pruned for layer in saved.traces] == [name in ("nonstructured", "structured")] * 4
        weights = [int(np.prod(layer.dense_shape[1:])) for layer in saved.traces]
        now = [np.count_nonzero(x.weight) if x.pruned else n for x, n in zip(saved.traces, weights, strict=True)]
        assert sum(weights) == 430_500
        assert network.result.whole_rate == pytest.approx(430_500 / sum(now))
        assert network.result.conv_rate == pytest.approx(25_500 / sum(now[:2]))
        assert saved.accuracy == network.result.accuracy
        assert len(saved.traces[0].ifmap) == EXAMPLE_IMAGES
        assert sum(network.epochs.values()) == EPOCHS[name]
        assert set(network.epochs) == set(network.seconds)
    assert set(networks["binary"].epochs) == {"train", "xnor_net 1"}
    assert set(networks["pow2"].epochs) == {"inq 1"}  # the baseline's epochs are the baseline's


def test_networks_have_the_structure_and_the_codes_of_their_methods(trained):
    out, _, _ = trained
    saved = {name: compress.read(out / name).traces for name in NETWORKS}
    codes = {name: [(x.weight_coding, x.weight_bits, x.activation_bits) for x in s] for name, s in saved.items()}
    assert codes["baseline"] == codes["nonstructured"] == codes["structured"] == [("uniform", 8, 8)] * 4
    assert codes["pow2"] == [("pow2", 4, 8)] * 4
    assert codes["binary"] == [("uniform", 8, 8), ("binary", 1, 1), ("binary", 1, 1), ("uniform", 8, 8)]
    assert codes["ternary"] == [("ternary", 2, 8)] * 4
    assert all(c == "uniform" and 2 <= min(w, a) <= max(w, a) <= 8 for c, w, a in codes["mixed"])
    assert saved["nonstructured"][1].weight.shape == (50, 20 * 5 * 5)
    assert saved["structured"][1].N < 50
    assert saved["structured"][0].N < 20
    assert saved["structured"][1].conv.columns is not None


def test_the_same_seed_repeats_and_a_recipe_alone_gives_the_demos_network(trained, tmp_path, monkeypatch):
    out, _, _ = trained
    train(tmp_path)
    monkeypatch.setattr(explore.recipes.data, "digits", few)
    for name in NETWORKS:
        first, again = ((folder / name / "model.safetensors").read_bytes() for folder in (out, tmp_path))
        assert first == again
    for name in ("structured", "binary"):
        recipe = RECIPES[name]
        compress_model(recipe.model, recipe, out=tmp_path / "alone" / name)
        for file in ("model.safetensors", "manifest.json"):
            assert (tmp_path / "alone" / name / file).read_bytes() == (out / name / file).read_bytes()


def test_the_binary_network_starts_from_the_baselines_weights(trained):
    out, _, _ = trained
    facts = json.loads((out / "binary" / "manifest.json").read_text())["provenance"]
    assert (facts["model"], facts["start"]["model"]) == ("lenet5_xnor", "lenet5")
    assert facts["start"]["recipe"] == "lenet5-demo-baseline-fast"
    # a filter that trained for an epoch and is scaled by a batch norm still points where it did
    first, last = (compress.read(out / name).traces[0].weight.reshape(20, -1) for name in ("baseline", "binary"))
    cosines = (first * 1.0 * last).sum(axis=1) / np.linalg.norm(first, axis=1) / np.linalg.norm(last, axis=1)
    assert cosines.min() > 0.5


def test_they_run_on_their_arrays_exactly_and_match_the_baseline_by_layer(trained):
    out, _, _ = trained
    networks = {name: workloads.from_checkpoint(out / name) for name in NETWORKS}
    for name, machine, arrays in (
        ("pow2", "lowbit/shift-16x16", ["shift"] * 4),
        ("binary", "lowbit/xnor-16x16x64", ["systolic", "xnor", "xnor", "systolic"]),
        ("ternary", "lowbit/ternary-16x16", ["ternary"] * 4),
        ("mixed", "lowbit/bitserial-16x16x64", ["bitserial"] * 4),
    ):
        report = accelsim.simulate(networks[name], machine, verify=True)
        layers = report.layers[report.layers["kind"] != "vector"]  # the signs of binary inputs are the vector unit's
        assert list(layers["array"]) == arrays
        assert list(layers["name"]) == LAYERS
    batch = len(networks["binary"].traces[2].activation)
    dense = accelsim.simulate(workloads.load("lenet5", batch=batch), "dense/os-16x16")
    xnor = accelsim.simulate(networks["binary"], "lowbit/xnor-16x16x64")
    assert xnor.layers["weights_nonzero"].sum() < xnor.layers["weights_dense"].sum()  # a few 8-bit weights round to 0
    assert accelsim.ppr(dense, xnor).alpha == 1


@pytest.mark.parametrize("stage", ["baseline, baseline", "structured, admm, compress"])
def test_an_interrupt_stops_every_training(tmp_path, stage):
    def interrupt(now, done, of):
        if now == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, interrupt)
    assert not (tmp_path / "structured").exists()


def test_an_error_of_one_network_stops_the_others_at_their_next_batch(tmp_path):
    """The network after the broken one would train for an hour."""
    (stage,) = RECIPES["pow2"].stages
    broken = replace(RECIPES["pow2"], stages=(replace(stage, settings={"bits": 9}),))
    endless = replace(RECIPES["ternary"], stages=(replace(RECIPES["ternary"].stages[0], epochs=10_000),))
    with pytest.raises(CompressionError, match="bits is 9"):
        train(tmp_path, recipes={"baseline": RECIPES["baseline"], "endless": endless, "broken": broken})
    assert [path.name for path in tmp_path.iterdir()] == ["baseline"]


def remaining(name, fast, layers):
    """At most so many weights remain by the last round's constraints."""
    last = constraints_of(recipe_of(name, fast).stages[-1].keep)
    return sum(int(last[n].mask(torch.rand(SHAPES[n]) + 1).sum()) if n in last else np.prod(SHAPES[n]) for n in layers)


def test_recipes_prune_as_much_as_promised():
    assert 25_500 / remaining("nonstructured", False, LAYERS[:2]) >= 20
    assert 430_500 / remaining("nonstructured", False, LAYERS) >= 40
    assert 25_500 / remaining("nonstructured", True, LAYERS[:2]) >= 6
    keep = recipe_of("structured").stages[-1].keep
    conv1 = keep["conv2"]["channels"] * keep["conv1"]["columns"]
    assert 25_500 / (conv1 + keep["conv2"]["columns"] * keep["conv2"]["filters"]) >= 10


@pytest.mark.parametrize("fast", [False, True])
def test_recipes_fix_most_weights_before_the_last_step_and_train_the_binary_network_longest(fast):
    recipes = {name: recipe_of(name, fast) for name in NETWORKS}
    (inq,) = recipes["pow2"].stages
    assert inq.settings["portions"][-1] >= 0.75
    steps = inq.epochs * ((3000 if fast else 8000) // inq.batch)
    assert steps == len(inq.settings["portions"]) * inq.settings["steps_per_portion"]
    (ternary,) = recipes["ternary"].stages
    assert ternary.settings["steps_per_iteration"] == (3000 if fast else 8000) // ternary.batch
    assert recipes["binary"].stages[0].epochs > inq.all_epochs > 0
    for name in NETWORKS:
        assert recipes[name].few_digits == fast
        assert recipes[name].epochs <= recipe_of(name).epochs
        assert recipes[name].pretrain_epochs == recipes["baseline"].pretrain_epochs or name == "binary"
