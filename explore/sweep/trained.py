"""Networks that recipes of a sweep make: trained once on a machine, kept beside the cache by what decides them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from accelsim.errors import CompressionError, OutputError
from accelsim.files import make_folder, write_text

from ..cache import cache_folder
from ..parallel import in_order

CHECKPOINTS, STEPS = "recipes", "recipe-steps"  # in the cache's folder


class Training(NamedTuple):
    """A network of the zoo, a recipe's name or file, and a seed in place of the recipe's."""

    model: str
    recipe: str
    seed: int | None = None


def train_all(wanted: Iterable[Training], jobs: int, notice: Callable[[str], None]) -> None:
    """Train on `jobs` processes what is not there yet. What cannot be trained is told where it is asked for."""
    missing = [training for training in wanted if not place_of(training).exists()]
    if not missing:
        return
    notice(f"training {len(missing)} networks by their recipes; finished steps are kept")
    for number, training in enumerate(in_order(_train, missing, jobs), 1):
        notice(f"trained {training.model} by {training.recipe} ({number} of {len(missing)})")


def checkpoint_of(training: Training) -> Path:
    """The folder of the network that a recipe makes, trained now where it is not there.

    CompressionError where it cannot be trained, as when a loss is no longer finite; so it was tried once.
    """
    place = place_of(training)
    if not place.exists():
        _train(training)
    failed = place / "failed.txt"
    if failed.is_file():
        raise CompressionError(failed.read_text(encoding="utf-8"))
    return place


def place_of(training: Training) -> Path:
    """Where the network lies once it is trained: a folder named by all that decides what the recipe makes."""
    from compress.recipes.recipe import load_recipe

    facts = [training.model, asdict(load_recipe(training.recipe)), training.seed]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
    return cache_folder() / CHECKPOINTS / digest[:24]


def _train(training: Training) -> Training:
    """Train, and put the finished folder in its place; another process that wants the same waits."""
    from compress.recipes.recipe import load_recipe

    from ..recipes.compressing import compress_model

    place = place_of(training)
    part = place.with_suffix(".part")
    make_folder(place.parent)
    with _alone(place.with_suffix(".lock")):
        if place.exists():
            return training
        try:
            recipe, steps = load_recipe(training.recipe), cache_folder() / STEPS
            compress_model(training.model, recipe, out=part, seed=training.seed, steps=steps)
        except CompressionError as error:
            write_text(part / "failed.txt", str(error))
        try:
            part.replace(place)
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            raise OutputError(f"cannot write {str(place)!r}: {error.strerror}") from error
    return training


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time, where the system has such locks; it ends with the process."""
    with suppress(ImportError):
        import fcntl

        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    yield
