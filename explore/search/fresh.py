"""A sampler that proposes only points that are not known yet: the space is finite and its figures are exact."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler

from .dimensions import Dimensions, Levels

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState


class Fresh(BaseSampler):
    """Draws from another sampler until a point is new; after `draws` of them takes a new one near the last.

    `taken` are the numbers of the points that are known or under way.
    """

    def __init__(
        self, base: BaseSampler, dimensions: Dimensions, taken: Container[int], *, draws: int, seed: int
    ) -> None:
        self._base, self._dimensions, self._taken, self._draws = base, dimensions, taken, draws
        self._random = np.random.default_rng(seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All dimensions, so that a point is drawn as a whole."""
        return self._dimensions.distributions()

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """A point that is not taken; one that is where none is left."""
        for _ in range(self._draws):
            levels = self._dimensions.levels(self._drawn(study, trial, search_space))
            if self._dimensions.point(levels) not in self._taken:
                break
        else:
            levels = near(levels, self._dimensions, self._taken, self._random)
        return self._dimensions.values(levels)

    def _drawn(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """What the other sampler draws, the parameters that it does not relate to others included."""
        related = self._base.infer_relative_search_space(study, trial)
        drawn = self._base.sample_relative(study, trial, related)
        for name, distribution in search_space.items():
            if name not in drawn:
                drawn[name] = self._base.sample_independent(study, trial, name, distribution)
        return drawn

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """One parameter, as the other sampler draws it."""
        return self._base.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Tell the other sampler that a trial begins."""
        self._base.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Tell the other sampler how a trial ended."""
        self._base.after_trial(study, trial, state, values)


def near(levels: Levels, dimensions: Dimensions, taken: Container[int], random: np.random.Generator) -> Levels:
    """Levels of a point that is not taken, a few steps from these: one step first, then more.

    Where walks find none, the first in the order of points.
    """
    walks = 4 * len(dimensions)
    for steps in range(1, 9):
        for _ in range(walks):
            reached = _walked(levels, dimensions, steps, random)
            if dimensions.point(reached) not in taken:
                return reached
    free = (number for number in range(dimensions.points) if number not in taken)
    return dimensions.levels_of(next(free, 0))


def _walked(levels: Levels, dimensions: Dimensions, steps: int, random: np.random.Generator) -> Levels:
    """The levels after random steps: to a neighbour where levels are in order, to any other level where not."""
    reached, sizes = list(levels), list(dimensions)
    for _ in range(steps):
        place = int(random.integers(len(sizes)))
        size, level = len(sizes[place]), reached[place]
        if sizes[place].is_ordered:
            reached[place] = min(size - 1, max(0, level + int(random.choice((-1, 1)))))
        else:
            reached[place] = (level + int(random.integers(1, size))) % size
    return tuple(reached)
