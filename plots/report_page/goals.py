"""What the points of a page are compared by: a search's own goals, else what designs are chosen by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from accelsim.analysis.pareto import on_front
from accelsim.errors import FileFormatError

from ..data_files.sweep_points import Points

OBJECTIVES = {"cycles": 1, "energy_pj": 1, "area_um2": 1, "accuracy": -1}  # 1: less is better, -1: more
SEARCH = "search"  # the fact that a search writes beside its points


@dataclass(frozen=True)
class Goals:
    """Objectives with the sign that makes less the better, and constraints as texts, `area_um2 <= 4e+06`."""

    signs: Mapping[str, int]
    constraints: Sequence[str] = ()

    def keeps(self, row: Mapping[str, Any]) -> bool:
        """Whether a point has all objectives and keeps all constraints."""
        return None not in [number(row, name) for name in self.signs] and all(
            _holds(row, text) for text in self.constraints
        )

    def front(self, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Whether each row is on the front of those that keep the constraints; none is where nothing is aimed at."""
        if not self.signs:
            return [False] * len(rows)
        costs = [
            [sign * (number(row, name) or 0) if self.keeps(row) else np.nan for name, sign in self.signs.items()]
            for row in rows
        ]
        return [bool(there) for there in on_front(np.array(costs, dtype=float).reshape(len(rows), len(self.signs)))]


def goals_of(points: Points) -> Goals:
    """The goals of a search; of a sweep, the objectives that its points have."""
    if SEARCH in points.facts:
        return _of_search(points.facts[SEARCH])
    return Goals({name: sign for name, sign in OBJECTIVES.items() if name in points.measures})


def _of_search(asked: Any) -> Goals:
    """The goals that a search wrote. FileFormatError for anything else."""
    try:
        signs = dict.fromkeys(asked["minimize"], 1) | dict.fromkeys(asked["maximize"], -1)
        for text in asked["constraints"]:
            _, sign, bound = text.split()
            if sign not in ("<=", ">="):
                raise ValueError(sign)
            float(bound)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise FileFormatError(
            f"results hold the search {asked!r:.80}; minimize, maximize and constraints, as `accelsim search` writes "
            "them, are expected"
        ) from error
    return Goals(signs, asked["constraints"])


def number(row: Mapping[str, Any], name: str) -> float | None:
    """A point's number in a column, or of a swept field."""
    value = row[name] if name in row else row["settings"].get(name)
    return value if isinstance(value, int | float) else None


def _holds(row: Mapping[str, Any], text: str) -> bool:
    column, sign, bound = text.split()
    value = number(row, column)
    return value is not None and (value <= float(bound) if sign == "<=" else value >= float(bound))
