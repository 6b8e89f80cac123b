"""`accelsim search`: the points of a sweep file that a sampler proposes, to the front between its objectives."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .completion import sampler_names
from .output import Json, print_table
from .run import Settings, parse_settings
from .sweep import shown_progress

if TYPE_CHECKING:
    from ..search.importances import Importances
    from ..search.outcome import Outcome
    from ..search.plan import Plan
    from ..sweep.row import Row
    from ..sweep.store import ResultStore


def search(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A sweep file, with minimize, maximize and constraints.")
    ],
    settings: Settings = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    minimize: Annotated[
        list[str], typer.Option(metavar="COLUMN", help="As cycles, area_um2, in place of the file's; may be repeated.")
    ] = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    maximize: Annotated[list[str], typer.Option(metavar="COLUMN", help="As accuracy; may be repeated.")] = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    constraints: Annotated[
        list[str], typer.Option("--constraint", metavar="TEXT", help='As "area_um2 <= 4e6"; may be repeated.')
    ] = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where results.sqlite goes; out/search-FILE by default.")
    ] = None,
    trials: Annotated[int, typer.Option(metavar="N", help="Points that are evaluated in all.")] = 100,
    sampler: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="nsga2, tpe, or gp: fewest points, a second each.", autocompletion=sampler_names
        ),
    ] = "nsga2",
    seed: Annotated[int, typer.Option(metavar="N", help="Of the sampler; the same gives the same points.")] = 0,
    batch: Annotated[int, typer.Option(metavar="N", help="Points that are proposed at a time.")] = 8,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, max=1024, help="Processes; as many as there are cores by default.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="URL", help="A Dask cluster in place of processes, as tcp://host:8786.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on, to --trials points, where the search ended.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Evaluate points of a sweep file that Optuna proposes, and show those that no other beats in the objectives.

    Objectives and constraints are columns of the table `points`, and numbers that the file sets, as array.rows. Points
    are rows of results.sqlite, as in a sweep; an interrupted or killed search goes on with --resume. JSON: the search,
    the ids of the points on the front, the share of each field in each objective, and all rows.

    \b
    Example: accelsim search examples/search-lenet5.yaml --out out/search --trials 60
    """
    from ..search.plan import read_plan
    from ..search.searching import searched

    goals = {"minimize": minimize, "maximize": maximize, "constraints": constraints}
    plan = read_plan(file, parse_settings(settings), goals, trials=trials, sampler=sampler, seed=seed, batch=batch)
    folder = out or Path("out") / f"search-{file.stem}"
    try:
        with (
            shown_progress() as progress,
            searched(plan, folder, jobs=jobs, scheduler=scheduler, resume=resume, progress=progress) as (store, found),
        ):
            if as_json:
                print_json(store, found)
            else:
                show(plan, store, found, folder)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"interrupted; the same command with --resume goes on behind the points that ended in {folder}"
        ) from stop


def show(plan: Plan, store: ResultStore, found: Outcome, folder: Path) -> None:
    """The front, what decides the objectives, and where the rows are."""
    _print_front(plan, found)
    _print_importances(found.importances)
    infeasible = store.count("infeasible")
    typer.echo(
        f"{store.count():,} of {len(plan.space):,} points evaluated by {plan.sampler}, {infeasible:,} infeasible; "
        f"rows in {folder / 'results.sqlite'}"
    )


def _print_front(plan: Plan, found: Outcome) -> None:
    """The designs that no other beats; of their settings, those that have several values."""
    from ..search.dimensions import Dimensions

    kept = f", of {found.designs:,} that keep {'; '.join(map(str, plan.goals.constraints))}"
    title = (
        f"{len(found.front)} point{'s' * (len(found.front) != 1)} on the front{kept if plan.goals.constraints else ''}"
    )
    columns = (">id", "workload", "hardware", "settings", *(f">{name}" for name in plan.goals.columns))
    differing = {one.name for one in Dimensions(plan.space)}
    rows = (_cells(row, differing, plan.goals.values(row)) for row in found.front)
    print_table(title, columns, rows, "settings")


def _cells(row: Row, differing: Container[str], values: Sequence[float]) -> tuple[str, ...]:
    known = json.loads(row.settings)
    settings = ", ".join(f"{field}={value}" for field, value in known.items() if field in differing)
    return (str(row.id), row.workload, row.hardware, settings, *map(_number, values))


def _number(value: float) -> str:
    """A count with separators, a measure in six digits."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.6g}"


def _print_importances(importances: Importances) -> None:
    """A row a field, a column an objective."""
    if not importances:
        return
    fields = dict.fromkeys(field for shares in importances.values() for field in shares)
    rows = ([field, *(f"{100 * shares.get(field, 0):.1f} %" for shares in importances.values())] for field in fields)
    columns = ("field", *(f">{objective}" for objective in importances))
    print_table("share of each field in reaching the best tenth of an objective", columns, rows, "field")


def print_json(store: ResultStore, found: Outcome) -> None:
    """What the search is, its front, importances, and its rows."""
    facts = store.facts()
    head: dict[str, Any] = {key: facts[key] for key in ("search", "points", "versions", "seeds", "code")}
    rows = [{**vars(row), "settings": json.loads(row.settings)} for row in store.rows()]
    front = [row.id for row in found.front]
    typer.echo(json.dumps({**head, "front": front, "importances": found.importances, "rows": rows}, indent=1))
