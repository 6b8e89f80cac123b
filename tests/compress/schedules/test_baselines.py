"""The methods that ADMM is measured against, and ADMM in rounds."""

import numpy as np
import pytest
import torch

import compress
from accelsim.errors import CompressionError, UnknownNameError
from compress.granularity.constraints import Unstructured
from compress.schedules.admm_progressive import ProgressivePruner, rates_from_prior, round_rates
from tests.compress.compress_conformance import train, weights
from tests.compress.networks import Cnn, made

PRUNERS = [
    "admm",
    "admm_progressive",
    "iterative_magnitude",
    "l1_regularization",
    "l2_regularization",
    "projected_gradient",
]


def density(model, name="fc1"):
    weight = weights(model)[name]
    return int(weight.count_nonzero()) / weight.numel()


@pytest.mark.parametrize(("name", "power"), [("l1_regularization", 1), ("l2_regularization", 2)])
def test_fixed_penalty_is_the_norm_of_all_weights(name, power):
    model = made(Cnn)
    method = compress.create(name, model, strength=0.02)
    every = np.concatenate([w.flatten().numpy() for w in weights(model).values()])
    penalty = method.penalty()
    assert float(penalty) == pytest.approx(0.02 / power * float((np.abs(every) ** power).sum()), rel=1e-5)
    penalty.backward()
    weight = model.fc1.weight
    expected = 0.02 * (weight.sign() if power == 1 else weight)
    assert torch.allclose(weight.grad, expected.detach())


@pytest.mark.parametrize("name", ["l1_regularization", "l2_regularization"])
def test_fixed_regularization_shrinks_the_weights_then_keeps_the_largest(name):
    model, plain = made(Cnn), made(Cnn)
    method = compress.create(name, model, keep=0.1, strength=0.05)
    train(model, method, 20)
    train(plain, compress.create(name, plain, strength=1e-12), 20)
    assert float(model.fc1.weight.abs().sum()) < 0.8 * float(plain.fc1.weight.abs().sum())
    largest = Unstructured(0.1).project(model.fc1.weight.detach())
    method.harden()
    assert torch.equal(model.fc1.weight.detach(), largest)


def test_iterative_magnitude_prunes_the_same_share_each_round():
    model = made(Cnn)
    method = compress.create("iterative_magnitude", model, keep={"fc1": 0.125}, rounds=3, steps_per_round=2)
    seen, zeros = [], torch.zeros_like(model.fc1.weight, dtype=torch.bool)
    for _ in range(8):
        train(model, method, 1, decay=0.1)
        assert not model.fc1.weight[zeros].any()
        zeros = model.fc1.weight.detach() == 0
        seen.append(density(model))
    assert seen == pytest.approx([1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.125], abs=0.01)
    assert density(model, "fc2") == 1


def test_iterative_magnitude_takes_the_smallest():
    model = made(Cnn)
    method = compress.create("iterative_magnitude", model, keep={"fc1": 0.25}, rounds=2, steps_per_round=1)
    expected = Unstructured(0.5).project(model.fc1.weight.detach())
    method.step()
    assert torch.equal(model.fc1.weight.detach(), expected)


def test_projected_gradient_lets_pruned_weights_come_back():
    model = made(Cnn)
    method = compress.create("projected_gradient", model, keep={"fc1": 0.2}, steps_per_projection=5)
    train(model, method, 5)
    assert density(model) == pytest.approx(0.2, abs=0.001)
    came_back = tuple((model.fc1.weight.detach() == 0).nonzero()[0])
    train(model, method, 4)
    assert density(model) > 0.5
    with torch.no_grad():
        model.fc1.weight[came_back] = 9.0
    method.step()
    assert density(model) == pytest.approx(0.2, abs=0.001)
    assert float(model.fc1.weight[came_back].detach()) == 9.0


def test_projected_gradient_projects_what_an_earlier_pruning_left():
    model = made(Cnn)
    compress.create("admm", model, keep=0.5).finalize()
    gone = model.fc1.weight.detach() == 0
    method = compress.create("projected_gradient", model, keep=0.1)
    train(model, method, 4)
    assert density(model) == pytest.approx(0.1, abs=0.001)
    assert not model.fc1.weight[gone].any()


def test_progressive_rounds_prune_in_turn_and_recover_nothing():
    model = made(Cnn)
    settings = {"iterations": 2, "steps_per_iteration": 2, "retrain_steps": 3}
    method = compress.create("admm_progressive", model, keep={"fc1": 0.1}, rounds=3, growth=2.0, **settings)
    seen, gone = [], torch.zeros_like(model.fc1.weight, dtype=torch.bool)
    for _ in range(20):
        train(model, method, 1, decay=0.1)
        assert not model.fc1.weight[gone].any()
        gone = model.fc1.weight.detach() == 0
        seen.append(density(model))
    assert seen == pytest.approx([1] * 3 + [0.4] * 7 + [0.2] * 10, abs=0.002)
    method.harden()
    assert density(model) == pytest.approx(0.1, abs=0.001)


def test_progressive_retrains_without_penalty_and_starts_each_round_anew():
    model = made(Cnn)
    method = compress.create("admm_progressive", model, rho=0.01, iterations=2, steps_per_iteration=1, retrain_steps=2)
    penalties = []
    for _ in range(5):
        penalties.append(float(method.penalty().detach()))
        train(model, method, 1)
    assert [p > 0 for p in penalties] == [True, True, False, False, True]
    assert method.round == 1
    assert method.admm.rho == pytest.approx(0.01 * 1.3)


def test_rates_grow_from_prior_ones_in_proportion():
    prior = {"conv1": 2.0, "fc1": 10.0}
    assert rates_from_prior(prior) == {"conv1": 6.0, "fc1": 30.0}
    assert round_rates(rates_from_prior(prior)) == [{"conv1": 3.0, "fc1": 15.0}, {"conv1": 6.0, "fc1": 30.0}]
    low = round_rates({"conv1": 1.5}, rounds=2, growth=2.0)
    assert 1 < low[0]["conv1"] < low[1]["conv1"] == 1.5


def test_prior_rates_set_the_rounds():
    model = made(Cnn)
    method = compress.create("admm_progressive", model, prior_rates={"conv2": 2.0, "fc1": 5.0})
    counts = [{name: constraint.keep for name, constraint in turn.items()} for turn in method.rounds]
    sizes = {"conv2": 8 * 6 * 9, "fc1": 12 * 128}
    assert counts == [
        {"conv2": sizes["conv2"] // 3, "fc1": round(sizes["fc1"] / 7.5)},
        {"conv2": sizes["conv2"] // 6, "fc1": round(sizes["fc1"] / 15)},
    ]


@pytest.mark.parametrize("name", PRUNERS)
def test_keep_is_one_share_or_one_a_layer(name):
    model = made(Cnn)
    finished = compress.create(name, model, keep={"fc1": 0.1, "conv2": 40}).finalize()
    left = {layer: int(weight.count_nonzero()) for layer, weight in weights(finished).items()}
    assert (left["fc1"], left["conv2"]) == (round(0.1 * 12 * 128), 40)
    assert (left["conv1"], left["fc2"]) == (54, 60)
    with pytest.raises(UnknownNameError, match=r"unknown layer 'fc3'; did you mean 'fc[12]'"):
        compress.create(name, made(Cnn), keep={"fc3": 0.1})
    with pytest.raises(CompressionError, match=r"layer 'fc1': Unstructured\(keep=1.5\); expected 1 to 1536 elements"):
        compress.create(name, made(Cnn), keep={"fc1": 1.5})


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("l1_regularization", {"strength": -1.0}, r"strength is -1\.0"),
        ("l2_regularization", {"strength": float("nan")}, "strength is nan"),
        ("projected_gradient", {"steps_per_projection": 0}, "steps_per_projection is 0"),
        ("iterative_magnitude", {"rounds": 2.5}, r"rounds is 2\.5"),
        ("iterative_magnitude", {"steps_per_round": True}, "steps_per_round is True"),
        ("admm_progressive", {"rounds": 0}, "rounds is 0"),
        ("admm_progressive", {"growth": 1.0}, r"growth is 1\.0"),
        ("admm_progressive", {"retrain_steps": -1}, "retrain_steps is -1"),
        ("admm_progressive", {"prior_rates": {"fc1": 0.5}}, r"prior rate of layer 'fc1' is 0\.5"),
        ("admm_channel", {"keep": {"fc1": 0.5}}, r"layer 'fc1': Channels needs a conv weight"),
    ],
)
def test_impossible_settings_are_refused(name, settings, message):
    with pytest.raises(CompressionError, match=message):
        compress.create(name, made(Cnn), **settings)


def test_rounds_must_name_the_same_layers():
    with pytest.raises(CompressionError, match=r"round 1 names \['fc1'\]; the last one \['fc2'\]"):
        ProgressivePruner(made(Cnn), [{"fc1": Unstructured(5)}, {"fc2": Unstructured(5)}])
    with pytest.raises(CompressionError, match="round 2: layer 'fc1' keeps 9 elements; expected at most the 5"):
        ProgressivePruner(made(Cnn), [{"fc1": Unstructured(5)}, {"fc1": Unstructured(9)}])
    with pytest.raises(CompressionError, match="rounds is empty"):
        ProgressivePruner(made(Cnn), [])
