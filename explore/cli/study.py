"""`accelsim study`: the studies that ship."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from accelsim.files import require_writable

from ..studies.registry import STUDIES, STUDY_RUNS
from .completion import study_names
from .output import Json
from .progress import counted


def study(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help=f"One of {', '.join(STUDIES)}.", autocompletion=study_names)
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where text, tables and figures go; out/study-NAME by default.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer layers, rates and seeds; under 60 s.")] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, max=1024, help="Processes; as many as there are cores by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a study: measured answers, with tables, figures and a text made from the numbers. A second run takes seconds.

    JSON: study, folder, text, and files, what stands in the folder when it is done; its tables are among them.

    \b
    Example: accelsim study ppr --quick
    """
    from ..parallel import default_jobs

    run = STUDY_RUNS.get(name)
    folder = out or Path("out") / f"study-{name}"
    require_writable(folder)
    with counted(f"study {name}", unit="points") as progress:
        text = run(folder, quick, jobs or default_jobs(), progress)
    if as_json:
        files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        typer.echo(json.dumps({"study": name, "folder": str(folder), "text": text, "files": files}, indent=1))
    else:
        typer.echo(text)
