"""The results of a sweep: one SQLite file, a row a point, written as each ends, and what made them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from accelsim.errors import FileFormatError, OutputError
from accelsim.files import make_folder

from .row import COLUMNS, TYPES, Row

if TYPE_CHECKING:
    import pandas as pd

RESULTS = "results.sqlite"
WAIT_S = 10.0  # for another process that reads or writes the file
_ROWS_AT_ONCE = 1000


class ResultStore:
    """The tables `points` (a row a point) and `sweep` (facts by key, JSON) of one file; of memory where `path` is None.

    Write-ahead logging: a process that is killed leaves every row that was written, and readers never wait. OutputError
    where the file cannot be made or written (a full disk, a read-only folder), FileFormatError where it is something
    else. Used with `with`.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is not None:
            make_folder(path.parent)
        with self._guarded():
            self._base = sqlite3.connect(path or ":memory:", timeout=WAIT_S, isolation_level=None)
            self._require_ours()
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            columns = ", ".join(f"{name} {TYPES.get(name, 'REAL')}" for name in COLUMNS)
            self._base.execute("BEGIN IMMEDIATE")
            self._base.execute(f"CREATE TABLE IF NOT EXISTS points ({columns})")
            self._base.execute("CREATE TABLE IF NOT EXISTS sweep (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            self._base.execute("COMMIT")

    def _require_ours(self) -> None:
        """FileFormatError where the file has other tables, or other columns, than a sweep's."""
        names = {name for (name,) in self._base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        columns = tuple(row[1] for row in self._base.execute("PRAGMA table_info(points)"))
        if not names:
            return
        if "points" not in names or "sweep" not in names or columns != COLUMNS:
            self._base.close()
            raise FileFormatError(
                f"{str(self.path)!r} holds no results of a sweep of this version; another folder is expected (--out)"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def facts(self) -> dict[str, Any]:
        """What the sweep wrote about itself; empty where no sweep has used the file yet."""
        with self._guarded():
            return {key: json.loads(value) for key, value in self._base.execute("SELECT key, value FROM sweep")}

    def put_facts(self, facts: Mapping[str, Any]) -> None:
        """Write facts about the sweep, all or none."""
        texts = [(key, json.dumps(value)) for key, value in facts.items()]
        self._write("INSERT OR REPLACE INTO sweep VALUES (?, ?)", texts)

    def add(self, rows: Iterable[Row]) -> None:
        """Write rows, all or none. A point that has a row already is an error of ours."""
        places = ", ".join("?" * len(COLUMNS))
        self._write(f"INSERT INTO points VALUES ({places})", [row.cells() for row in rows])

    def ended(self, first: int, end: int) -> set[int]:
        """The points numbered `first` to `end` - 1 that have a row."""
        with self._guarded():
            found = self._base.execute("SELECT id FROM points WHERE id >= ? AND id < ?", (first, end))
            return {number for (number,) in found}

    def count(self, status: str | None = None) -> int:
        """Rows in all, or of one status."""
        clause, values = ("", ()) if status is None else (" WHERE status = ?", (status,))
        with self._guarded():
            return int(self._base.execute(f"SELECT COUNT(*) FROM points{clause}", values).fetchone()[0])

    def has(self, number: int) -> bool:
        """Whether the point has a row."""
        return number in self.ended(number, number + 1)

    def row(self, number: int) -> Row:
        """The row of a point that has one."""
        return next(self.rows("WHERE id = ?", (number,)))

    def rows(self, clause: str = "ORDER BY id", values: tuple[Any, ...] = ()) -> Iterator[Row]:
        """Rows by an SQL clause, one at a time."""
        with self._guarded():
            cursor = self._base.execute(f"SELECT {', '.join(COLUMNS)} FROM points {clause}", values)
            while found := cursor.fetchmany(_ROWS_AT_ONCE):
                yield from (Row(*cells) for cells in found)

    def frame(self) -> pd.DataFrame:
        """All rows in the order of the points, with a column for each swept field behind those of the table."""
        import pandas as pd

        rows = list(self.rows())
        frame = pd.DataFrame([row.cells() for row in rows], columns=list(COLUMNS))
        for field in self.facts().get("swept_fields", ()):
            frame[field] = [json.loads(row.settings).get(field) for row in rows]
        return frame

    def _write(self, statement: str, values: Iterable[tuple[Any, ...]]) -> None:
        with self._guarded():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                self._base.executemany(statement, values)
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """SQLite's errors as the user's, in a sentence."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OutputError(f"cannot write {str(self.path)!r}: {error}; a folder with room is expected") from error
        except sqlite3.IntegrityError:
            raise
        except FileFormatError:
            raise
        except (sqlite3.DatabaseError, ValueError) as error:
            raise FileFormatError(f"{str(self.path)!r} holds no results of a sweep: {error}") from error
