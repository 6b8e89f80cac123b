"""Optuna's samplers by name, each made anew for a proposal from a seed of its own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from accelsim.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

POPULATION = 30  # of NSGA-II
STARTUP = 20  # random points before TPE and the Gaussian process have something to learn from


@dataclass(frozen=True)
class Sampler:
    """A sampler from a seed; `draws` is how often it is asked again for a point that is not known yet."""

    make: Callable[[int], BaseSampler]
    draws: int


def sampler(name: str) -> Sampler:
    """The sampler of a name. UnknownNameError for others, ConfigError where what it needs is not installed."""
    if name not in SAMPLERS:
        raise unknown_name("sampler", name, SAMPLERS)
    if name == "gp":
        _require_scipy()
    return SAMPLERS[name]


def _require_scipy() -> None:
    if find_spec("scipy") is None:
        raise ConfigError(
            "sampler 'gp' needs SciPy, which is not installed; pip install 'accelsim[search]' is expected"
        )


def _nsga2(seed: int) -> BaseSampler:
    from optuna.samplers import NSGAIISampler

    class InOrder(NSGAIISampler):
        """Its parents in the order of their trials, whether they were chosen now or before an interruption."""

        def select_parent(self, study: Study, generation: int) -> list[FrozenTrial]:
            return sorted(super().select_parent(study, generation), key=lambda trial: trial.number)

    return InOrder(population_size=POPULATION, seed=seed)


def _tpe(seed: int) -> BaseSampler:
    from optuna.samplers import TPESampler

    return TPESampler(n_startup_trials=STARTUP, multivariate=True, seed=seed)


def _gp(seed: int) -> BaseSampler:
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import GPSampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # a figure is the same however often it is measured
        return GPSampler(n_startup_trials=STARTUP, deterministic_objective=True, seed=seed)


SAMPLERS: Mapping[str, Sampler] = {"nsga2": Sampler(_nsga2, 10), "tpe": Sampler(_tpe, 5), "gp": Sampler(_gp, 1)}
