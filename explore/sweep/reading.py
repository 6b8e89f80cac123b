"""A sweep file: workloads, hardware, and what is set on the machines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError
from accelsim.files import read_yaml

from .given import require_keys
from .space import Space
from .space_of import space_of

GOALS = ("minimize", "maximize", "constraints")  # of a search, for which the file may serve too
KEYS = ("workloads", "hardware", "set", "points", "description", *GOALS)
REQUIRED = ("workloads", "hardware")


def read_sweep(path: Path, settings: Mapping[str, Any] | None = None) -> Space:
    """The space of a YAML file; `settings` replace or add to its `set`, a list being swept.

    Raises MissingFileError, FileFormatError, and what `space_of` raises, each with the file and the place in it.

        workloads: [lenet5, {name: alexnet, density: [0.1, 0.5]}]
        hardware: [dense/os-32x32, my-machine.yaml]
        set: {array.rows: [8, 16, 32], dram.gbps: [8, 32]}
    """
    return space_in(read_yaml(path, "sweep"), path, settings)


def space_in(content: Mapping[Any, Any], path: Path, settings: Mapping[str, Any] | None = None) -> Space:
    """The space of a sweep file that was read; raises as `read_sweep` does."""
    where = f"sweep {str(path)!r}"
    require_keys(content, KEYS, where)
    for key in REQUIRED:
        if key not in content:
            raise ConfigError(f"{where}: {key} is missing; it is required")
    fields = content.get("set")
    if settings:
        if not isinstance(fields or {}, Mapping):
            raise ConfigError(f"{where}: set is {fields!r:.60}; a mapping of fields to lists of values is expected")
        fields = {**(fields or {}), **settings}
    return space_of(
        content["workloads"], content["hardware"], fields, points=content.get("points"), where=where, folder=path.parent
    )
