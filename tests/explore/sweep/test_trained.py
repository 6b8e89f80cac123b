"""Recipes of a sweep: a network is trained once, and the points simulate its checkpoint."""

import pytest
import yaml

import accelsim
import workloads
from accelsim.errors import CompressionError
from explore.recipes import compressing
from explore.sweep import trained
from explore.sweep.trained import Training

RECIPE = {"few_digits": True, "pretrain_epochs": 1, "seed": 3, "stages": []}


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "short.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    return str(path)


@pytest.fixture
def calls(monkeypatch):
    """What is trained: a folder with a shape in it, in place of minutes of training."""
    made = []

    def compress_model(model, recipe, *, out, seed, steps):
        made.append((model, recipe.name, seed))
        out.mkdir(parents=True)
        if seed == 13:
            raise CompressionError("the loss is not finite")

    monkeypatch.setattr(compressing, "compress_model", compress_model)
    return made


def test_each_network_is_trained_once_and_stays(calls, recipe):
    wanted = [Training("lenet5", recipe, seed) for seed in (1, 2, 1)]
    told = []
    trained.train_all(dict.fromkeys(wanted), 1, told.append)
    assert calls == [("lenet5", "short", 1), ("lenet5", "short", 2)]
    assert len(told) == 3
    trained.train_all(wanted, 1, told.append)
    place = trained.checkpoint_of(wanted[0])
    assert place.is_dir()
    assert (len(calls), len(told)) == (2, 3)


def test_what_cannot_be_trained_says_so_and_is_not_tried_again(calls, recipe):
    for _ in range(2):
        with pytest.raises(CompressionError, match="the loss is not finite"):
            trained.checkpoint_of(Training("lenet5", recipe, 13))
    assert len(calls) == 1


def test_points_of_a_network_that_cannot_be_trained_are_infeasible(calls, recipe):
    entry = {"name": "lenet5", "recipe": recipe, "seed": 13}
    frame = accelsim.sweep([entry, "lenet5_xnor"], ["dense/os-16x16"], jobs=1)
    assert frame["status"].tolist() == ["infeasible", "done"]
    assert "the loss is not finite" in frame["error"][0]


def test_another_recipe_of_the_same_name_is_another_network(tmp_path, recipe):
    place = trained.place_of(Training("lenet5", recipe))
    (tmp_path / "short.yaml").write_text(yaml.safe_dump(RECIPE | {"pretrain_epochs": 2}))
    assert trained.place_of(Training("lenet5", recipe)) != place


@pytest.mark.slow
def test_a_recipe_is_carried_out_and_its_accuracy_stands_in_the_row(tmp_path, recipe):
    entry = {"name": "lenet5", "recipe": recipe, "batch": [1, 2]}
    frame = accelsim.sweep([entry], ["dense/os-16x16"], out=tmp_path / "out", jobs=1)
    checkpoint = trained.checkpoint_of(Training("lenet5", recipe))
    for batch, cycles in zip((1, 2), frame["cycles"], strict=True):
        assert accelsim.simulate(workloads.load(checkpoint, batch=batch), "dense/os-16x16").cycles == cycles
    stated = workloads.load(checkpoint).provenance["accuracy"]
    assert frame["accuracy"].tolist() == [stated, stated]
    assert 0.5 < stated <= 1
