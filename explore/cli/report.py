"""`accelsim report`: the page of a folder, drawn again from its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from accelsim.errors import OutputError
from accelsim.files import require_writable

from .output import Json, waiting

PAGE, FIGURES = "report.html", "figures"

Html = Annotated[bool, typer.Option("--html", help="Write report.html there too: one page, readable offline.")]


def report(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A folder that run, compare, sweep, search, demo or study has written."),
    ],
    as_json: Json = False,
) -> None:
    """Write DIR/report.html from the files in DIR, and a demo's figures again; nothing is run.

    JSON: page and figures, the files that were written.

    \b
    Example: accelsim report out/demo
    """
    import plots
    from plots.report_page.folder import is_study

    require_page(folder)
    with waiting(f"drawing {folder}"):
        figures = _figures(folder) if is_study(folder) else []
        page = plots.write_page(folder)
    if as_json:
        typer.echo(json.dumps({"page": str(page), "figures": sorted(map(str, figures))}, indent=1))
        return
    typer.echo(f"{page} and {len(figures)} files in {folder / FIGURES}" if figures else str(page))


def _figures(folder: Path) -> list[Path]:
    """The figures of a study of networks on machines, written again."""
    import plots

    data = plots.StudyData.from_folder(folder)
    require_writable(folder / FIGURES)
    return plots.save_all(data, folder)


def require_page(folder: Path | None, *, html: bool = True) -> None:
    """OutputError unless the page that is asked for can be written into `folder`, which need not be there yet.

    BadParameter where a page is asked for and no folder is named.
    """
    if not html:
        return
    if folder is None:
        raise typer.BadParameter("a page needs a folder; --out DIR names one", param_hint="--html")
    require_writable(folder)
    if (folder / PAGE).is_dir():
        raise OutputError(f"cannot write {str(folder / PAGE)!r}: a folder is in the way")


def finish_page(folder: Path, *, html: bool) -> None:
    """Write the page of a folder that a command has just filled, where it was asked for."""
    if html:
        import plots

        with waiting(f"drawing {folder}"):
            plots.write_page(folder)
