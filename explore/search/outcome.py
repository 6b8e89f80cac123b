"""What the rows of a search show: the front among the designs that keep the constraints, and importances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.analysis.pareto import front

from ..sweep.row import Row
from .dimensions import Dimensions
from .goals import Goals
from .importances import Importances, importances


@dataclass(frozen=True)
class Outcome:
    """Rows of the front, best in the first objective first; points that keep all constraints; importances."""

    front: Sequence[Row]
    designs: int
    importances: Importances


def outcome_of(rows: Sequence[Row], dimensions: Dimensions, goals: Goals) -> Outcome:
    """What the rows show."""
    designs = [row for row in rows if goals.is_design(row)]
    signs = [one.sign for one in goals.objectives]
    costs = np.array([goals.values(row) for row in designs], dtype=float).reshape(-1, len(signs)) * signs
    best = sorted(front(costs).tolist(), key=lambda number: costs[number].tolist())
    return Outcome([designs[number] for number in best], len(designs), importances(rows, dimensions, goals))
