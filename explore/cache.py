"""Simulations kept on disk by content: the same layers on the same machine under the same code are run once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from accelsim.errors import AccelSimError
from accelsim.files import read_json, write_text
from accelsim.hardware.accelerator import Accelerator
from accelsim.results.cache_records import from_record, to_record
from accelsim.results.layer import ReportedLayer
from accelsim.results.report import Report
from accelsim.simulate import simulate
from accelsim.trace.workload import Workload

ASIDE = {"name", "provenance", "not_simulated"}  # of a workload's manifest: what no layer's result depends on
WORDS = {"name", "description", "source", "validated"}  # of a machine: what no result depends on either
VARIABLE, FOLDER = "ACCELSIM_CACHE_DIR", "accelsim"
_DIGESTS: WeakKeyDictionary[Workload, str] = WeakKeyDictionary()  # of workloads, which do not change


def cache_folder() -> Path:
    """`ACCELSIM_CACHE_DIR`, or `accelsim` in the user's cache folder (`XDG_CACHE_HOME`, else `~/.cache`)."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / FOLDER


def simulate_cached(workload: Workload, machine: Accelerator) -> Report:
    """What `simulate` reports, without its timeline; from the cache where it was simulated before.

    A key is the content of the layers (integers or the pattern that makes them), the machine's configuration but its
    name and its words, and the simulator's code. A damaged entry is simulated anew, and a folder that cannot be written
    stays as it is. Raises what `simulate` raises.

    >>> import accelsim
    >>> network = Workload("net", [accelsim.GemmTrace("fc", M=1, N=8, K=4)])
    >>> machine = accelsim.load_hardware("dense/os-16x16")
    >>> accelsim.cache.simulate_cached(network, machine).cycles == accelsim.simulate(network, machine).cycles
    True
    """
    path = _place(content_key(workload, machine))
    entry = _read(path, machine)
    if entry is None:
        report = simulate(workload, machine)
        entry = _Entry(report.results, dict(report.area), dict(report.extrapolated), report.warmup_bytes)
        _write(path, entry.to_record())
    untimed = tuple(replace(layer, result=replace(layer.result, spans=())) for layer in entry.results)
    return Report(
        workload.name, machine.to_dict(), untimed, entry.area,
        accounting=machine.dram.accounting, extrapolated=entry.extrapolated,
        batch=workload.batch, warmup_bytes=entry.warmup_bytes, not_simulated=workload.not_simulated,
        remarks=workload.remarks,
    )  # fmt: skip


class _Entry(NamedTuple):
    """What is kept of a report."""

    results: tuple[ReportedLayer, ...]
    area: Mapping[str, float]
    extrapolated: Mapping[str, str]
    warmup_bytes: int

    def to_record(self) -> dict[str, Any]:
        """All of it; JSON holds it."""
        layers = [to_record(layer) for layer in self.results]
        rest = {"area": self.area, "extrapolated": self.extrapolated, "warmup_bytes": self.warmup_bytes}
        return {"layers": layers, **rest}


def content_key(workload: Workload, machine: Accelerator) -> str:
    """The hexadecimal digest that names an entry."""
    configuration = {key: value for key, value in machine.to_dict().items() if key not in WORDS}
    facts = [code_fingerprint(), workload_digest(workload), configuration]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def workload_digest(workload: Workload) -> str:
    """The hexadecimal digest of the layers, operators and graph of a workload, whatever its name; made once for each.

    >>> from accelsim import GemmTrace
    >>> layers = [GemmTrace("fc", M=1, N=8, K=4)]
    >>> workload_digest(Workload("a", layers)) == workload_digest(Workload("b", layers))
    True
    """
    known = _DIGESTS.get(workload)
    if known is None:
        known = _DIGESTS[workload] = _digest_of(workload)
    return known


def _digest_of(workload: Workload) -> str:
    manifest, arrays = workload.manifest()
    named = {key: value for key, value in manifest.items() if key not in ASIDE}
    digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode())
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


def _read(path: Path, machine: Accelerator) -> _Entry | None:
    """An entry with all its parts, or None."""
    try:
        stored = read_json(path, "cache entry")
        results = tuple(from_record(record, machine) for record in stored["layers"])
        return _Entry(results, dict(stored["area"]), dict(stored["extrapolated"]), int(stored["warmup_bytes"]))
    except (AccelSimError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _write(path: Path, entry: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(entry, allow_nan=False, default=_plain))
    except (AccelSimError, OSError):
        return  # a cache is a convenience: the result is there all the same


def _plain(value: Any) -> Any:
    """numpy's numbers as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")
