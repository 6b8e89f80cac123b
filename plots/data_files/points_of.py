"""Whatever holds points as a table of them: a DataFrame, a sweep's folder, reports, a comparison, a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.errors import ConfigError

from .data import StudyData
from .opening import opened
from .points import finished, points_of_study
from .reports import joined, study_data

if TYPE_CHECKING:
    import pandas as pd


def points_of(data: object) -> pd.DataFrame:
    """The finished points, a row each: swept fields as columns, or the totals of each run.

    ConfigError for anything that holds no points, and what opening a folder raises.
    """
    import pandas as pd

    if isinstance(data, str | Path):
        data = opened(data)
    elif isinstance(data, list) and data and all(isinstance(one, str | Path) for one in data):
        found = [opened(one) for one in data]
        data = joined([one for one in found if isinstance(one, StudyData)]) if _are_studies(found) else _tables(found)
    if isinstance(data, pd.DataFrame):
        return finished(data)
    study = data if isinstance(data, StudyData) else study_data(data)
    if not study.runs:
        raise ConfigError(f"this {type(data).__name__} holds no points; runs or a DataFrame of points are expected")
    table = points_of_study(study)
    table.attrs["not_simulated"] = study.not_simulated_lines
    return table


def _are_studies(found: Sequence[object]) -> bool:
    return all(isinstance(one, StudyData) for one in found)


def _tables(found: Sequence[StudyData | pd.DataFrame]) -> pd.DataFrame:
    """The points of all of them under each other."""
    import pandas as pd

    return pd.concat([finished(points_of(one)) for one in found], ignore_index=True)
