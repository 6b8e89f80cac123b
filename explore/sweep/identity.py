"""What a sweep is, so that a folder resumes the sweep that it holds and no other; and what made its numbers."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import accelsim
from accelsim.hardware.accelerator import Accelerator
from accelsim.trace.workload import Workload

from ..cache import code_fingerprint, workload_digest
from .axes import Axes, Grid
from .space import Space
from .trained import place_of
from .trainings import trainings_of
from .workload_entry import WorkloadEntry

DIGITS = 16  # of a digest that people see


def facts_of(space: Space) -> dict[str, Any]:
    """What the table `sweep` holds: the sweep itself, its digest, versions, seeds, and the simulator's code."""
    sweep = {
        "workloads": [_entry(entry) for entry in space.workloads],
        "hardware": [{"label": machine.label, "base": _base(machine.base)} for machine in space.machines],
        "set": _axes(space.axes),
    }
    return {
        "sweep": sweep,
        "digest": digest_of(sweep),
        "points": len(space),
        "swept_fields": list(space.swept_fields),
        "seeds": {entry.label: entry.options.get("seed", 0) for entry in space.workloads},
        "versions": {"accelsim": accelsim.__version__, "python": platform.python_version(), **_numpy()},
        "code": code_fingerprint()[:DIGITS],
    }


def digest_of(facts: Any) -> str:
    """A digest of facts that JSON can hold."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:DIGITS]


def _numpy() -> dict[str, str]:
    import numpy as np

    return {"numpy": np.__version__}


def _entry(entry: WorkloadEntry) -> dict[str, Any]:
    recipes = [place_of(training).name for training in trainings_of(entry)]
    return {
        "label": entry.label,
        "content": _content(entry.source),
        "options": dict(entry.options),
        "swept": _axes(entry.swept),
        **({"recipes": recipes} if recipes else {}),
    }


def _content(source: str | Workload) -> str:
    """A digest of a workload or of the files at a path; a name is its own."""
    if isinstance(source, Workload):
        return workload_digest(source)
    path = Path(source)
    if not path.exists():
        return source
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            digest.update(file.name.encode() + hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def _base(base: Mapping[str, Any] | Accelerator) -> dict[str, Any]:
    return base.to_dict() if isinstance(base, Accelerator) else dict(base)


def _axes(axes: Axes) -> Any:
    if isinstance(axes, Grid):
        return {field: list(values) for field, values in axes.values.items()}
    return [axes[index] for index in range(len(axes))]
