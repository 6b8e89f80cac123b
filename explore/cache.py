"""Simulations kept on disk by content: the same layers on the same machine under the same code are run once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import AccelSimError
from accelsim.files import read_json, write_text
from accelsim.hardware.accelerator import Accelerator
from accelsim.results.report import Report
from accelsim.simulate import simulate
from accelsim.trace.workload import Workload

VARIABLE, FOLDER = "ACCELSIM_CACHE_DIR", "accelsim"


def cache_folder() -> Path:
    """`ACCELSIM_CACHE_DIR`, or `accelsim` in the user's cache folder (`XDG_CACHE_HOME`, else `~/.cache`)."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / FOLDER


def simulate_cached(workload: Workload, machine: Accelerator) -> Report:
    """What `simulate` reports, without its timeline; from the cache where it was simulated before.

    A key is the content of the layers (integers or the pattern that makes them), the machine's whole configuration and
    the simulator's code. A damaged entry is simulated anew, and a folder that cannot be written stays as it is.
    Raises what `simulate` raises.
    """
    path = _place(content_key(workload, machine))
    found = _read(path)
    if found is None:
        report = simulate(workload, machine)
        found = {"rows": [_plain(row) for row in report.rows], "area": dict(report.area)}
        _write(path, found)
    return Report(workload.name, machine.to_dict(), found["rows"], found["area"])


def content_key(workload: Workload, machine: Accelerator) -> str:
    """The hexadecimal digest that names an entry."""
    manifest, arrays = workload.manifest()
    named = {key: value for key, value in manifest.items() if key not in {"name", "provenance"}}
    digest = hashlib.sha256(code_fingerprint().encode())
    digest.update(json.dumps([named, machine.to_dict()], sort_keys=True).encode())
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(values.data)
    return digest.hexdigest()


@lru_cache(maxsize=1)
def code_fingerprint() -> str:
    """A digest of every source and data file of the simulator."""
    digest = hashlib.sha256()
    for name, content in sorted(_sources(files("accelsim"), "")):
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _sources(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith((".py", ".yaml")):
            yield prefix + entry.name, entry.read_bytes()


def _place(key: str) -> Path:
    return cache_folder() / key[:2] / f"{key[2:]}.json"


def _read(path: Path) -> dict[str, Any] | None:
    """An entry with all its parts, or None."""
    try:
        found = read_json(path, "cache entry")
    except AccelSimError:
        return None
    whole = isinstance(found, dict) and isinstance(found.get("rows"), list) and isinstance(found.get("area"), dict)
    return found if whole else None


def _write(path: Path, entry: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(entry, allow_nan=False))
    except (AccelSimError, OSError):
        return  # a cache is a convenience: the result is there all the same


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """numpy's numbers as Python's."""
    return {key: value.item() if isinstance(value, np.generic) else value for key, value in row.items()}
