"""Tables that sort, filter and never clip: they scroll within a box of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .text import shown

Row = Mapping[str, Any]
NOTHING = "–"
FILTERED_ROWS = 8  # from here on a table has a filter
LONG = 40  # characters from which a text is broken into lines
HINT = "words, or a column and a bound: cycles<20000"


@dataclass(frozen=True)
class Column:
    """A heading (a second line of it holds the unit), the value of a row, and how a number is written.

    Without `show` values are texts; with it they are numbers, stand right and sort as numbers. A value of None, or one
    that is not finite, is shown as a dash.
    """

    heading: str
    value: Callable[[Row], Any]
    show: Callable[[float], str] | None = None


def key(name: str, factor: float = 1.0) -> Callable[[Row], Any]:
    """A row's entry, divided by `factor` where it is a number; None where the row lacks it."""

    def value(row: Row) -> Any:
        value = row.get(name)
        return value / factor if factor != 1.0 and value is not None else value

    return value


def told(columns: Iterable[Column], rows: Sequence[Row]) -> list[Column]:
    """The columns of which some row has a value; an empty column says nothing."""
    return [column for column in columns if any(_is_there(column.value(row)) for row in rows)]


def _is_there(value: object) -> bool:
    return value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Row],
    *,
    opens: Callable[[Row], str] | None = None,
    of: Callable[[Row], str] | None = None,
) -> str:
    """A table whose headings are buttons that sort it, in a box that scrolls, with a filter where it is long.

    `opens` names what a row opens: its first cell becomes a button that shows the rows whose `of` is the same name, in
    whatever table of the page they stand. Both are identifiers of the page, never a name of the user's.
    """
    head = "".join(map(_heading, columns))
    lines = [_line(columns, row, opens(row) if opens else "", of(row) if of else "") for row in rows]
    body = "\n".join(lines)
    box = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{shown(caption)}"><table>'
        f"<caption>{shown(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )
    return f'<div class="filtered">{_filter(len(lines))}{box}</div>' if of or len(lines) >= FILTERED_ROWS else box


def _filter(count: int) -> str:
    return (
        f'<p class="filter"><label>Filter <input type="search" placeholder="{shown(HINT)}"></label> '
        f'<output>{count} rows</output> <button type="button" class="all" hidden>show all</button></p>'
    )


def _heading(column: Column) -> str:
    kind = ' class="number"' if column.show else ""
    return f'<th scope="col"{kind}><button type="button">{shown(column.heading)}</button></th>'


def _line(columns: Sequence[Column], row: Row, opens: str, of: str) -> str:
    first, *others = (_cell(column, row) for column in columns)
    if opens:
        start, text = first.removesuffix("</td>").split(">", 1)
        first = f'{start}><button type="button" class="open" data-open="{shown(opens)}">{text}</button></td>'
    marks = (f' data-key="{shown(opens)}"' if opens else "") + (f' data-of="{shown(of)}"' if of else "")
    return f"<tr{marks}>{first}{''.join(others)}</tr>"


def _cell(column: Column, row: Row) -> str:
    value = column.value(row)
    if column.show is None:
        text = shown(value if _is_there(value) else NOTHING)
        return f'<td class="long">{text}</td>' if len(text) > LONG else f"<td>{text}</td>"
    if value is None or not math.isfinite(value):
        return f'<td class="number" data-sort="">{NOTHING}</td>'
    return f'<td class="number" data-sort="{float(value)!r}">{shown(column.show(value))}</td>'
