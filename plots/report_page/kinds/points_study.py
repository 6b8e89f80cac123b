"""The page of a shipped study that left study.json, points.csv and figures: findings, figures, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelsim.errors import FileFormatError
from accelsim.files import JSON_LIMIT_BYTES, read_json, read_text

from ...numbers import digits
from ..figures import gallery, saved_pictures
from ..html import Page, Part
from ..provenance import provenance_part
from ..ratios import RATIO_TERMS
from ..table import Column, Row, key, table, told
from ..text import shown

STUDY, POINTS = "study.json", "points.csv"
TOLD_ELSEWHERE = ("findings", "verdict", "versions", "quick")
MOST_ROWS = 2000


@dataclass(frozen=True)
class SavedStudy:
    """What a study left: its facts, its points and its figures."""

    facts: Mapping[str, Any]
    points: Sequence[Row]
    pictures: Sequence[tuple[str, bytes]]

    @classmethod
    def from_folder(cls, folder: Path) -> SavedStudy:
        """Read study.json, points.csv and figures/*.svg; FileFormatError where study.json says no verdict."""
        facts = read_json(folder / STUDY, "study")
        if not isinstance(facts, dict) or not isinstance(facts.get("verdict"), str):
            raise FileFormatError(f"study {str(folder / STUDY)!r} has no `verdict`; `accelsim study` writes one")
        return cls(facts, _points(folder / POINTS), saved_pictures(folder))


def _points(path: Path) -> list[dict[str, Any]]:
    import io

    import pandas as pd

    try:
        frame = pd.read_csv(io.StringIO(read_text(path, "points", JSON_LIMIT_BYTES)), low_memory=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise FileFormatError(f"points {str(path)!r} are not valid CSV: {str(error)[:200]!r}") from error
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def points_study_page(study: SavedStudy, title: str) -> Page:
    """The page, a part a table of the study."""
    facts = study.facts
    findings = "".join(f"<li>{shown(line)}</li>" for line in _lines(facts.get("findings")))
    shown_points = min(MOST_ROWS, len(study.points))
    tables = {_words(name): rows for name, rows in facts.items() if name not in TOLD_ELSEWHERE and _are_rows(rows)}
    return Page(
        title=title,
        answer=facts["verdict"],
        extent=f"{len(study.points)} points{', a quick run' if facts.get('quick') else ''}.",
        definitions=RATIO_TERMS,
        parts=[
            Part("figures", "Figures", gallery(study.pictures)),
            Part("findings", "Findings", f"<ul>{findings}</ul>" if findings else ""),
            *(Part(f"table{n}", words, rows_table(words, rows)) for n, (words, rows) in enumerate(tables.items())),
            Part("points", "Points", rows_table(f"{shown_points} points; points.csv holds all", study.points)),
            provenance_part({"versions": facts.get("versions", {})}),
        ],
    )  # fmt: skip


def _lines(value: object) -> list[str]:
    return [str(line) for line in value] if isinstance(value, list) else []


def _are_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _words(name: str) -> str:
    return name.replace("_", " ")


def rows_table(caption: str, rows: Sequence[Row]) -> str:
    """Rows of anything as a table: a column a key, numbers right."""
    names = dict.fromkeys(name for row in rows for name in row)
    return table(caption, told([_column(name, rows) for name in names], rows), rows[:MOST_ROWS]) if rows else ""


def _column(name: str, rows: Sequence[Row]) -> Column:
    values = [row.get(name) for row in rows if row.get(name) is not None]
    numbers = bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return (
        Column(_words(name), key(name), _number) if numbers else Column(_words(name), lambda row: _said(row.get(name)))
    )


def _said(value: Any) -> Any:
    return {True: "yes", False: "no"}[bool(value)] if isinstance(value, bool) else value


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else digits(value, 4)
