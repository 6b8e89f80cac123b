"""Recipes on any data set and any loss: small files in each set's own format, trained on, measured and saved."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torch import nn

import explore.recipes.data
import explore.recipes.run
from accelsim.errors import AccelSimError, CompressionError, ConfigError, MissingFileError
from compress.recipes.recipe import parse_recipe
from explore.recipes.compressing import compress_model
from explore.recipes.data import Both, augmentation_of, data_of
from explore.recipes.run import RecipeRun
from explore.recipes.step_store import StepStore
from tests.workloads.datasets.test_dataset_files import TEN, binary, mnist_folder, pictures, reviews, treebank
from workloads.datasets import Batches, CropFlip, TokenBatches, Warp
from workloads.models.lstm_lm import LanguageModel
from workloads.models.lstm_sentiment import SentimentModel

RNG = np.random.default_rng(1)
SHORT = {"pretrain_epochs": 1, "batch": 2, "seed": 1}


class Tiny(nn.Module):
    """A conv and a linear layer for images of 16 x 16."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3, stride=2), nn.Linear(4 * 49, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv(images).relu().flatten(1))


def cifar(folder: Path) -> Path:
    binary(folder / "cifar-10-batches-bin", [f"{name}.bin" for name in TEN], [[4], [9], [0]])
    return folder


def cifar_100(folder: Path) -> Path:
    binary(folder / "cifar-100-binary", ["train.bin", "test.bin"], [[0, 4], [1, 9], [2, 7]])
    return folder


def image_folders(folder: Path) -> Path:
    for part in ("train", "val"):
        pictures(folder / part)
    return folder


def text(folder: Path) -> Path:
    words = " ".join(RNG.choice(["the", "cat", "dog", "<unk>"], 200))
    return treebank(folder, train=words + "\n", test=words + "\n")


SETS = {  # name -> its files, the network, and the shape of its inputs
    "mnist": (lambda folder: mnist_folder(folder, packed=True), "lenet5", None, {}),
    "cifar10": (cifar, "mobilenet_v2_cifar", None, {}),
    "cifar100": (cifar_100, "resnet56", None, {}),
    "images": (image_folders, "tiny", (3, 16, 16), {"measured": 2}),
    "imdb": (reviews, "reviews", (12,), {"vocabulary": 6}),
    "penn_treebank": (text, "words", (7,), {}),
}
NETWORKS = {
    "tiny": Tiny,
    "reviews": lambda: SentimentModel(vocabulary=6, embedding=4, hidden=5),
    "words": lambda: LanguageModel(vocabulary=6, embedding=4, hidden=(5, 5)),
}


@pytest.fixture
def zoo(monkeypatch):
    """Networks so small that an epoch takes no time, beside those of the zoo."""
    shapes = {network: shape for _, network, shape, _ in SETS.values() if shape}
    own = explore.recipes.run.zoo_model
    monkeypatch.setattr(explore.recipes.run, "INPUTS", {**explore.recipes.run.INPUTS, **shapes})
    monkeypatch.setattr(explore.recipes.run, "zoo_model", lambda name: NETWORKS.get(name, lambda: own(name))())


@pytest.mark.parametrize("name", SETS)
def test_a_recipe_trains_prunes_and_saves_on_every_data_set(tmp_path, zoo, name):
    files, network, _, settings = SETS[name]
    folder = files(tmp_path)
    plan = parse_recipe(
        yaml.safe_load(
            yaml.safe_dump(
                {
                    **SHORT,
                    "dataset": {"name": name, "folder": str(folder), **settings},
                    "stages": [{"method": "iterative_magnitude", "epochs": 1, "retrain_epochs": 0}],
                }
            )
        ),
        "mine",
    )
    result = compress_model(network, plan, out=tmp_path / "out")
    assert 0 <= result.accuracy <= 1
    assert result.whole_rate > 1
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert f'"{name}"' in json.dumps(facts)
    assert str(folder) not in json.dumps(facts)


def test_other_files_give_another_key(tmp_path, zoo):
    plan = parse_recipe({**SHORT, "dataset": {"name": "mnist", "folder": str(tmp_path)}, "method": "inq"}, "mine")
    mnist_folder(tmp_path, packed=False)
    first = RecipeRun("lenet5", plan, StepStore(tmp_path)).key(())
    assert RecipeRun("lenet5", plan, StepStore(tmp_path)).key(()) == first
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\x00")
    assert RecipeRun("lenet5", plan, StepStore(tmp_path)).key(()) != first


def test_running_text_is_windows_and_what_follows(tmp_path):
    data = data_of({"name": "penn_treebank", "folder": str(text(tmp_path))}, (7,))
    assert data.train_images.shape == data.train_labels.shape == (28, 7)
    assert torch.equal(data.train_images.flatten()[1:], data.train_labels.flatten()[:-1])
    assert isinstance(data.batches(torch.Generator(), 2, None), TokenBatches)
    assert data_of({"name": "brown", "vocabulary": 50}, (35,)).test_images.max() == 49


def test_pictures_are_read_batch_by_batch(tmp_path):
    data = data_of({"name": "images", "folder": str(image_folders(tmp_path))}, (3, 16, 16))
    batches = data.batches(torch.Generator().manual_seed(0), 2, None)
    assert [len(labels) for _, labels in batches] == [2]
    assert (len(batches), data.train_count, data.test_images.shape) == (1, 3, (3, 3, 16, 16))
    Image.new("RGB", (30, 30)).save(tmp_path / "val" / "n02" / "d.png")
    (tmp_path / "val" / "n03").mkdir()
    with pytest.raises(ConfigError, match="other classes in train"):
        data_of({"name": "images", "folder": str(tmp_path)}, (3, 16, 16))


@pytest.mark.parametrize(
    ("dataset", "error", "says"),
    [
        ({"name": "cifar11"}, AccelSimError, "did you mean 'cifar10'"),
        ({"name": "cifar10"}, ConfigError, "has no folder"),
        ({"name": "cifar10", "folder": "none"}, MissingFileError, "holds no CIFAR-10"),
        ({"name": "mnist", "folder": ".", "vocabulary": 3}, ConfigError, "has no key 'vocabulary'"),
        ({"name": "brown", "vocabulary": 0}, ConfigError, "vocabulary is 0"),
    ],
)
def test_data_sets_that_cannot_be_are_named(dataset, error, says):
    with pytest.raises(error, match=says):
        data_of(dataset, (3, 32, 32))


@pytest.mark.parametrize("value", [3, {"folder": "x"}, {"name": 3}, ""])
def test_a_recipe_says_which_data_set(value):
    for key in ("dataset", "criterion"):
        with pytest.raises(ConfigError, match=key):
            parse_recipe({"method": "inq", key: value}, "mine")


# criteria


def few_digits(tmp_path, **fields):
    folder = mnist_folder(tmp_path, packed=False)
    dataset = {"name": "mnist", "folder": str(folder)}
    return parse_recipe({**SHORT, "dataset": dataset, "stages": [], **fields}, "mine")


@pytest.mark.parametrize(
    "loss",
    [
        "CrossEntropyLoss",
        "mse_loss",
        {"name": "CrossEntropyLoss", "label_smoothing": 0.1},
        "MultiMarginLoss",
        "nll_loss",
    ],
)
def test_a_recipe_trains_by_any_loss(tmp_path, loss):
    plan = few_digits(tmp_path, criterion=loss)
    run = RecipeRun("lenet5", plan, StepStore(tmp_path / "steps"))
    assert run.after(()).facts.accuracy >= 0
    assert run.provenance(())["criterion"]["name"] == (loss if isinstance(loss, str) else loss["name"])
    plain = RecipeRun("lenet5", few_digits(tmp_path), StepStore(tmp_path / "steps"))
    assert run.key(()) != plain.key(())


def test_the_loss_decides_the_network(tmp_path):
    def trained(**fields):
        run = RecipeRun("lenet5", few_digits(tmp_path, **fields), StepStore(tmp_path / "steps"))
        return run.after(()).model.state_dict()["fc2.weight"]

    assert torch.equal(trained(), trained(criterion="cross_entropy"))
    assert not torch.equal(trained(), trained(criterion="mse_loss"))


@pytest.mark.parametrize(
    ("loss", "error", "says"),
    [
        ("CrossEntropyLos", AccelSimError, "did you mean 'CrossEntropyLoss'"),
        ({"name": "mse_loss", "smoothing": 1}, CompressionError, "cannot take"),
        ("BCELoss", ConfigError, "criterion 'BCELoss' cannot compare the outputs of 'lenet5'"),
        ({"name": "CrossEntropyLoss", "weight": [1.0, 2.0]}, ConfigError, "cannot compare"),
    ],
)
def test_losses_that_cannot_be_are_named_before_training(tmp_path, loss, error, says):
    with pytest.raises(error, match=says) as caught:
        RecipeRun("lenet5", few_digits(tmp_path, criterion=loss), StepStore(tmp_path))
    assert "\n" not in str(caught.value)


def test_more_classes_than_the_network_has_are_refused(tmp_path):
    binary(tmp_path / "cifar-100-binary", ["train.bin", "test.bin"], [[0, 40], [1, 9], [2, 7]])
    plan = parse_recipe({**SHORT, "dataset": {"name": "cifar100", "folder": str(tmp_path)}, "stages": []}, "mine")
    with pytest.raises(ConfigError, match="dataset 'cifar100' has 41 classes; model 'resnet56' tells 10 apart"):
        RecipeRun("resnet56", plan, StepStore(tmp_path))


def test_images_of_another_size_are_refused(tmp_path):
    plan = parse_recipe({**SHORT, "dataset": {"name": "cifar10", "folder": str(cifar(tmp_path))}, "stages": []}, "mine")
    with pytest.raises(ConfigError, match=r"takes \(1, 28, 28\), not cifar10 of \(3, 32, 32\)"):
        RecipeRun("lenet5", plan, StepStore(tmp_path))


# augmentation


def test_digits_are_warped_by_default_and_other_images_as_asked():
    assert augmentation_of({}, "digits") == Warp()
    assert augmentation_of({"degrees": 3}, "digits") == Warp(degrees=3)
    assert augmentation_of({}, "cifar10") is None
    assert augmentation_of({"crop": 4, "flip": True}, "cifar10") == CropFlip(4, True)
    assert augmentation_of({"degrees": 3}, "cifar10") == Warp(degrees=3, scale=0, shear=0, shift=0)
    assert augmentation_of({"flip": False}, "digits") == Both(Warp(), CropFlip(4, False))


def test_a_recipe_crops_and_flips():
    plan = parse_recipe({"method": "inq", "augmentation": {"crop": 4, "flip": True}}, "mine")
    assert plan.augmentation == {"crop": 4, "flip": True}
    for wrong, says in (({"crop": 1.5}, "crop is 1.5"), ({"flip": 1}, "flip is 1; true or false")):
        with pytest.raises(ConfigError, match=says):
            parse_recipe({"method": "inq", "augmentation": wrong}, "mine")


def test_batches_are_augmented_by_anything():
    images = torch.rand(4, 3, 8, 8)
    batches = Batches(images, torch.arange(4), torch.Generator().manual_seed(0), 4, CropFlip(0, False))
    ((same, labels),) = batches
    assert torch.equal(same, images[labels])
