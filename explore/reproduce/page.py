"""The recomputed tables as one HTML page and one CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from accelsim.files import write_text
from plots.report_page.html import Page, Part
from plots.report_page.table import Column, key, table

from .cell import Cell

TITLE = "The papers' tables, recomputed"
PAGE, CSV = "reproduce.html", "reproduce.csv"
WORDS = (
    "Published is the figure as printed. Ours comes from the other printed figures of the row by the rule beside it. "
    "A cell follows where the two agree within the rounding of everything that is printed; it is cut off where digits "
    "were dropped, not rounded; a bound holds where the rule gives the least possible value and the published one is "
    "not below it. n is the number of weights left, b their bits, k the bits of a relative index, d the density, N the "
    "weights of the baseline. Storage sizes are decimal."
)
TITLES = {
    "PPR": "001, sections VI and VII-D: the PPR rule",
    "ISS": "000, Table I: LSTM units removed",
    "BSQ": "000, Table II: mixed precision",
    "DMP": "004, Tables II to V: counts",
}
COLUMNS = [
    Column("row", key("row")),
    Column("column", key("column")),
    Column("published", key("published")),
    Column("ours", key("ours")),
    Column("difference %", key("percent"), "{:+.1f}".format),
    Column("verdict", key("verdict")),
    Column("rule", key("rule")),
    Column("note", key("note")),
]


def summary(cells: Sequence[Cell]) -> str:
    """How many cells follow, in a sentence."""
    verdicts = Counter(cell.verdict for cell in cells)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    return f"{len(cells)} published cells: {counts}."


def write_files(cells: Sequence[Cell], folder: Path) -> list[Path]:
    """Write the page and the CSV into `folder`; equal cells give equal bytes. OutputError where that cannot be."""
    page, values = folder / PAGE, folder / CSV
    write_text(page, page_text(cells))
    write_text(values, csv_text(cells))
    return [page, values]


def page_text(cells: Sequence[Cell]) -> str:
    """The page, a section a table."""
    by_table: dict[str, list[Cell]] = {}
    for cell in cells:
        by_table.setdefault(cell.table, []).append(cell)
    parts = [Part(name, name, table(title(name), COLUMNS, _rows(entries))) for name, entries in by_table.items()]
    return Page(TITLE, summary(cells), parts, f"{len(by_table)} tables.", {"cells": WORDS}).html()


def title(name: str) -> str:
    """What a table is, for its caption."""
    return TITLES.get(name, f"001, Table {name}: storage of the CONV layers")


def _rows(cells: Iterable[Cell]) -> list[dict[str, object]]:
    return [cell.to_dict() | {"percent": 100 * cell.difference} for cell in cells]


def csv_text(cells: Sequence[Cell]) -> str:
    """One line a cell."""
    rows = [cell.to_dict() for cell in cells]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
