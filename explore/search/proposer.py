"""What proposes points: an Optuna study in memory, whose every proposal follows from the points told before it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import optuna
from optuna.trial import create_trial

from ..sweep.row import Row
from .dimensions import Dimensions
from .fresh import Fresh
from .goals import Goals
from .samplers import Sampler

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

POINT, REASON = "point", "reason"  # attributes of a trial: the number in the space, why it has no figures
FIGURES = "figures"  # the constraint that a point without figures violates, beside those of the user


class Proposer:
    """Asks a sampler for points and tells it what came of them.

    The sampler is made anew for each proposal, with a seed from the search's and the proposal's number; so a study that
    is filled with the same trials goes on in the same way.
    """

    def __init__(self, dimensions: Dimensions, goals: Goals, sampler: Sampler, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._dimensions, self._goals, self._sampler, self._seed = dimensions, goals, sampler, seed
        self._study = optuna.create_study(directions=[one.direction for one in goals.objectives])
        self._distributions = dimensions.distributions()
        self.proposed = 0
        self._taken: set[int] = set()

    def ask(self) -> tuple[Trial, int]:
        """A trial, and the number of its point, which no trial before had."""
        seeds = np.random.SeedSequence((self._seed, self.proposed)).generate_state(2)
        base = self._sampler.make(int(seeds[0]))
        self._study.sampler = Fresh(base, self._dimensions, self._taken, draws=self._sampler.draws, seed=int(seeds[1]))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Clip non-finite")  # of points without figures, which `tell` means so
            trial = self._study.ask(self._distributions)
        point = self._dimensions.point(self._dimensions.levels(trial.params))
        trial.set_user_attr(POINT, point)
        self._count(point)
        return trial, point

    def tell(self, trial: Trial, row: Row) -> FrozenTrial:
        """What came of a point; one without figures is the worst in all objectives, and violates a constraint."""
        has_figures = self._goals.has_figures(row)
        violations = self._goals.violations(row) if has_figures else [0.0 for _ in self._goals.constraints]
        values = self._goals.values(row) if has_figures else [one.worst for one in self._goals.objectives]
        trial.set_constraint(FIGURES, -1.0 if has_figures else 1.0)
        for constraint, violation in zip(self._goals.constraints, violations, strict=True):
            trial.set_constraint(str(constraint), violation)
        if not has_figures:
            trial.set_user_attr(REASON, row.error or "a column that is named has no number")
        return self._study.tell(trial, values)

    def restore(self, trial: FrozenTrial) -> None:
        """Take a trial of an earlier run as told."""
        self._study.add_trial(
            create_trial(
                params=trial.params,
                distributions=self._distributions,
                values=trial.values,
                user_attrs=trial.user_attrs,
                system_attrs=trial.system_attrs,
            )
        )
        self._count(trial.user_attrs[POINT])

    def _count(self, point: int) -> None:
        self._taken.add(point)
        self.proposed += 1
