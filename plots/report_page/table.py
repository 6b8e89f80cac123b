"""Sortable HTML tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

Row = Mapping[str, Any]
NOTHING = "–"


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


def table(caption: str, columns: Sequence[Column], rows: Iterable[Row], tall: bool = False) -> str:
    """A table whose headings are buttons that sort it, in a box that scrolls; every text is escaped."""
    head = "".join(_heading(column) for column in columns)
    body = "\n".join(f"<tr>{''.join(_cell(column, row) for column in columns)}</tr>" for row in rows)
    box = "scroll tall" if tall else "scroll"
    return (
        f'<div class="{box}" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _heading(column: Column) -> str:
    kind = ' class="number"' if column.show else ""
    return f'<th scope="col"{kind}><button type="button">{escape(column.heading)}</button></th>'


def _cell(column: Column, row: Row) -> str:
    value = column.value(row)
    if column.show is None:
        return f"<td>{escape(str(NOTHING if value is None else value))}</td>"
    if value is None or not math.isfinite(value):
        return f'<td class="number" data-sort="">{NOTHING}</td>'
    return f'<td class="number" data-sort="{float(value)!r}">{escape(column.show(value))}</td>'
