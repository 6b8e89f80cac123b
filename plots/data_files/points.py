"""A table of points, a row a design: of a sweep, of a study, or the totals of runs."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError, FileFormatError
from accelsim.files import JSON_LIMIT_BYTES, read_text
from accelsim.trace.coverage import without_head

if TYPE_CHECKING:
    import pandas as pd

    from .data import StudyData

SETTINGS = "settings"  # the column of a sweep that holds the swept fields as JSON, or as a mapping
DONE = "done"


def points_of_study(data: StudyData) -> pd.DataFrame:
    """A row a run, with its network's accuracy where that is known, its watts and its operations a joule."""
    import pandas as pd

    plain = [{key: value for key, value in run.items() if not isinstance(value, Mapping | list)} for run in data.runs]
    rows: list[dict[str, Any]] = []
    for run in plain:
        seconds, accuracy = run.get("seconds"), data.accuracy.get(run["network"])
        rows.append(run | ({} if accuracy is None else {"accuracy": accuracy})
                    | ({"power_w": run["energy_pj"] * 1e-12 / seconds} if seconds else {}))  # fmt: skip
    return pd.DataFrame(rows)


def finished(points: pd.DataFrame) -> pd.DataFrame:
    """The points that have results, swept fields as columns (listed in `attrs["swept"]`); ConfigError for none."""
    import pandas as pd

    table = points[points["status"] == DONE] if "status" in points else points
    if not len(table):
        states = f" ({', '.join(sorted(set(map(str, points['status']))))})" if len(points) else ""
        raise ConfigError(f"none of {len(points)} points has results{states}; one at least is expected")
    if SETTINGS not in table:
        return table
    fields = pd.DataFrame([_fields(value) for value in table[SETTINGS]], index=table.index)
    joined = table.drop(columns=SETTINGS).join(fields[[name for name in fields if name not in table]])
    joined.attrs["swept"] = [str(name) for name in fields]
    return joined


def _fields(given: object) -> dict[str, Any]:
    value = given
    if isinstance(given, str):
        try:
            value = json.loads(given or "{}")
        except ValueError as error:
            raise FileFormatError(f"settings {given[:60]!r} of a point are no JSON: {error}") from error
    return dict(value) if isinstance(value, Mapping) else {}


def read_points(path: Path) -> pd.DataFrame:
    """The table `points` of an SQLite file, or a CSV with a row a point; FileFormatError for anything else."""
    import pandas as pd

    if path.suffix == ".csv":
        text = without_head(read_text(path, "table of points", JSON_LIMIT_BYTES))
        try:
            return pd.read_csv(io.StringIO(text))
        except (ValueError, pd.errors.ParserError) as error:
            raise FileFormatError(f"table of points {str(path)!r} is not valid CSV: {str(error)[:200]}") from error
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return pd.read_sql_query("SELECT * FROM points ORDER BY id", connection)
    except (sqlite3.Error, pd.errors.DatabaseError) as error:
        raise FileFormatError(
            f"results {str(path)!r} hold no table `points` with an `id`: {str(error)[:200]}"
        ) from error
