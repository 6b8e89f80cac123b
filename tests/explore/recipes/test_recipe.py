"""Recipes: what a file may hold, what is refused in one line, and that the stages do what they say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

import compress
from accelsim.errors import AccelSimError, CompressionError, ConfigError, MissingFileError, UnknownNameError
from compress.recipes.engine import check_stages, run_stages, stage_seed
from compress.recipes.recipe import Recipe, load_recipe, parse_recipe, recipe_names
from compress.recipes.stage import Stage
from tests.compress.networks import Cnn, images, made
from workloads.models import model as zoo_model


def test_a_single_method_is_a_recipe_of_one_stage(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("method: inq\nsettings: {bits: 3}\nepochs: 2\nseed: 5\nmodel: lenet5\npretrain_epochs: 1\n")
    recipe = load_recipe(file)
    stage = Stage("inq", {"bits": 3}, epochs=2)
    assert recipe == Recipe("mine", (stage,), model="lenet5", pretrain_epochs=1, seed=5)
    assert stage.all_epochs == 4  # as many again to retrain
    assert recipe.epochs == 5


def test_stages_follow_one_another_with_seeds_of_their_own():
    text = "stages:\n- {method: admm, seed: 3, retrain_epochs: 0}\n- {method: inq, learning_rate: 0.01}\nseed: 1\n"
    recipe = parse_recipe(yaml.safe_load(text), "two")
    assert [(s.method, s.seed, s.learning_rate) for s in recipe.stages] == [("admm", 3, 1e-3), ("inq", None, 0.01)]
    assert recipe.seed == 1


def test_a_recipe_that_continues_a_shipped_one_has_its_training_and_its_stages_first():
    before = load_recipe("lenet5-246x")
    recipe = parse_recipe({"after": "lenet5-246x", "stages": [{"method": "inq"}]}, "mine")
    assert recipe == replace(before, name="mine", stages=(*before.stages, Stage("inq")))


def test_a_recipe_without_stages_trains_and_no_more():
    recipe = parse_recipe({"stages": [], "pretrain_epochs": 3, "few_digits": True}, "mine")
    assert (recipe.stages, recipe.epochs, recipe.few_digits) == ((), 3, True)


def test_a_recipe_that_starts_from_another_ones_network_counts_its_epochs_and_shares_its_seed():
    recipe = parse_recipe({"start": "lenet5-admm-quick", "pretrain_epochs": 1, "stages": []}, "mine")
    assert recipe.start == load_recipe("lenet5-admm-quick")
    assert recipe.epochs == 1 + 6 + 5 + 4
    other = recipe.with_seed(7)
    assert (other.seed, other.start.seed, recipe.seed) == (7, 7, 0)


def test_the_batches_of_a_stage_follow_from_seeds():
    recipe = parse_recipe({"stages": [{"method": "inq", "seed": seed} for seed in (5, "recipe")]}, "mine")
    seeds = [stage_seed(3, place, stage) for place, stage in enumerate((*recipe.stages, Stage("inq")))]
    assert seeds == [5, 3, 4002]


def test_a_recipe_cannot_continue_one_that_does_not_ship():
    with pytest.raises(UnknownNameError, match="did you mean 'lenet5-246x'"):
        parse_recipe({"after": "lenet5-264x", "stages": [{"method": "inq"}]}, "mine")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"after": "lenet5-246x", "seed": 3, "stages": [{"method": "inq"}]}, "has no key 'seed'"),
        ({"after": "lenet5-246x"}, "stages is None"),
        ({"after": ["lenet5-246x"], "stages": []}, "after is"),
        ({"after": "lenet5-same-accuracy-structured", "stages": [{"method": "inq"}]}, "which searches"),
        ({}, "has no method"),
        ({"methd": "inq"}, "did you mean 'method'"),
        ({"method": "inqq"}, "did you mean 'inq'"),
        ({"method": 3}, "method is 3; a name is expected"),
        ({"method": "inq", "settings": [1]}, "settings is"),
        ({"method": "inq", "settings": {1: 2}}, "settings is"),
        ({"method": "inq", "epochs": -1}, "epochs is -1; an integer from 0"),
        ({"method": "inq", "epochs": 2.5}, "epochs is 2.5"),
        ({"method": "inq", "epochs": True}, "epochs is True"),
        ({"method": "inq", "retrain_epochs": 10**9}, "retrain_epochs is 1000000000"),
        ({"method": "inq", "pretrain_epochs": "many"}, "pretrain_epochs is 'many'"),
        ({"method": "inq", "seed": -1}, "seed is -1"),
        ({"method": "inq", "learning_rate": 0}, "learning_rate is 0"),
        ({"method": "inq", "learning_rate": float("nan")}, "learning_rate is nan"),
        ({"method": "inq", "model": 7}, "model is 7"),
        ({"method": "admm", "keep": 3}, "keep is 3; a mapping of layers"),
        ({"method": "admm", "keep": {"conv1": 1.5}}, "conv1 is 1.5; a count of at least 1"),
        ({"method": "admm", "keep": {"conv1": {"rows": 1}}}, "has no key 'rows'"),
        ({"method": "admm", "keep": {"conv1": {}}}, "conv1 is empty"),
        ({"method": "admm_levels", "bits": 9}, "bits is 9; an integer from 1 to 8"),
        ({"method": "inq", "batch": 0}, "batch is 0; an integer from 1"),
        ({"method": "inq", "augmentation": {"degree": 3}}, "did you mean 'degrees'"),
        ({"method": "inq", "augmentation": {"shift": -1}}, "shift is -1"),
        ({"stages": {"method": "inq"}}, "a list of 0 to 100 stages"),
        ({"after": "lenet5-246x", "stages": []}, "a list of 1 to 100 stages"),
        ({"method": "inq", "start": "lenet5-264x"}, "did you mean 'lenet5-246x'"),
        ({"method": "inq", "start": "lenet5-same-accuracy-structured"}, "which searches"),
        ({"method": "inq", "start": 3}, "start is 3; a name is expected"),
        ({"method": "inq", "few_digits": 1}, "few_digits is 1; true or false is expected"),
        ({"stages": [{"method": "inq", "seed": "own"}]}, "seed is 'own'"),
        ({"stages": [{"method": "inq", "batch": 0}]}, "batch is 0; an integer from 1"),
        ({"stages": ["inq"]}, "stage 1 is 'inq'"),
        ({"stages": [{"method": "inq"}, {"epoch": 1}]}, "stage 2 has no key 'epoch'; did you mean 'epochs'"),
        ({"stages": [{"method": "inq"}], "method": "inq"}, "has no key 'method'"),
        ({"stages": [{"method": "inq", "model": "lenet5"}]}, "stage 1 has no key 'model'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_that_names_it(content, says):
    with pytest.raises(AccelSimError) as error:
        parse_recipe(content, "mine")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_what_layers_keep_and_their_bits_are_for_methods_that_take_them():
    example = torch.zeros(2, 1, 28, 28)
    for stage, says in (
        (Stage("admm", keep={"conv1": 501}), "expected 1 to 500 elements"),
        (Stage("admm", keep={"conv3": 5}), "conv3"),
        (Stage("admm", {"rhoo": 1}, keep={"conv1": 5}), "cannot work with the settings"),
        (Stage("inq", keep={"conv1": 5}), "takes neither keep nor bits"),
        (Stage("admm", bits=3), "takes neither keep nor bits"),
        (Stage("admm_levels", bits={"conv1": 1}), "expected an integer from 2 to 8"),
    ):
        with pytest.raises((CompressionError, UnknownNameError), match=says):
            check_stages(Recipe("mine", (stage,)), zoo_model("lenet5"), example)


def test_names_and_files_that_are_not_there():
    with pytest.raises(UnknownNameError, match="did you mean 'lenet5-inq-quick'"):
        load_recipe("lenet5-inq-quik")
    with pytest.raises(MissingFileError, match=r"none\.yaml"):
        load_recipe("none.yaml")


def test_a_recipe_for_another_model_is_refused():
    with pytest.raises(ConfigError, match="is for model 'lenet5', not 'resnet18'"):
        Recipe("mine", (Stage("inq"),), model="lenet5").require_model("resnet18")
    Recipe("mine", (Stage("inq"),)).require_model("resnet18")


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_fit_their_models(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    model = zoo_model(recipe.model)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    check_stages(recipe, model, torch.zeros(2, 1, 28, 28))
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], before[key]) for key in before)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"keeps": 1}, "did you mean 'keep'"),
        ({"keep": "a"}, "keep='a'"),
        ({"rho": "x"}, "rho is 'x'"),
    ],
)
def test_settings_that_do_not_fit_the_method_are_refused_before_training(settings, says):
    with pytest.raises(CompressionError, match=says):
        check_stages(Recipe("mine", (Stage("admm", settings),)), made(Cnn), images())


class Counted:
    """Two batches, and how often they were walked."""

    def __init__(self, seed):
        self.seed, self.walks = seed, 0

    def __len__(self):
        return 2

    def __iter__(self):
        self.walks += 1
        return iter([(images(4, seed=self.seed), torch.arange(4) % 5)] * 2)


def test_stages_run_in_order_and_removed_columns_stay_removed(tmp_path):
    pruning = Stage("admm_column", {"keep": 0.5}, epochs=2, retrain_epochs=1, seed=4)
    recipe = Recipe("mine", (pruning, Stage("inq", epochs=1, retrain_epochs=0)), seed=3)
    walked, epochs = [], []

    def batches_of(seed):
        walked.append(Counted(seed))
        return walked[-1]

    model, method = run_stages(
        recipe, made(Cnn), batches_of=batches_of, example_input=images(), epoch_done=epochs.append
    )
    assert [b.seed for b in walked] == [4, 4001]  # its own, and one behind the recipe's that no other stage has
    assert epochs == ["admm_column, compress"] * 2 + ["admm_column, retrain", "inq, compress"]
    saved = compress.read(compress.save(tmp_path / "net", model, method=method))
    conv2 = saved.traces[1]
    assert conv2.weight_coding == "pow2"
    assert conv2.weight.shape[1] == len(conv2.conv.columns) <= 27
    assert np.count_nonzero(conv2.weight) > 0
