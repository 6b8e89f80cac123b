"""What commands print: tables with units for people, and a spinner while a person waits."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from accelsim.errors import InternalError

if TYPE_CHECKING:
    from rich.console import Console

PIPED_WIDTH = 160  # columns where stdout is no terminal
WRAPPED_WIDTH = 8  # columns at least, for what a narrow terminal breaks into lines


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
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], wraps: str | Sequence[str], caption: str = ""
) -> None:
    """A table with a line below it; columns whose name begins with ">" hold numbers and stand right.

    In a narrow terminal only the column `wraps`, or those that it names, are broken into lines. InternalError where it
    names no column, as a caption in its place would.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    wrapped = (wraps,) if isinstance(wraps, str) else wraps
    if not {*wrapped} <= {*columns}:
        raise InternalError(f"table {title!r} wraps {wrapped!r:.80}, which are none of its columns")
    table = Table(title=Text(title), box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    for column in columns:
        side: Literal["left", "right"] = "right" if column.startswith(">") else "left"
        least = WRAPPED_WIDTH if column in wrapped else None
        table.add_column(
            Text(column.removeprefix(">")), justify=side, no_wrap=not least, overflow="fold", min_width=least
        )
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = make_console()
    console.print(table)
    if caption:
        console.print(Text(caption), soft_wrap=True)


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """A spinner with `text` on stderr while the block runs, where stderr is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def energy(pj: float) -> str:
    """Picojoules in the unit that keeps one to three digits before the point."""
    for factor, unit in ((1e12, "J"), (1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ")):
        if pj >= factor:
            return f"{pj / factor:.3g} {unit}"
    return f"{pj:.3g} pJ"


def size(count: int) -> str:
    """Bytes in the largest binary unit that keeps the number above 1."""
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if count >= 2**power:
            return f"{count / 2**power:.1f} {unit}"
    return f"{count} B"
