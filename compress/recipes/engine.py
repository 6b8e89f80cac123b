"""The engine of recipes: each stage at work on a model, create, train, harden, retrain, finalize."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn import functional

from accelsim.errors import AccelSimError, CompressionError

from ..base import Batch, Compressor
from ..granularity.entries import constraints_of, fitted
from ..layers import weight_shapes, weights
from ..quantizers.admm import ADMMQuantizer
from ..quantizers.levels import Levels
from ..registry import create
from ..schedules.admm import ADMMPruner
from ..training.fit import Criterion, fit
from .recipe import Recipe
from .stage import RECIPE_SEED, Stage


class Batches(Protocol):
    """Batches that may be walked any number of times, new ones each time or the same."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Batch]: ...


BatchesOf = Callable[[int], Batches]  # by seed
EpochDone = Callable[[str], None]  # what was trained; called once after each epoch

CALIBRATION_BATCHES = 10
SEEDS_A_RECIPE = 1000  # stages without a seed of their own take one each behind the recipe's
RETRAIN_FINAL_RATE = 0.01


def check_stages(recipe: Recipe, model: nn.Module, example_input: torch.Tensor) -> None:
    """CompressionError where a stage's settings do not fit its method or the model, which stays as it is."""
    for stage in recipe.stages:
        created(stage, copy.deepcopy(model), example_input)


def run_stages(
    recipe: Recipe,
    model: nn.Module,
    *,
    batches_of: BatchesOf,
    example_input: torch.Tensor,
    epoch_done: EpochDone = lambda what: None,
    criterion: Criterion = functional.cross_entropy,
) -> tuple[nn.Module, Compressor]:
    """The finished model and the last stage's method, which knows how `compress.save` stores it.

    Later stages work on what the earlier ones left: pruners come first, for a quantizer's integers are those of the
    last method alone. Columns that an earlier stage removed leave the saved network too.
    """
    removed = False
    for place, stage in enumerate(recipe.stages):
        model, method = run_stage(
            stage, model, batches_of(stage_seed(recipe.seed, place, stage)), example_input, epoch_done, criterion
        )
        removed = method.columns_removed = method.columns_removed or removed
    return model, method


def stage_seed(seed: int, place: int, stage: Stage) -> int:
    """What fixes the batches of a recipe's stage number `place`, from 0: its own seed, else one that no other has."""
    if stage.seed is None:
        return (seed + 1) * SEEDS_A_RECIPE + place
    return seed if stage.seed == RECIPE_SEED else stage.seed


def run_stage(
    stage: Stage,
    model: nn.Module,
    batches: Batches,
    example_input: torch.Tensor,
    epoch_done: EpochDone = lambda what: None,
    criterion: Criterion = functional.cross_entropy,
) -> tuple[nn.Module, Compressor]:
    """One stage through the methods' loop: the finished model and its method.

    Raises CompressionError where the settings do not fit, or where the loss is no longer finite: with the method, the
    part of the stage and the step.
    """
    method = created(_fitted(stage, model), model, example_input, stage.epochs * len(batches))
    after = stage.learning_rate if stage.retrain_learning_rate is None else stage.retrain_learning_rate

    def train(what: str, epochs: int, learning_rate: float, final_rate: float) -> None:
        try:
            fit(
                model,
                batches,
                epochs=epochs,
                method=method,
                learning_rate=learning_rate,
                final_rate=final_rate,
                criterion=criterion,
                on_epoch=lambda epoch, loss: epoch_done(f"{stage.method}, {what}"),
            )
        except CompressionError as error:
            raise CompressionError(f"{stage.method}, {what}: {error}") from error

    train("compress", stage.epochs, stage.learning_rate, stage.final_rate)
    device = next(model.parameters()).device
    few = (batch for batch, _ in zip(batches, range(CALIBRATION_BATCHES), strict=False))
    method.calibrate((inputs.to(device), targets.to(device)) for inputs, targets in few)
    method.harden()
    train("retrain", stage.all_epochs - stage.epochs, after, RETRAIN_FINAL_RATE)
    return method.finalize(), method


def _fitted(stage: Stage, model: nn.Module) -> Stage:
    """The stage for a network that earlier stages may have made smaller: no layer keeps more parts than it has."""
    shapes = weight_shapes(model)
    known = {name: keep for name, keep in (stage.keep or {}).items() if name in shapes}
    return replace(stage, keep={n: fitted(k, shapes[n]) for n, k in known.items()}) if known else stage


def created(stage: Stage, model: nn.Module, example_input: torch.Tensor, steps: int = 1) -> Compressor:
    """The stage's method at work on the model, for `steps` optimizer steps before it hardens.

    `keep` and `bits` name layers one by one; such a method's ADMM iterations share the steps evenly. Raises
    UnknownNameError, or CompressionError for settings that do not fit.
    """
    try:
        if stage.keep is None and stage.bits is None:
            return create(stage.method, model, example_input=example_input, **stage.settings)
        return _by_layer(stage, model, example_input, steps)
    except (TypeError, ValueError, AttributeError) as error:  # a factory's own trouble with a value of a wrong type
        if isinstance(error, AccelSimError):
            raise
        raise CompressionError(
            f"method {stage.method!r} cannot work with the settings {dict(stage.settings)!r:.200}: {error}"
        ) from error


def _by_layer(stage: Stage, model: nn.Module, example_input: torch.Tensor, steps: int) -> Compressor:
    """ADMM towards what the stage says of each layer: constraints where it prunes, levels where it quantizes."""
    settings: dict[str, Any] = {"iterations": 5, "example_input": example_input, **stage.settings}
    if "steps_per_iteration" not in settings and isinstance(settings["iterations"], int):
        settings["steps_per_iteration"] = max(1, steps // max(1, settings["iterations"]))
    if stage.method == "admm" and stage.keep is not None and stage.bits is None:
        return ADMMPruner(model, constraints_of(stage.keep), **settings)
    if stage.method == "admm_levels" and stage.bits is not None and stage.keep is None:
        of = stage.bits if isinstance(stage.bits, Mapping) else dict.fromkeys(weights(model), stage.bits)
        return ADMMQuantizer(model, {name: Levels(bits) for name, bits in of.items()}, **settings)
    raise CompressionError(
        f"method {stage.method!r} takes neither keep nor bits of a stage; admm takes keep, admm_levels takes bits"
    )
