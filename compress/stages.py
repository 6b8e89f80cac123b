"""A recipe's stages at work on a model: create, train, harden, retrain, finalize, one after another."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import nn

from accelsim.errors import AccelSimError, CompressionError
from compress.base import Batch, Compressor
from compress.recipe import Recipe, Stage
from compress.registry import create
from compress.training import fit


class Batches(Protocol):
    """Batches that may be walked any number of times, new ones each time or the same."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Batch]: ...


BatchesOf = Callable[[int], Batches]  # by seed
Told = Callable[[str], None]  # what is trained; called once after each epoch

CALIBRATION_BATCHES = 10


def check_stages(recipe: Recipe, model: nn.Module, example_input: torch.Tensor) -> None:
    """CompressionError where a stage's settings do not fit its method or the model, which stays as it is."""
    for stage in recipe.stages:
        _created(stage, copy.deepcopy(model), example_input)


def run_stages(
    recipe: Recipe, model: nn.Module, batches_of: BatchesOf, example_input: torch.Tensor, told: Told = lambda what: None
) -> tuple[nn.Module, Compressor]:
    """The finished model and the last stage's method, which knows how `compress.save` stores it.

    Later stages work on what the earlier ones left: pruners come first, for a quantizer's integers are those of the
    last method alone. Columns that an earlier stage removed leave the saved network too.
    """
    removed = False
    for stage in recipe.stages:
        method = _created(stage, model, example_input)
        model = _run(stage, model, method, batches_of(recipe.seed if stage.seed is None else stage.seed), told)
        removed = method.columns_removed = method.columns_removed or removed
    return model, method


def _created(stage: Stage, model: nn.Module, example_input: torch.Tensor) -> Compressor:
    try:
        return create(stage.method, model, example_input, **stage.settings)
    except (TypeError, ValueError, AttributeError) as error:  # a factory's own trouble with a value of a wrong type
        if isinstance(error, AccelSimError):
            raise
        raise CompressionError(
            f"method {stage.method!r} cannot work with the settings {dict(stage.settings)!r:.200}: {error}"
        ) from error


def _run(stage: Stage, model: nn.Module, method: Compressor, batches: Batches, told: Told) -> nn.Module:
    """One stage through the methods' loop."""

    def train(epochs: int, what: str) -> None:
        fit(
            model,
            batches,
            epochs=epochs,
            method=method,
            learning_rate=stage.learning_rate,
            on_epoch=lambda epoch, loss: told(f"{stage.method}, {what}"),
        )

    train(stage.epochs, "compress")
    method.calibrate(batch for batch, _ in zip(batches, range(CALIBRATION_BATCHES), strict=False))
    method.harden()
    train(stage.all_epochs - stage.epochs, "retrain")
    return method.finalize()
