"""What a recipe trains and measures on: any data set of `workloads.datasets`, by name, as one kind of thing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from accelsim.errors import ConfigError, unknown_name
from compress.recipes import values
from workloads.datasets import (
    Batches,
    Corpus,
    CropFlip,
    Digits,
    ImageFolder,
    Images,
    TokenBatches,
    Warp,
    brown,
    cifar10,
    cifar100,
    digits,
    imdb,
    mnist,
    penn_treebank,
)

BUNDLED = ("digits", "brown")  # need no folder
MEASURED_PICTURES = 500  # of an image folder's, to measure on
CALIBRATED_PICTURES = 100
CHECKSUM_INPUTS = 100
Augment = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class RecipeData(Images):
    """Inputs and targets of a data set, to train and to test on, with the name and settings that a recipe gives it.

    Of an image folder `train_images` are those that activations are calibrated on; all pictures are read batch by batch
    from `pictures`. Of running text all four are windows of it, and batches come from `corpus`.
    """

    name: str = "digits"
    settings: Settings = field(default_factory=dict)
    pictures: ImageFolder | None = None
    corpus: Corpus | None = None

    def batches(self, generator: torch.Generator, size: int, augment: Augment | None) -> Any:
        """Batches of so many inputs to train on, in the order of the generator."""
        if self.corpus is not None:
            return TokenBatches(self.corpus.train, size, self.test_images.shape[1], generator)
        if self.pictures is not None:
            return _PictureBatches(self.pictures, generator, size, augment)
        return Batches(self.train_images, self.train_labels, generator, size, augment)

    @property
    def facts(self) -> dict[str, Any]:
        """What the provenance says of it: no path, but a checksum of what was read."""
        counts = {"train": self.train_count, "test": len(self.test_labels)}
        if self.name == "digits":
            return {f"{part}_digits": count for part, count in counts.items()}
        own = {key: value for key, value in self.settings.items() if key != "folder"}
        inputs = {f"{part}_inputs": count for part, count in counts.items()}
        return {"dataset": {"name": self.name, **own, "checksum": self._checksum()}, **inputs}

    @property
    def train_count(self) -> int:
        """Inputs to train on."""
        return len(self.train_labels) if self.pictures is None else len(self.pictures)

    def _checksum(self) -> str:
        parts = (self.train_images[:CHECKSUM_INPUTS], self.train_labels, self.test_images[:CHECKSUM_INPUTS])
        content = b"".join(part.contiguous().numpy().tobytes() for part in (*parts, self.test_labels))
        return hashlib.sha256(content).hexdigest()[:16]


@dataclass(frozen=True)
class _PictureBatches:
    """Shuffled batches of an image folder's pictures, read as they come, without a last, smaller one."""

    pictures: ImageFolder
    generator: torch.Generator
    size: int
    augment: Augment | None

    def __len__(self) -> int:
        return max(1, len(self.pictures) // self.size)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        whole = islice(self.pictures.batches(self.size, self.generator), len(self))
        for images, labels in whole:
            yield (images if self.augment is None else self.augment(images, self.generator)), labels


def data_of(dataset: Settings, shape: tuple[int, ...], seed: int = 0, *, few: bool = False) -> RecipeData:
    """The data set that `dataset` names, for a network that takes inputs of `shape`.

    `name` is one of digits, mnist, cifar10, cifar100, images (`folder/train/CLASS/*` and `folder/val/CLASS/*`), imdb,
    brown and penn_treebank; all but the bundled digits and brown need a `folder`. `few` and `seed` split the digits.
    Raises UnknownNameError with the nearest name, ConfigError for a setting that the data set does not take, and what
    its loader raises.
    """
    settings = {key: value for key, value in dataset.items() if key != "name"}
    name = dataset.get("name", "digits")
    if name not in LOADERS:
        raise unknown_name("dataset", str(name), LOADERS)
    load, known = LOADERS[name]
    values.require_known(settings, known, f"dataset {name!r}")
    if name not in BUNDLED and not isinstance(settings.get("folder"), str):
        raise ConfigError(f"dataset {name!r} has no folder; {{name: {name}, folder: PATH}} is expected")
    for key, value in settings.items():
        if key != "folder":
            values.integer(value, 1, values.BATCH_LIMIT, f"dataset {name!r}: {key}")
    return load(settings, shape, seed, few)


def augmentation_of(fields: Settings, dataset: str) -> Augment | None:
    """Random changes to images: `Warp` where its fields are named, `CropFlip` where `crop` or `flip` are.

    Digits are warped by `Warp`'s defaults where nothing else is said, other images stay as they are. A field of Warp
    that is not named is its default for digits, and 0 for other images.
    """
    cropped = {key: fields[key] for key in ("crop", "flip") if key in fields}
    warped = {key: value for key, value in fields.items() if key not in cropped}
    warp = None
    if dataset == "digits":
        warp = Warp(**warped)
    elif warped:
        warp = Warp(**{**dict.fromkeys(("degrees", "scale", "shear", "shift"), 0.0), **warped})
    if not cropped:
        return warp
    crop = CropFlip(**cropped)
    return crop if warp is None else Both(warp, crop)


@dataclass(frozen=True)
class Both:
    """A warp, then a crop."""

    warp: Warp
    crop: CropFlip

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """The images, each changed by itself."""
        return self.crop(self.warp(images, generator), generator)


def _digits(settings: Settings, shape: tuple[int, ...], seed: int, few: bool) -> RecipeData:
    return _of_images(digits(seed, few), "digits", settings)


def _images_of(load: Callable[[str], Images], name: str) -> Loader:
    def loaded(settings: Settings, shape: tuple[int, ...], seed: int, few: bool) -> RecipeData:
        return _of_images(load(settings["folder"]), name, settings)

    return loaded


def _of_images(images: Images | Digits, name: str, settings: Settings) -> RecipeData:
    tensors = (images.train_images, images.train_labels, images.test_images, images.test_labels)
    return RecipeData(*tensors, name, settings)


def _pictures(settings: Settings, shape: tuple[int, ...], seed: int, few: bool) -> RecipeData:
    """Pictures in the size that the network takes; up to `measured` of them are held to measure on."""
    size = settings.get("size", shape[-1])
    resize = settings.get("resize", round(size * 256 / 224))
    train, val = (ImageFolder(Path(settings["folder"]) / part, size, resize=resize) for part in ("train", "val"))
    if train.classes != val.classes:
        raise ConfigError(f"dataset 'images': {settings['folder']!r} has other classes in train than in val")
    generator = torch.Generator().manual_seed(seed)
    held = next(train.batches(CALIBRATED_PICTURES, generator))
    tested = next(val.batches(settings.get("measured", MEASURED_PICTURES), generator))
    return RecipeData(held[0], held[1], tested[0], tested[1], "images", settings, pictures=train)


def _reviews(settings: Settings, shape: tuple[int, ...], seed: int, few: bool) -> RecipeData:
    own = {key: value for key, value in settings.items() if key != "folder"}
    reviews = imdb(settings["folder"], **{"length": shape[0], **own})
    return RecipeData(reviews.train_ids, reviews.train_labels, reviews.test_ids, reviews.test_labels, "imdb", settings)


def _brown(settings: Settings, shape: tuple[int, ...], seed: int, few: bool) -> RecipeData:
    return _text(brown(**settings), "brown", settings, shape)


def _penn_treebank(settings: Settings, shape: tuple[int, ...], seed: int, few: bool) -> RecipeData:
    return _text(penn_treebank(settings["folder"]), "penn_treebank", settings, shape)


def _text(corpus: Corpus, name: str, settings: Settings, shape: tuple[int, ...]) -> RecipeData:
    """Windows of the length that the network takes, each word's target the next one."""
    train, test = _windows(corpus.train, shape[0]), _windows(corpus.test, shape[0])
    return RecipeData(*train, *test, name, settings, corpus=corpus)


def _windows(tokens: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    count = (len(tokens) - 1) // steps
    if count < 1:
        raise ConfigError(f"{len(tokens)} words give no window of {steps} steps; at least {steps + 1} are expected")
    return tokens[: count * steps].view(count, steps), tokens[1 : count * steps + 1].view(count, steps)


Loader = Callable[[Settings, tuple[int, ...], int, bool], RecipeData]
LOADERS: Mapping[str, tuple[Loader, tuple[str, ...]]] = {  # name -> what loads it, and its settings
    "digits": (_digits, ()),
    "mnist": (_images_of(mnist, "mnist"), ("folder",)),
    "cifar10": (_images_of(cifar10, "cifar10"), ("folder",)),
    "cifar100": (_images_of(cifar100, "cifar100"), ("folder",)),
    "images": (_pictures, ("folder", "size", "resize", "measured")),
    "imdb": (_reviews, ("folder", "vocabulary", "length")),
    "brown": (_brown, ("vocabulary",)),
    "penn_treebank": (_penn_treebank, ("folder",)),
}
