"""`accelsim reproduce`: the papers' tables, published beside ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .completion import table_names
from .output import Json, print_table
from .progress import counted

if TYPE_CHECKING:
    from ..reproduce.cell import Cell

HEADINGS = ("row", "column", ">published", ">ours", ">difference", "verdict", "rule")


def reproduce(
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="[TABLE]", help="VIII to XIV, PPR, ISS, BSQ or DMP; all without it.", autocompletion=table_names
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write reproduce.html and reproduce.csv there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Recompute the papers' tables from their printed inputs: published, ours, difference, and what does not follow.

    JSON: a list of cells, an object each: table, row, column, published, ours, difference, verdict and rule.

    \b
    Example: accelsim reproduce XIV
    Example: accelsim reproduce --out out/reproduce
    """
    from accelsim.files import require_writable

    from ..reproduce import reproduce as recompute
    from ..reproduce.page import summary, write_files

    if out is not None:
        require_writable(out)
    with counted("recomputing", unit="tables") as progress:
        cells = recompute(table, progress)
    written = write_files(cells, out) if out is not None else []
    if as_json:
        typer.echo(json.dumps([cell.to_dict() for cell in cells], indent=1, ensure_ascii=False, allow_nan=False))
        return
    show(cells)
    typer.echo(summary(cells))
    for path in written:
        typer.echo(f"wrote {path}")


def show(cells: Sequence[Cell]) -> None:
    """A table of the terminal for each table of the papers."""
    from ..reproduce.page import title

    for name in dict.fromkeys(cell.table for cell in cells):
        rows = (_line(cell) for cell in cells if cell.table == name)
        print_table(title(name), HEADINGS, rows, "rule", keys=2)


def _line(cell: Cell) -> tuple[str, ...]:
    values = cell.to_dict()
    difference = f"{100 * cell.difference:+.1f} %"
    names = ("row", "column", "published", "ours")
    return *(str(values[name]) for name in names), difference, cell.verdict, cell.rule
