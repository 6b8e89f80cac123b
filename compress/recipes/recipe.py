"""Recipes: YAML files that say which methods work on a network one after another, and for how many epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError, unknown_name
from accelsim.files import read_yaml

from . import values as values
from .search_plan import Search, parse_search
from .stage import STAGE_KEYS, Stage, augmentation, parse_stage

WHAT = "recipe"
STAGES_LIMIT = 100
PRETRAIN_EPOCHS = 10
BATCH = 64


@dataclass(frozen=True)
class Recipe:
    """A network's training for `pretrain_epochs`, then its stages, or a search that makes them up as it goes.

    `model` is the only one it is for, or None. `start` is the recipe whose network gives its weights, wherever names
    and shapes are equal, to this one's before the training; None: they are drawn by the seed. `few_digits` takes 3,000
    digits to train on in place of 8,000. Batches have `batch` images, `pretrain_batch` (None: as many) before the first
    stage. `augmentation` holds fields of `workloads.datasets.Warp`, its defaults where a field is missing, and of
    `CropFlip`. `dataset` has the `name` of one of `workloads.datasets` and its settings, a `folder` for one; empty: the
    bundled digits. `criterion` has the `name` of one of torch's losses and its settings; empty: cross entropy.

    >>> recipe = parse_recipe({"method": "inq", "settings": {"bits": 4}, "epochs": 3, "seed": 1}, "mine")
    >>> [(stage.method, stage.all_epochs) for stage in recipe.stages], recipe.epochs
    ([('inq', 6)], 16)
    """

    name: str
    stages: tuple[Stage, ...]
    model: str | None = None
    start: Recipe | None = None
    few_digits: bool = False
    pretrain_epochs: int = PRETRAIN_EPOCHS
    pretrain_learning_rate: float = 1e-3
    pretrain_batch: int | None = None
    batch: int = BATCH
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    dataset: Mapping[str, Any] = field(default_factory=dict)
    criterion: Mapping[str, Any] = field(default_factory=dict)
    search: Search | None = None

    @property
    def epochs(self) -> int:
        """All epochs of training, those of `start` included, but those of a search, which decides by itself."""
        before = 0 if self.start is None else self.start.epochs
        return before + self.pretrain_epochs + sum(stage.all_epochs for stage in self.stages)

    def require_model(self, model: str) -> None:
        """ConfigError where the recipe is for another model."""
        if self.model not in {None, model}:
            raise ConfigError(f"{WHAT} {self.name!r} is for model {self.model!r:.90}, not {model!r:.90}")

    def with_seed(self, seed: int) -> Recipe:
        """The same recipe with another seed, also in what it starts from."""
        return replace(self, seed=seed, start=None if self.start is None else self.start.with_seed(seed))


def recipe_names() -> list[str]:
    """The names of the shipped recipes."""
    shipped = (files("compress") / "recipes").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in shipped if file.name.endswith(".yaml"))


def load_recipe(source: str | Path) -> Recipe:
    """The recipe of a shipped name, or in a YAML file. Loads no torch.

    Raises UnknownNameError, MissingFileError, FileFormatError, or ConfigError with the key, the value, what is
    expected and the nearest right name.

    >>> recipe = load_recipe("lenet5-admm-inq-quick")
    >>> [stage.method for stage in recipe.stages], recipe.pretrain_epochs
    (['admm', 'inq'], 6)
    """
    name = str(source)
    if name in recipe_names():
        path = Path(str(files("compress") / "recipes" / f"{name}.yaml"))
    else:
        path = Path(name)
        if not path.suffix and path.name == name and not path.exists():
            raise unknown_name(WHAT, name, recipe_names())
    return parse_recipe(read_yaml(path, WHAT), path.stem)


def parse_recipe(content: Mapping[str, Any], name: str) -> Recipe:
    """The recipe that a mapping holds: `method` and a stage's other keys, or a list of `stages`, or a `search`.

    Stages may come before a search; an empty list of them trains the network and no more. `after` names a shipped
    recipe, whose training and stages come first; `start` one whose network gives its weights. Raises UnknownNameError
    for one that is not there, else ConfigError.
    """
    where = f"{WHAT} {name!r:.90}"
    if "after" in content:
        return _continued(content, name, where)
    several = [key for key in ("stages", "search") if key in content]
    known = (*_RECIPE_KEYS, *several) if several else (*_RECIPE_KEYS, *STAGE_KEYS, "stages", "search")
    values.require_known(content, known, where)
    shared = values.checked({key: content[key] for key in _RECIPE_KEYS if key in content}, _RECIPE_KEYS, where)
    own = {key: value for key, value in content.items() if key in STAGE_KEYS and key not in _RECIPE_KEYS}
    entries = _stage_list(content["stages"], where, 0) if "stages" in content else [] if several else [(own, where)]
    stages = tuple(parse_stage(entry, place) for entry, place in entries)
    search = parse_search(content["search"], f"{where}: search") if "search" in content else None
    return Recipe(name, stages, search=search, **shared)


def _continued(content: Mapping[str, Any], name: str, where: str) -> Recipe:
    """The recipe that `after` names, with further stages."""
    values.require_known(content, ("after", "stages"), f"{where}, which continues another,")
    first = _shipped(content["after"], f"{where}: after")
    further = tuple(parse_stage(entry, place) for entry, place in _stage_list(content.get("stages"), where, 1))
    return replace(first, name=name, stages=(*first.stages, *further))


def _shipped(value: Any, where: str) -> Recipe:
    """A shipped recipe of stages, by name."""
    name = values.text(value, where)
    if name not in recipe_names():
        raise unknown_name(WHAT, name, recipe_names())
    recipe = load_recipe(name)
    if recipe.search is not None:
        raise ConfigError(f"{where} is {name!r}, which searches; a recipe of stages is expected")
    return recipe


def _start(value: Any, where: str) -> Recipe:
    """A shipped recipe that names its model."""
    recipe = _shipped(value, where)
    if recipe.model is None:
        raise ConfigError(f"{where} is {recipe.name!r}, which names no model; one that does is expected")
    return recipe


def _stage_list(value: Any, where: str, least: int) -> list[tuple[Mapping[str, Any], str]]:
    """Each stage's mapping with the words that name its place."""
    if not isinstance(value, list) or not least <= len(value) <= STAGES_LIMIT:
        raise ConfigError(f"{where}: stages is {value!r:.60}; a list of {least} to {STAGES_LIMIT} stages is expected")
    return [(entry, f"{where}: stage {number}") for number, entry in enumerate(value, start=1)]


_RECIPE_KEYS: Mapping[str, values.Check] = {
    "model": values.text,
    "start": _start,
    "few_digits": values.flag,
    "pretrain_epochs": values.epochs,
    "pretrain_learning_rate": values.rate,
    "pretrain_batch": values.batch,
    "batch": values.batch,
    "augmentation": augmentation,
    "seed": values.seed,
    "dataset": values.named,
    "criterion": values.named,
}
