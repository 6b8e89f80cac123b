"""One stage of a recipe: a method at work for some epochs, then retraining under its constraint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from accelsim.errors import ConfigError, unknown_name

from ..registry import methods
from . import values as values

RECIPE_SEED: Literal["recipe"] = "recipe"


@dataclass(frozen=True)
class Stage:
    """One method at work: `epochs` until it hardens, then `retrain_epochs` (None: as many) under its constraint.

    `settings` go to the method. `keep` says how much of each layer remains where the method prunes to constraints;
    `bits` the width of each layer's weights where it quantizes to levels, one number for all. The learning rate falls
    by a cosine to `final_rate` times itself before hardening, and from `retrain_learning_rate` (None: the same) to a
    hundredth after. `augmentation` and `batch` take the place of the recipe's. `seed` fixes the batches: a number, or
    "recipe" for the recipe's own, in which the baseline was trained; None: it follows from the recipe's seed and the
    stage's place.
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
    augmentation: Mapping[str, Any] | None = None
    batch: int | None = None
    seed: int | Literal["recipe"] | None = None

    @property
    def all_epochs(self) -> int:
        """Before and after hardening."""
        return self.epochs + (self.epochs if self.retrain_epochs is None else self.retrain_epochs)


def parse_stage(entry: Any, where: str) -> Stage:
    """One stage from its mapping; ConfigError where a key or a value cannot be."""
    values.mapping(entry, where, "a mapping with `method`")
    checked = values.checked(entry, STAGE_KEYS, where)
    if "method" not in checked:
        raise ConfigError(f"{where} has no method; `method: inq` for example is expected")
    return Stage(**checked)


WARP = ("degrees", "scale", "shear", "shift", "elastic")


def augmentation(value: Any, where: str) -> dict[str, Any]:
    """Numbers of at least 0, of which `Warp` knows how far each may go; `crop` in pixels, and `flip`."""
    entries = values.mapping(value, where, "a mapping of degrees, scale, shear, shift, elastic, crop and flip")
    values.require_known(entries, (*WARP, "crop", "flip"), where)
    return {key: _augmentation_field(key, entry, f"{where}: {key}") for key, entry in entries.items()}


def _augmentation_field(key: str, value: Any, where: str) -> Any:
    if key == "flip":
        return values.flag(value, where)
    return values.integer(value, 0, 1024, where) if key == "crop" else values.number(value, -1e-9, 180, where)


def _method(value: Any, where: str) -> str:
    name = values.text(value, where)
    known = [method.name for method in methods()]
    if name not in known:
        raise unknown_name("method", name, known)
    return name


def _bits(value: Any, where: str) -> int | dict[str, int]:
    """A width, or one a layer."""
    if not isinstance(value, dict):
        return values.integer(value, 1, 8, where)
    return {name: values.integer(bits, 1, 8, f"{where}: {name}") for name, bits in values.mapping(value, where).items()}


def _seed(value: Any, where: str) -> int | str:
    """A number, or the word for the recipe's own."""
    return RECIPE_SEED if value == RECIPE_SEED else values.seed(value, where)


STAGE_KEYS: Mapping[str, values.Check] = {
    "method": _method,
    "settings": values.settings,
    "keep": values.keep,
    "bits": _bits,
    "epochs": values.epochs,
    "retrain_epochs": values.epochs,
    "learning_rate": values.rate,
    "final_rate": values.rate,
    "retrain_learning_rate": values.rate,
    "augmentation": augmentation,
    "batch": values.batch,
    "seed": _seed,
}
