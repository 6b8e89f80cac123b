"""What commands print: tables with units for people, and a spinner while a person waits."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.errors import InternalError
from accelsim.results.quantities import energy, size

from .table_layout import Table, widths

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Json", "energy", "make_console", "print_table", "ratio_text", "size", "waiting"]

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
PIPED_WIDTH = 160  # columns where stdout is no terminal, for texts; a table is wider there where its numbers are


def make_console() -> Console:
    """A Rich console on stdout as it is now; wide, and without colour, where no person looks at it."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPED_WIDTH)


def ratio_text(value: float | None, decimals: int = 2, unit: str = "") -> str:
    """A ratio in a table; a dash where there is none.

    >>> ratio_text(2.5), ratio_text(3, 1, "x"), ratio_text(None)
    ('2.50', '3.0x', '-')
    """
    return "-" if value is None else f"{value:.{decimals}f}{unit}"


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    wraps: str | Sequence[str],
    caption: str = "",
    *,
    keys: int = 1,
) -> None:
    """A table with a line below it; columns whose name begins with ">" hold numbers and stand right.

    Only the column `wraps`, or those that it names, are broken into lines, and between words. Where a terminal is too
    narrow for the rest, columns go on in tables below, each of which repeats the first `keys`; where not even one has
    room beside these, each row stands as lines of heading and cell. Nothing is ever cut. InternalError where `wraps`
    names no column, as a caption in its place would.
    """
    from rich.text import Text

    wrapped = (wraps,) if isinstance(wraps, str) else wraps
    if not {*wrapped} <= {*columns}:
        raise InternalError(f"table {title!r} wraps {wrapped!r:.80}, which are none of its columns")
    table = Table.of(columns, rows, wrapped, keys)
    console = make_console()
    width = console.width if console.is_terminal else max(console.width, table.least)
    console.print(Text(title, style="table.title"), soft_wrap=True)
    groups = table.groups(width)
    for group in groups:
        _print_group(table, group, width)
    if not groups:
        console.print(Text("\n".join(["", *table.stacked(width), ""])), soft_wrap=True)
    if caption:
        console.print(Text(caption), soft_wrap=True)


def _print_group(table: Table, group: Sequence[int], width: int) -> None:
    """Some columns of a table, as a table."""
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    columns = [table.columns[place] for place in group]
    for column, given in zip(columns, widths(columns, width), strict=True):
        drawn.add_column(Text(column.heading), justify="right" if column.is_right else "left", width=given)
    for row in table.rows:
        drawn.add_row(*(Text(row[place]) for place in group))
    console = make_console()
    console.width = max(console.width, width)  # of a pipe, where the table is wider
    console.print(drawn)


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """A spinner with `text` on stderr while the block runs, where stderr is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield
