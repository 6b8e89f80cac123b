"""Figures of points that any sweep on this machine has simulated, by content, in one file of the cache's folder."""

from __future__ import annotations

import json
import platform
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..cache import cache_folder

WAIT_S = 2.0  # for another process; after that there is no cache for this point
Figures = dict[str, Any]


class KnownPoints:
    """A cache of figures by the digest of what was simulated: a few hundred bytes each.

    A whole report a point would fill a disk; `explore.cache` keeps those, for few. What cannot be read counts as
    missing, and a folder that cannot be written stays as it is. Each host has a file of its own, since SQLite's locks
    do not reach across a network's file system.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._base: sqlite3.Connection | None = None
        path = (folder or cache_folder()) / f"points-{platform.node()[:60] or 'here'}.sqlite"
        with suppress(OSError, sqlite3.Error):
            path.parent.mkdir(parents=True, exist_ok=True)
            base = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
            base.execute("PRAGMA journal_mode=WAL")
            base.execute("PRAGMA synchronous=NORMAL")
            base.execute("CREATE TABLE IF NOT EXISTS points (key TEXT PRIMARY KEY, figures TEXT NOT NULL)")
            self._base = base

    def find(self, key: str) -> Figures | None:
        """The figures of a point, None where they are not known."""
        if self._base is None:
            return None
        with suppress(sqlite3.Error, ValueError):
            found = self._base.execute("SELECT figures FROM points WHERE key = ?", (key,)).fetchone()
            figures = None if found is None else json.loads(found[0])
            return figures if isinstance(figures, dict) else None
        return None

    def put(self, key: str, figures: Figures) -> None:
        """Keep the figures, where that can be."""
        if self._base is not None:
            with suppress(sqlite3.Error):
                self._base.execute("INSERT OR IGNORE INTO points VALUES (?, ?)", (key, json.dumps(figures)))
