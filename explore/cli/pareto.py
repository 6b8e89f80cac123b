"""`accelsim pareto`: the front of a sweep's points."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from accelsim.errors import MissingFileError

from .output import print_table


def pareto(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a sweep.")],
    minimize: Annotated[
        list[str], typer.Option(metavar="COLUMN", help="As cycles, energy_pj, area_um2; may be repeated.")
    ] = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    maximize: Annotated[list[str], typer.Option(metavar="COLUMN", help="As accuracy; may be repeated.")] = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Show the points of a sweep that no other beats: none is as good in every objective and better in one.

    Objectives are columns of the table `points`, and numbers that the sweep sets, as array.rows.

    JSON: a list of the points, each with id, workload, hardware, settings and the objectives.

    \b
    Example: accelsim pareto out/sweep --minimize cycles --minimize area_um2
    """
    from ..sweep.pareto import pareto as front_of
    from ..sweep.store import RESULTS, ResultStore

    path = folder / RESULTS
    if not path.is_file():
        raise MissingFileError(f"{str(path)!r} is not there; the folder of a sweep is expected")
    with ResultStore(path) as store:
        frame = store.frame()
    front = front_of(frame, minimize=minimize, maximize=maximize).sort_values([*minimize, *maximize])
    chosen = front[["id", "workload", "hardware", "settings", *minimize, *maximize]]
    rows = json.loads(chosen.to_json(orient="records", double_precision=15))
    rows = [{**row, "settings": json.loads(row["settings"])} for row in rows]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    columns = (">id", "workload", "hardware", "settings", *(f">{name}" for name in (*minimize, *maximize)))
    print_table(f"{len(rows)} of {len(frame):,} points are on the front", columns, map(_cells, rows), "settings")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    settings = ", ".join(f"{field}={value}" for field, value in row["settings"].items())
    figures = [row[name] for name in row if name not in {"id", "workload", "hardware", "settings"}]
    return (str(row["id"]), row["workload"], row["hardware"], settings, *map(_number, figures))


def _number(value: Any) -> str:
    """A count with separators, a measure in six digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}" if isinstance(value, float) else str(value)
