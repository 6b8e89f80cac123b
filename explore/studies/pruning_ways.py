"""The ways of pruning that 001 Fig 7 compares, each as the stages that lead to a rate, with equal epochs a rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from compress.recipes.stage import Stage

from ..recipes.run import Stages

Counts = Mapping[str, int]


@dataclass(frozen=True)
class Epochs:
    """Of one rate: under the method's own regularization or projection, and to retrain what is left."""

    regularize: int
    retrain: int


@dataclass(frozen=True)
class Way:
    """A curve of the figure. `stage` prunes to what each layer keeps; a way that `walks` starts each rate from the
    network of the rate before, the others from the uncompressed one."""

    name: str
    words: str
    stage: Callable[[Counts, Epochs], Stage]
    walks: bool = False

    def stages(self, keeps: Sequence[Counts], epochs: Epochs) -> Stages:
        """What leads to the last of these rates."""
        chosen = keeps if self.walks else keeps[-1:]
        return tuple(self.stage(keep, epochs) for keep in chosen)


def _admm(keep: Counts, epochs: Epochs) -> Stage:
    settings = {"rho": 3e-3, "rho_growth": 1.8, "iterations": epochs.regularize}
    return _common(replace(Stage("admm", settings, keep=keep), final_rate=1.0), epochs)


def _magnitude(keep: Counts, epochs: Epochs) -> Stage:
    """Cut at once; all epochs go into retraining."""
    stage = Stage("iterative_magnitude", {"keep": dict(keep), "rounds": 1})
    return replace(_common(stage, epochs), epochs=0, retrain_epochs=epochs.regularize + epochs.retrain)


def _method(name: str, **settings: Any) -> Callable[[Counts, Epochs], Stage]:
    return lambda keep, epochs: _common(Stage(name, {"keep": dict(keep), **settings}, final_rate=1.0), epochs)


def _common(stage: Stage, epochs: Epochs) -> Stage:
    return replace(stage, epochs=epochs.regularize, retrain_epochs=epochs.retrain, retrain_learning_rate=3e-3)


WAYS = (
    Way("admm_progressive", "ADMM, progressive", _admm, walks=True),
    Way("admm_one_shot", "ADMM, one shot", _admm),
    Way("iterative_magnitude", "iterative magnitude", _magnitude, walks=True),
    Way("one_shot_magnitude", "one-shot magnitude", _magnitude),
    Way("l1_regularization", "fixed L1", _method("l1_regularization", strength=1e-4)),
    Way("l2_regularization", "fixed L2", _method("l2_regularization", strength=1e-3)),
    Way("projected_gradient", "projected gradient", _method("projected_gradient")),
)
