"""`accelsim study`: the studies that ship."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from accelsim.files import require_writable

from ..studies.registry import STUDIES, STUDY_RUNS, Progress
from .output import make_console


def study(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(STUDIES)}.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where text, tables and figures go; out/study-NAME by default.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer layers, rates and seeds; under 60 s.")] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, max=1024, help="Processes; as many as there are cores by default.")
    ] = None,
) -> None:
    """Run a study: measured answers, with tables, figures and a text made from the numbers. A second run takes seconds.

    \b
    Example: accelsim study ppr --quick
    """
    from ..parallel import default_jobs

    run = STUDY_RUNS.get(name)
    folder = out or Path("out") / f"study-{name}"
    require_writable(folder)
    with shown_progress() as progress:
        text = run(folder, quick, jobs or default_jobs(), progress)
    typer.echo(text)


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """A bar on stderr where a person watches; nothing elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = make_console()
    console.stderr = True
    columns = (TextColumn("points"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("points", total=None)

        def show(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        yield show
