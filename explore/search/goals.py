"""What a search is for: objectives to minimize or maximize and constraints, by column of the table `points`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from accelsim.errors import ConfigError, InternalError, unknown_name
from accelsim.validation import is_number

from ..sweep.axes import Grid
from ..sweep.row import COUNTS, DONE, NUMBERS, Row
from ..sweep.space import Space

FIGURES = (*COUNTS, *NUMBERS, "utilization", "accuracy")  # columns of numbers
_CONSTRAINT = re.compile(r"\s*([^\s<>=]+)\s*(<=|>=)\s*(\S+)\s*")


@dataclass(frozen=True)
class Objective:
    """A column, and whether less of it is better.

    >>> Objective("cycles", True).direction
    'minimize'
    """

    column: str
    is_minimized: bool

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Optuna's word."""
        return "minimize" if self.is_minimized else "maximize"

    @property
    def sign(self) -> int:
        """What makes less the better."""
        return 1 if self.is_minimized else -1

    @property
    def worst(self) -> float:
        """What a point without a number counts as."""
        return self.sign * math.inf


@dataclass(frozen=True)
class Constraint:
    """A column and its bound, upper or lower.

    >>> Constraint.parse("area_um2 <= 4e6", "search")
    Constraint(column='area_um2', is_upper=True, bound=4000000.0)
    """

    column: str
    is_upper: bool
    bound: float

    @classmethod
    def parse(cls, text: Any, where: str) -> Constraint:
        """The constraint that a text states. ConfigError for what is none."""
        found = _CONSTRAINT.fullmatch(text) if isinstance(text, str) else None
        try:
            bound = float(found[3]) if found else math.nan
        except ValueError:
            bound = math.nan
        if found is None or not math.isfinite(bound):
            raise ConfigError(
                f"{where}: constraint {text!r:.80} is no COLUMN <= NUMBER or COLUMN >= NUMBER; "
                "'area_um2 <= 4e6', for example, is expected"
            )
        return cls(found[1], found[2] == "<=", bound)

    def violation(self, value: float) -> float:
        """By how much of the bound a value is on the wrong side; at most 0 where the constraint holds.

        >>> Constraint("area_um2", True, 4e6).violation(5e6)
        0.25
        """
        excess = value - self.bound if self.is_upper else self.bound - value
        return excess / abs(self.bound) if self.bound else excess

    def __str__(self) -> str:
        short = f"{self.bound:g}"
        bound = short if float(short) == self.bound else repr(self.bound)
        return f"{self.column} {'<=' if self.is_upper else '>='} {bound}"


@dataclass(frozen=True)
class Goals:
    """Objectives, the minimized ones first, and constraints that a design has to keep."""

    objectives: Sequence[Objective]
    constraints: Sequence[Constraint] = ()

    @property
    def columns(self) -> list[str]:
        """The columns of the objectives."""
        return [one.column for one in self.objectives]

    def facts(self) -> dict[str, list[str]]:
        """The goals as a file states them."""
        return {
            "minimize": [one.column for one in self.objectives if one.is_minimized],
            "maximize": [one.column for one in self.objectives if not one.is_minimized],
            "constraints": [str(one) for one in self.constraints],
        }

    def has_figures(self, row: Row) -> bool:
        """Whether the point was simulated and has a number in every column that is named."""
        named = [*self.columns, *(one.column for one in self.constraints)]
        return row.status == DONE and all(value_of(row, column) is not None for column in named)

    def is_design(self, row: Row) -> bool:
        """Whether the point has all figures and keeps all constraints."""
        return self.has_figures(row) and all(violation <= 0 for violation in self.violations(row))

    def values(self, row: Row) -> list[float]:
        """The objectives of a point that has figures."""
        return [_number(row, column) for column in self.columns]

    def violations(self, row: Row) -> list[float]:
        """How far a point that has figures is from each constraint."""
        return [one.violation(_number(row, one.column)) for one in self.constraints]


def _number(row: Row, column: str) -> float:
    value = value_of(row, column)
    if value is None:
        raise InternalError(f"point {row.id} has no {column}")
    return value


def value_of(row: Row, column: str) -> float | None:
    """The number in a column, or of a swept field; None where there is none."""
    value = getattr(row, column) if column in FIGURES else json.loads(row.settings).get(column)
    return float(value) if is_number(value) else None


def goals_of(minimize: Any, maximize: Any, constraints: Any, space: Space, where: str = "search") -> Goals:
    """The goals, each of which names a column of numbers of this space.

    UnknownNameError for a column that is none, ConfigError for no objective, one twice, or what is no constraint.
    """
    objectives = [Objective(name, True) for name in _texts(minimize, "minimize", where)]
    objectives += [Objective(name, False) for name in _texts(maximize, "maximize", where)]
    if not objectives:
        raise ConfigError(f"{where}: no objective is named; minimize: [cycles, area_um2], for example, is expected")
    known = [*FIGURES, *_swept_numbers(space)]
    for place, objective in enumerate(objectives):
        if objective.column not in known:
            raise _unknown("objective", objective.column, known, where)
        if objective.column in [one.column for one in objectives[:place]]:
            raise ConfigError(f"{where}: objective {objective.column!r} is named twice; different ones are expected")
    limits = [Constraint.parse(text, where) for text in _texts(constraints, "constraints", where)]
    for limit in limits:
        if limit.column not in known:
            raise _unknown("column of a constraint", limit.column, known, where)
    return Goals(objectives, limits)


def _unknown(what: str, name: str, known: Sequence[str], where: str) -> Exception:
    error = unknown_name(what, name, known)
    return type(error)(f"{where}: {error}")


def _texts(value: Any, field: str, where: str) -> list[Any]:
    """A list of texts; one text stands for a list of it."""
    if value is None:
        return []
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, Sequence) or not all(isinstance(one, str) for one in values):
        raise ConfigError(f"{where}: {field} is {value!r:.60}; a list of columns is expected")
    return list(values)


def _swept_numbers(space: Space) -> list[str]:
    """Swept fields whose values are all numbers."""
    if not isinstance(space.axes, Grid):
        return []
    return [field for field, values in space.axes.values.items() if all(is_number(value) for value in values)]
