"""Recipes: YAML files that say which methods work on a network one after another, and for how many epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError, unknown_name
from accelsim.files import read_yaml
from compress.recipes import values as values
from compress.recipes.search_plan import Search, parse_search
from compress.registry import methods

WHAT = "recipe"
STAGES_LIMIT = 100
PRETRAIN_EPOCHS = 10
BATCH = 64


@dataclass(frozen=True)
class Stage:
    """One method at work: `epochs` until it hardens, then `retrain_epochs` (None: as many) under its constraint.

    `settings` go to the method. `keep` says what stays of each layer where the method prunes to constraints; `bits`
    the width of each layer's weights where it quantizes to levels, one number for all. The learning rate falls by a
    cosine to `final_rate` times itself before hardening, and from `retrain_learning_rate` (None: the same) to a
    hundredth after. `augmentation` takes the place of the recipe's. `seed` fixes the batches; None: they follow from
    the recipe's seed and the stage's place.
    """

    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    keep: Mapping[str, Any] | None = None
    bits: int | Mapping[str, int] | None = None
    epochs: int = 4
    retrain_epochs: int | None = None
    learning_rate: float = 1e-3
    final_rate: float = 0.01
    retrain_learning_rate: float | None = None
    augmentation: Mapping[str, float] | None = None
    seed: int | None = None

    @property
    def all_epochs(self) -> int:
        """Before and after hardening."""
        return self.epochs + (self.epochs if self.retrain_epochs is None else self.retrain_epochs)


@dataclass(frozen=True)
class Recipe:
    """A network's training for `pretrain_epochs`, then its stages, or a search that makes them up as it goes.

    `model` is the only one it is for, or None. Batches have `batch` images, `pretrain_batch` (None: as many) before the
    first stage. `augmentation` holds fields of `workloads.datasets.Warp`, its
    defaults where a field is missing.
    """

    name: str
    stages: tuple[Stage, ...]
    model: str | None = None
    pretrain_epochs: int = PRETRAIN_EPOCHS
    pretrain_learning_rate: float = 1e-3
    pretrain_batch: int | None = None
    batch: int = BATCH
    augmentation: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    search: Search | None = None

    @property
    def epochs(self) -> int:
        """All epochs of training, but those of a search, which decides by itself."""
        return self.pretrain_epochs + sum(stage.all_epochs for stage in self.stages)

    def require_model(self, model: str) -> None:
        """ConfigError where the recipe is for another model."""
        if self.model not in {None, model}:
            raise ConfigError(f"{WHAT} {self.name!r} is for model {self.model!r:.90}, not {model!r:.90}")


def recipe_names() -> list[str]:
    """The names of the shipped recipes."""
    found = (files("compress") / "recipes").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in found if file.name.endswith(".yaml"))


def load_recipe(source: str | Path) -> Recipe:
    """The recipe of a shipped name, or in a YAML file. Loads no torch.

    Raises UnknownNameError, MissingFileError, FileFormatError, or ConfigError with the key, the value, what is
    expected and the nearest right name.
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

    Stages may come before a search. `after` names a shipped recipe, whose training and stages come first. Raises
    UnknownNameError for one that is not there, else ConfigError.
    """
    where = f"{WHAT} {name!r:.90}"
    if "after" in content:
        return _continued(content, name, where)
    several = [key for key in ("stages", "search") if key in content]
    values.require_known(content, (*_RECIPE, *several) if several else (*_RECIPE, *_STAGE, "stages", "search"), where)
    shared = values.checked({key: content[key] for key in _RECIPE if key in content}, _RECIPE, where)
    own = {key: value for key, value in content.items() if key in _STAGE and key not in _RECIPE}
    entries = _stage_list(content["stages"], where) if "stages" in content else [] if several else [(own, where)]
    stages = tuple(parse_stage(entry, place) for entry, place in entries)
    search = parse_search(content["search"], parse_stage, f"{where}: search") if "search" in content else None
    return Recipe(name, stages, search=search, **shared)


def _continued(content: Mapping[str, Any], name: str, where: str) -> Recipe:
    """The recipe that `after` names, with further stages."""
    values.require_known(content, ("after", "stages"), f"{where}, which continues another,")
    before = values.text(content["after"], f"{where}: after")
    if before not in recipe_names():
        raise unknown_name(WHAT, before, recipe_names())
    first = load_recipe(before)
    if first.search is not None:
        raise ConfigError(f"{where}: after is {before!r}, which searches; a recipe of stages is expected")
    further = tuple(parse_stage(entry, place) for entry, place in _stage_list(content.get("stages"), where))
    return replace(first, name=name, stages=(*first.stages, *further))


def _stage_list(value: Any, where: str) -> list[tuple[Mapping[str, Any], str]]:
    """Each stage's mapping with the words that name its place."""
    if not isinstance(value, list) or not 1 <= len(value) <= STAGES_LIMIT:
        raise ConfigError(f"{where}: stages is {value!r:.60}; a list of 1 to {STAGES_LIMIT} stages is expected")
    return [(entry, f"{where}: stage {number}") for number, entry in enumerate(value, start=1)]


def parse_stage(entry: Any, where: str) -> Stage:
    """One stage from its mapping; ConfigError where a key or a value cannot be."""
    values.mapping(entry, where, "a mapping with `method`")
    found = values.checked(entry, _STAGE, where)
    if "method" not in found:
        raise ConfigError(f"{where} has no method; `method: inq` for example is expected")
    return Stage(**found)


def _method(value: Any, where: str) -> str:
    name = values.text(value, where)
    known = [method.name for method in methods()]
    if name not in known:
        raise unknown_name("method", name, known)
    return name


def _augmentation(value: Any, where: str) -> dict[str, float]:
    """Numbers of at least 0; `Warp` knows how far each may go."""
    found = values.mapping(value, where, "a mapping of degrees, scale, shear, shift and elastic")
    values.require_known(found, ("degrees", "scale", "shear", "shift", "elastic"), where)
    return {key: values.number(entry, -1e-9, 180, f"{where}: {key}") for key, entry in found.items()}


def _bits(value: Any, where: str) -> int | dict[str, int]:
    """A width, or one a layer."""
    if not isinstance(value, dict):
        return values.integer(value, 1, 8, where)
    return {name: values.integer(bits, 1, 8, f"{where}: {name}") for name, bits in values.mapping(value, where).items()}


_STAGE: Mapping[str, values.Check] = {
    "method": _method,
    "settings": values.settings,
    "keep": values.keep,
    "bits": _bits,
    "epochs": values.epochs,
    "retrain_epochs": values.epochs,
    "learning_rate": values.rate,
    "final_rate": values.rate,
    "retrain_learning_rate": values.rate,
    "augmentation": _augmentation,
    "seed": values.seed,
}
_RECIPE: Mapping[str, values.Check] = {
    "model": values.text,
    "pretrain_epochs": values.epochs,
    "pretrain_learning_rate": values.rate,
    "pretrain_batch": values.batch,
    "batch": values.batch,
    "augmentation": _augmentation,
    "seed": values.seed,
}
