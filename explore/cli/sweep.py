"""`accelsim sweep`: every point of a sweep file, into one SQLite file."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .output import energy, print_table, size
from .run import Settings, parse_settings

if TYPE_CHECKING:
    from ..sweep.row import Row
    from ..sweep.store import ResultStore
    from ..sweep.sweeping import Progress

SHOWN = 10  # rows of the table at the end
_TOLD_EVERY_S = 30.0  # where no terminal is


def sweep(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A YAML file with workloads, hardware and set.")],
    settings: Settings = [],  # noqa: B006  # typer reads the default and hands over a list of its own
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where results.sqlite goes; out/sweep-FILE by default.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, max=1024, help="Processes; as many as there are cores by default.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="URL", help="A Dask cluster in place of processes, as tcp://host:8786.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the sweep in the folder ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Simulate every workload on every machine under all settings; a row a point in results.sqlite, as each ends.

    --set replaces or adds to the file's `set`; a list is swept: --set "array.rows=[8, 16]". A point that no machine can
    run is a row with status infeasible and the reason. An interrupted or killed sweep goes on with --resume.

    JSON: points, versions, seeds, code, and rows, an object a point with the columns of the table.

    \b
    Example: accelsim sweep examples/sweep-lenet5.yaml --out out/sweep --jobs 2
    """
    from ..sweep.reading import read_sweep
    from ..sweep.sweeping import swept

    space = read_sweep(file, parse_settings(settings))
    folder = out or Path("out") / f"sweep-{file.stem}"
    try:
        with (
            shown_progress() as progress,
            swept(
                space,
                folder,
                jobs=jobs,
                scheduler=scheduler,
                resume=resume,
                progress=progress,
                notice=lambda text: print(text, file=sys.stderr),
            ) as store,
        ):
            if as_json:
                print_json(store)
            else:
                show(store, folder)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"interrupted; accelsim sweep {file} --out {folder} --resume goes on behind the points that ended"
        ) from stop


def show(store: ResultStore, folder: Path) -> None:
    """The fastest points, how many ended how, and where the rows are."""
    done, infeasible = store.count("done"), store.count("infeasible")
    rows = list(store.rows("WHERE status = 'done' ORDER BY cycles, energy_pj, id LIMIT ?", (SHOWN,)))
    columns = (">id", "workload", "hardware", "settings", ">cycles", ">energy", ">DRAM", ">area")
    which = f"the {len(rows)} of fewest cycles" if done > len(rows) else "by cycles"
    reasons = "".join(f"\ninfeasible, for example: {row.error}" for row in _infeasible(store))
    caption = f"{done:,} points done, {infeasible:,} infeasible; rows in {folder / 'results.sqlite'}{reasons}"
    print_table(f"{done + infeasible:,} points, {which}", columns, map(_cells, rows), "settings", caption)


def _infeasible(store: ResultStore) -> Iterator[Row]:
    return store.rows("WHERE status = 'infeasible' ORDER BY id LIMIT 1")


def _cells(row: Row) -> tuple[str, ...]:
    settings = ", ".join(f"{field}={value}" for field, value in json.loads(row.settings).items())
    figures = (f"{row.cycles:,}", energy(row.energy_pj or 0), size(int(row.dram_bytes or 0)))
    return (str(row.id), row.workload, row.hardware, settings, *figures, f"{(row.area_um2 or 0) / 1e6:.3f} mm²")


def print_json(store: ResultStore) -> None:
    """What the sweep is and a list of its rows, written one after another."""
    facts = store.facts()
    head = json.dumps({key: facts[key] for key in ("points", "versions", "seeds", "code")}, indent=1)
    typer.echo(f'{head[:-2]},\n "rows": [')
    before = ""
    for row in store.rows():
        values = {**vars(row), "settings": json.loads(row.settings)}
        typer.echo(f"{before}  {json.dumps(values)}", nl=False)
        before = ",\n"
    typer.echo("\n ]\n}")


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """A bar with rate and time left on stderr where a person watches; elsewhere a line now and then."""
    if not sys.stderr.isatty():
        yield _told_now_and_then()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("points"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("points", total=None, rate="")

        def show_bar(ended: int, infeasible: int, of: int) -> None:
            speed = bar.tasks[0].speed
            rate = f"{speed:.3g} points/s" if speed else ""
            bar.update(task, completed=ended, total=of, rate=rate)

        yield show_bar


def _told_now_and_then() -> Progress:
    """A line on stderr at times, with rate and time left."""
    began, told, before = time.monotonic(), time.monotonic(), -1

    def tell(ended: int, infeasible: int, of: int) -> None:
        nonlocal told, before
        now = time.monotonic()
        before = ended if before < 0 else before
        if now - told < _TOLD_EVERY_S:
            return
        told, rate = now, (ended - before) / (now - began)
        left = f", {(of - ended) / rate:,.0f} s left" if rate else ""
        print(f"{ended:,} of {of:,} points, {infeasible:,} infeasible; {rate:.3g} points/s{left}", file=sys.stderr)

    return tell
