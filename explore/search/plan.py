"""A search before it runs: the space, the goals, and how points are proposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError
from accelsim.files import read_yaml
from accelsim.validation import is_whole

from ..sweep.reading import GOALS, space_in
from ..sweep.space import Space
from .goals import Goals, goals_of
from .samplers import sampler

TRIALS, BATCH, SEED = 100, 8, 0
DEFAULT_SAMPLER = "nsga2"  # the best of them in `python -m benchmarks search`
MOST_TRIALS, MOST_BATCH, LARGEST_SEED = 10**7, 1024, 2**32 - 1


@dataclass(frozen=True)
class Plan:
    """What a search evaluates, for what, and how: `trials` points in all, proposed `batch` at a time.

    ConfigError for numbers that cannot be, UnknownNameError for an unknown sampler.
    """

    space: Space
    goals: Goals
    trials: int = TRIALS
    sampler: str = DEFAULT_SAMPLER
    seed: int = SEED
    batch: int = BATCH

    def __post_init__(self) -> None:
        limits = {"trials": (1, MOST_TRIALS), "seed": (0, LARGEST_SEED), "batch": (1, MOST_BATCH)}
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if not is_whole(value, least, most):
                raise ConfigError(f"search: {name} is {value!r:.60}; {least} to {most:,} is expected")
        sampler(self.sampler)

    @property
    def target(self) -> int:
        """Points that are evaluated in the end: as many as are asked for, or as there are."""
        return min(self.trials, len(self.space))

    def facts(self) -> dict[str, Any]:
        """What tells this search from others of the same space; with more trials it is still the same."""
        return {**self.goals.facts(), "sampler": self.sampler, "seed": self.seed, "batch": self.batch}


def read_plan(
    path: Path, settings: Mapping[str, Any] | None = None, goals: Mapping[str, Any] | None = None, **options: Any
) -> Plan:
    """The search of a YAML file, a sweep file with `minimize`, `maximize` and `constraints`.

    `settings` replace or add to its `set`, `goals` that are given replace the file's, and `options` are of `Plan`.
    Raises what `read_sweep` and `goals_of` raise.

        minimize: [cycles, area_um2]
        constraints: ["area_um2 <= 4e6"]
    """
    content = read_yaml(path, "search")
    space = space_in(content, path, settings)
    named = {key: (goals or {}).get(key) or content.get(key) for key in GOALS}
    return Plan(space, goals_of(**named, space=space, where=f"search {str(path)!r}"), **options)
