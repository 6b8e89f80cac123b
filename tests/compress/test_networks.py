"""The demo's networks on a budget of seconds: what is saved, that seeds hold, that an interrupt stops the training."""

import numpy as np
import pytest
import torch

import compress
from explore.demo import networks
from explore.demo.lowbit_networks import BinaryPlan, LowBitBudget, Pow2Plan
from explore.demo.network_training import EXAMPLE_IMAGES
from explore.demo.networks import FAST, FULL, Budget, Round
from workloads.datasets import Digits, digits


def few(seed=0):
    whole = digits(seed, fast=True)
    return Digits(whole.train_images[:320], whole.train_labels[:320], whole.test_images[:100], whole.test_labels[:100])


TINY = Budget(
    baseline_epochs=2,
    rounds={
        name: tuple(Round(r.keep, iterations=1, epochs_per_iteration=1, retrain_epochs=1) for r in rounds)
        for name, rounds in FAST.rounds.items()
    },
    low_bit=LowBitBudget(Pow2Plan(portions=(0.5,), retrain_epochs=1), BinaryPlan(real_epochs=1, epochs=1)),
)


def train(out, seed=0, progress=None):
    return networks._train(TINY, few(), out, seed, progress)


def test_networks_are_saved_with_their_structure_and_the_same_seed_repeats(tmp_path):
    told = []
    trained = train(tmp_path / "a", progress=lambda stage, done, of: told.append((done, of)))
    low_bit = ["pow2", "binary", "ternary", "mixed"]
    assert [t.name for t in trained] == ["baseline", "nonstructured", "structured", *low_bit]
    assert told == [(i + 1, TINY.epochs) for i in range(TINY.epochs)]
    saved = {t.name: compress.read(t.folder) for t in trained}
    for t in trained:
        layers = saved[t.name].traces
        assert [layer.name for layer in layers] == ["conv1", "conv2", "fc1", "fc2"]
        dense = sum(np.prod(layer.dense_shape[1:]) for layer in layers)
        assert dense == 430_500
        assert t.whole_rate == pytest.approx(dense / sum(np.count_nonzero(layer.weight) for layer in layers))
        conv = sum(np.count_nonzero(layer.weight) for layer in layers[:2])
        assert t.conv_rate == pytest.approx(25_500 / conv)
        assert len(layers[0].ifmap) == EXAMPLE_IMAGES
        assert saved[t.name].accuracy == t.accuracy
        assert set(t.epochs) == set(t.seconds)
    assert saved["nonstructured"].traces[1].weight.shape == (50, 20 * 5 * 5)
    assert saved["structured"].traces[1].N < 50
    assert saved["structured"].traces[0].N < 20
    assert saved["structured"].traces[1].conv.columns is not None
    again = train(tmp_path / "b")
    assert [t.accuracy for t in again] == [t.accuracy for t in trained]
    for one, other in zip(trained, again, strict=True):
        assert (one.folder / "model.safetensors").read_bytes() == (other.folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("stage", ["baseline, train", "structured, admm 1"])
def test_an_interrupt_stops_every_training(tmp_path, stage):
    def interrupt(now, done, of):
        if now == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, progress=interrupt)
    assert not (tmp_path / "structured").exists()


def weights_kept(budget, name, layers):
    """At most so many weights stay by the last round's constraints."""
    shapes = {"conv1": (20, 1, 5, 5), "conv2": (50, 20, 5, 5), "fc1": (500, 800), "fc2": (10, 500)}
    keep = budget.rounds[name][-1].keep
    return sum(int(keep[n].mask(torch.rand(shapes[n]) + 1).sum()) if n in keep else np.prod(shapes[n]) for n in layers)


def test_budgets_prune_as_much_as_promised():
    conv, all_layers = ("conv1", "conv2"), ("conv1", "conv2", "fc1", "fc2")
    assert 25_500 / weights_kept(FULL, "nonstructured", conv) >= 20
    assert 430_500 / weights_kept(FULL, "nonstructured", all_layers) >= 40
    assert 25_500 / weights_kept(FAST, "nonstructured", conv) >= 6
    channels, filters = FULL.rounds["structured"][-1].keep["conv2"].constraints[::2]
    columns = FULL.rounds["structured"][-1].keep["conv2"].constraints[1]
    conv1_columns = FULL.rounds["structured"][-1].keep["conv1"]
    left = channels.keep * conv1_columns.keep + columns.keep * filters.keep
    assert 25_500 / left >= 10
