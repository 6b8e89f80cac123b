"""Recipes: YAML files that say which methods work on a network one after another, and for how many epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError, suggestion, unknown_name
from accelsim.formats.files import read_yaml
from compress.registry import methods

WHAT = "recipe"
EPOCHS_LIMIT, SEED_LIMIT, STAGES_LIMIT = 10_000, 2**31, 100
PRETRAIN_EPOCHS = 10


@dataclass(frozen=True)
class Stage:
    """One method at work: `epochs` until it hardens, then `retrain_epochs` (None: as many) under its constraint.

    `settings` go to the method; `seed` fixes the order of the batches, the recipe's own where it is None.
    """

    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 4
    retrain_epochs: int | None = None
    learning_rate: float = 1e-3
    seed: int | None = None

    @property
    def all_epochs(self) -> int:
        """Before and after hardening."""
        return self.epochs + (self.epochs if self.retrain_epochs is None else self.retrain_epochs)


@dataclass(frozen=True)
class Recipe:
    """A network's training for `pretrain_epochs`, then its stages. `model` is the only one it is for, or None."""

    name: str
    stages: tuple[Stage, ...]
    model: str | None = None
    pretrain_epochs: int = PRETRAIN_EPOCHS
    pretrain_learning_rate: float = 1e-3
    seed: int = 0

    @property
    def epochs(self) -> int:
        """All epochs of training."""
        return self.pretrain_epochs + sum(stage.all_epochs for stage in self.stages)

    def require_model(self, model: str) -> None:
        """ConfigError where the recipe is for another model."""
        if self.model not in {None, model}:
            raise ConfigError(f"{WHAT} {self.name!r} is for model {self.model!r:.90}, not {model!r:.90}")


_STAGE_KEYS = tuple(f.name for f in dataclass_fields(Stage))
_RECIPE_KEYS = ("model", "pretrain_epochs", "pretrain_learning_rate", "seed", "stages")


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
    """The recipe that a mapping holds: `method` and a stage's other keys, or a list of `stages`; else ConfigError."""
    where = f"{WHAT} {name!r:.90}"
    many = "stages" in content
    _known(content, _RECIPE_KEYS if many else (*_RECIPE_KEYS, *_STAGE_KEYS), where)
    shared = {key: content[key] for key in _RECIPE_KEYS if key in content and key != "stages"}
    own = {key: value for key, value in content.items() if key in _STAGE_KEYS and key != "seed"}
    entries = _stage_list(content["stages"], where) if many else [(own, where)]
    return Recipe(name, tuple(_stage(entry, place) for entry, place in entries), **_recipe_values(shared, where))


def _recipe_values(shared: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The recipe's own keys, checked."""
    checks: dict[str, Callable[[Any, str], Any]] = {
        "model": _text,
        "pretrain_epochs": _epochs,
        "pretrain_learning_rate": _rate,
        "seed": _seed,
    }
    return {key: checks[key](value, f"{where}: {key}") for key, value in shared.items()}


def _stage_list(value: Any, where: str) -> list[tuple[Mapping[str, Any], str]]:
    """Each stage's mapping with the words that name its place."""
    if not isinstance(value, list) or not 1 <= len(value) <= STAGES_LIMIT:
        raise ConfigError(f"{where}: stages is {value!r:.60}; a list of 1 to {STAGES_LIMIT} stages is expected")
    return [(entry, f"{where}: stage {number}") for number, entry in enumerate(value, start=1)]


def _stage(entry: Any, where: str) -> Stage:
    """One stage from its mapping, checked."""
    if not isinstance(entry, dict) or not all(isinstance(key, str) for key in entry):
        raise ConfigError(f"{where} is {entry!r:.60}; a mapping with `method` is expected")
    _known(entry, _STAGE_KEYS, where)
    if "method" not in entry:
        raise ConfigError(f"{where} has no method; `method: inq` for example is expected")
    checks: dict[str, Callable[[Any, str], Any]] = {
        "method": _method,
        "settings": _settings,
        "epochs": _epochs,
        "retrain_epochs": _epochs,
        "learning_rate": _rate,
        "seed": _seed,
    }
    return Stage(**{key: checks[key](value, f"{where}: {key}") for key, value in entry.items()})


def _known(content: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    known = list(dict.fromkeys(known))
    for key in content:
        if key not in known:
            raise ConfigError(f"{where} has no key {key[:60]!r}; {suggestion(key[:60], known)}")


def _method(value: Any, where: str) -> str:
    name = _text(value, where)
    known = [method.name for method in methods()]
    if name not in known:
        raise unknown_name("method", name, known)
    return name


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where} is {value!r:.60}; a name is expected")
    return value


def _settings(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{where} is {value!r:.60}; a mapping of the method's settings is expected")
    return value


def _epochs(value: Any, where: str) -> int:
    return _integer(value, EPOCHS_LIMIT, where)


def _seed(value: Any, where: str) -> int:
    return _integer(value, SEED_LIMIT, where)


def _integer(value: Any, most: int, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ConfigError(f"{where} is {value!r:.60}; an integer from 0 to {most} is expected")
    return value


def _rate(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ConfigError(f"{where} is {value!r:.60}; a number above 0 and up to 1 is expected")
    return float(value)
