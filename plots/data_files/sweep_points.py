"""The points of a sweep or a search, read from the `points` table of its results.sqlite."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from accelsim.errors import FileFormatError, MissingFileError

RESULTS, TABLE = "results.sqlite", "points"
NEEDED = ("id", "workload", "hardware", "settings", "status", "cycles", "energy_pj", "dram_bytes", "area_um2")
DONE = "done"
MOST_FACTS = 60  # rows of another table that are shown as facts


@dataclass(frozen=True, eq=False)
class Points:
    """Rows in the order of the points: the table's columns, `settings` as a mapping by swept field.

    `facts` are the file's other short tables, which say how it was made.
    """

    rows: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_folder(cls, folder: str | Path) -> Points:
        """Read `results.sqlite` without changing it; it may still be written to.

        MissingFileError where it is not there, FileFormatError where it is no database or lacks a column.
        """
        path = Path(folder) / RESULTS
        if not path.is_file():
            raise MissingFileError(
                f"results {str(path)!r} is not there; name a folder that `accelsim sweep` has written"
            )
        where = f"results {str(path)!r}"
        try:
            with closing(_opened(path)) as base:
                return cls(list(_rows(base, where)), dict(_facts(base)))
        except sqlite3.Error as error:
            raise FileFormatError(f"{where} cannot be read as SQLite: {error}; `accelsim sweep` writes it") from error

    @cached_property
    def done(self) -> list[Mapping[str, Any]]:
        """The points that have numbers."""
        return [row for row in self.rows if row["status"] == DONE]

    @cached_property
    def fields(self) -> list[str]:
        """The swept fields, in the order in which they first come."""
        return list(dict.fromkeys(name for row in self.rows for name in row["settings"]))

    @cached_property
    def changing(self) -> list[str]:
        """The fields that have more than one value: what tells the points of one machine and workload apart."""
        values = {name: {json.dumps(row["settings"].get(name)) for row in self.rows} for name in self.fields}
        return [name for name in self.fields if len(values[name]) > 1]

    @cached_property
    def several(self) -> list[str]:
        """Which of workload and hardware differ between points."""
        return [name for name in ("workload", "hardware") if len({row[name] for row in self.rows}) > 1]

    @cached_property
    def measures(self) -> list[str]:
        """Columns with a number in every point that is done, the identifier aside."""
        names = [name for name in (self.rows[0] if self.rows else {}) if name not in ("id", "settings")]
        return [name for name in names if self.done and all(_is_number(row[name]) for row in self.done)]


def _opened(path: Path) -> sqlite3.Connection:
    """The database for reading alone; where its folder cannot be written either, as a file that nobody changes."""
    place = path.resolve().as_uri()
    base = sqlite3.connect(f"{place}?mode=ro", uri=True, timeout=5)
    try:
        base.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError:
        base.close()
        base = sqlite3.connect(f"{place}?mode=ro&immutable=1", uri=True)
    base.row_factory = sqlite3.Row
    base.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return base


def _rows(base: sqlite3.Connection, where: str) -> Iterator[dict[str, Any]]:
    columns = [row["name"] for row in base.execute(f"PRAGMA table_info({TABLE})")]
    for name in NEEDED:
        if name not in columns:
            raise FileFormatError(f"{where} has no column {name!r} in a table {TABLE!r}; `accelsim sweep` writes it")
    for row in base.execute(f"SELECT * FROM {TABLE} ORDER BY rowid"):
        yield {**dict(row), "settings": _settings(row["settings"], row["id"], where)}


def _settings(text: object, point: object, where: str) -> dict[str, Any]:
    try:
        settings = json.loads(str(text))
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict):
        raise FileFormatError(
            f"{where} has the settings {text!r:.60} in point {point!r:.40}; a JSON mapping is expected"
        )
    return settings


def _facts(base: sqlite3.Connection) -> Iterator[tuple[str, Any]]:
    """Every other short table: one of two columns is facts by name, of more columns a list of rows."""
    names = [row["name"] for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    for name in names:
        if name == TABLE or name.startswith("sqlite_"):
            continue
        quoted = name.replace('"', '""')
        rows = [tuple(row) for row in base.execute(f'SELECT * FROM "{quoted}" LIMIT {MOST_FACTS + 1}')]
        if rows and len(rows) <= MOST_FACTS:
            if len(rows[0]) == 2:
                yield from _mapping(rows).items()
            else:
                yield name, [[_plain(cell) for cell in row] for row in rows]


def _mapping(rows: Iterable[tuple[Any, ...]]) -> dict[str, Any]:
    return {str(name): _decoded(value) for name, value in rows}


def _decoded(value: Any) -> Any:
    """What a text of JSON holds; anything else as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else _plain(value)
    except (ValueError, RecursionError):
        return value


def _plain(value: Any) -> Any:
    return f"{len(value)} bytes" if isinstance(value, bytes) else value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
