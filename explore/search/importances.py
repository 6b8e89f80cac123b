"""How much each swept field decides each objective, by Optuna's PED-ANOVA."""

from __future__ import annotations

from collections.abc import Sequence

from ..sweep.row import Row
from .dimensions import Dimensions
from .goals import Goals, Objective, value_of

FEWEST = 10  # points that say something
Importances = dict[str, dict[str, float]]  # objective -> field -> share


def importances(rows: Sequence[Row], dimensions: Dimensions, goals: Goals) -> Importances:
    """The share of each field in reaching the best tenth of each objective, the largest first; they sum to 1.

    Of the points that have figures, whether or not they keep the constraints. Nothing for fewer than ten points, and
    for an objective that is the same in all.
    """
    known = [row for row in rows if goals.has_figures(row)]
    if len(known) < FEWEST or not len(dimensions):
        return {}
    found = {}
    for objective in goals.objectives:
        if len({value_of(row, objective.column) for row in known}) > 1:
            found[objective.column] = _of_objective(known, dimensions, objective)
    return found


def _of_objective(rows: Sequence[Row], dimensions: Dimensions, objective: Objective) -> dict[str, float]:
    import optuna
    from optuna.trial import create_trial

    study = optuna.create_study(direction=objective.direction)
    distributions = dimensions.distributions()
    study.add_trials(
        create_trial(
            params=dimensions.values(dimensions.levels_of(row.id)),
            distributions=distributions,
            value=value_of(row, objective.column),
        )
        for row in rows
    )
    return optuna.importance.get_param_importances(study)
