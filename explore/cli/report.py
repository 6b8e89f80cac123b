"""`accelsim report`: the page and the figures of a study, drawn again from its files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accelsim.errors import OutputError
from accelsim.files import require_writable

from .output import waiting

PAGE, FIGURES = "report.html", "figures"


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `accelsim demo` has written.")],
) -> None:
    """Rebuild report.html and the figures from a study's report.json, layers.csv and timeline.json; nothing is run.

    \b
    Example: accelsim report out/demo
    """
    import plots

    data = plots.StudyData.from_folder(folder)
    require_free(folder)
    with waiting(f"drawing {folder}"):
        plots.write_report(data, folder / PAGE)
        figures = plots.save_all(data, folder)
    typer.echo(f"{folder / PAGE} and {len(figures)} files in {folder / FIGURES}")


def require_free(folder: Path) -> None:
    """OutputError unless the page and the figures can be written into `folder`."""
    for place in (folder, folder / FIGURES):
        require_writable(place)
    if (folder / PAGE).is_dir():
        raise OutputError(f"cannot write {str(folder / PAGE)!r}: a folder is in the way")
