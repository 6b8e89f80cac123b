"""Folders as commands leave them, made up or simulated small."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

COLUMNS = ("id", "workload", "hardware", "settings", "status", "cycles", "energy_pj", "dram_bytes", "area_um2", "error")


def swept(folder: Path, rows: list[dict[str, Any]], facts: dict[str, str] | None = None) -> Path:
    """A folder with results.sqlite of these points, in the columns of the contract."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "results.sqlite")) as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute(f"CREATE TABLE points ({', '.join(COLUMNS)})")
        marks = ", ".join("?" * len(COLUMNS))
        base.executemany(f"INSERT INTO points VALUES ({marks})", [[row.get(name) for name in COLUMNS] for row in rows])
        if facts:
            base.execute("CREATE TABLE sweep (name TEXT, value TEXT)")
            base.executemany("INSERT INTO sweep VALUES (?, ?)", facts.items())
        base.commit()
    return folder


def point(
    number: int, rows: int, cycles: int | None, *, hardware: str = "dense/os-16x16", **more: Any
) -> dict[str, Any]:
    """A point of a sweep over array.rows and dram.gbps; without cycles it is infeasible."""
    numbers = {} if cycles is None else {
        "cycles": cycles, "energy_pj": 1e6 * rows + cycles, "dram_bytes": 5000, "area_um2": 1000.0 * rows,
    }  # fmt: skip
    return {
        "id": number, "workload": "lenet5", "hardware": hardware,
        "settings": json.dumps({"array.rows": rows, "dram.gbps": 8.5}),
        "status": "infeasible" if cycles is None else "done",
        "error": "a tile of 80 KiB does not fit" if cycles is None else "", **numbers, **more,
    }  # fmt: skip


POINTS = [point(0, 8, 4000), point(1, 16, 2000), point(2, 32, 2100), point(3, 64, None), point(4, 64, 900)]
