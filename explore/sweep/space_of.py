"""The space that a sweep names, with every name, field and value checked before anything runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from accelsim.errors import ConfigError

from .axes import Axes, Grid, Listed
from .checking import require_possible
from .given import listed, options
from .machines import machine_of
from .space import Space
from .workload_entries import workload_entry

MOST_POINTS = 10**7
Labelled = TypeVar("Labelled")


def space_of(
    workloads: Any,
    hardware: Any,
    set: Any = None,  # the name that `--set` and sweep files have
    *,
    points: Any = None,
    where: str = "sweep",
    folder: Path | None = None,
) -> Space:
    """The space of workloads, machines, and either values by dotted field (`set`) or settings one by one (`points`).

    Paths that are relative lie in `folder`, else in the working directory. `where` begins each message. Raises
    ConfigError, UnknownNameError, MissingFileError or FileFormatError for what cannot be, and for a value that makes no
    machine with any of the others.
    """
    axes = _axes(set, points, where)
    machines = [
        machine_of(entry, f"{where}: hardware[{i}]", folder)
        for i, entry in enumerate(listed(hardware, "hardware", "names, files or machines", where))
    ]
    entries = [
        workload_entry(entry, f"{where}: workloads[{i}]", folder)
        for i, entry in enumerate(listed(workloads, "workloads", "names, files or workloads", where))
    ]
    _require_different([entry.label for entry in entries], "workloads", where)
    _require_different([machine.label for machine in machines], "hardware", where)
    space = Space(entries, machines, axes)
    require_few(space, where)
    require_possible(space, where)
    return space


def require_few(space: Space, where: str) -> None:
    """ConfigError for more points than a sweep may have, or none."""
    entries = sum(len(entry.swept) for entry in space.workloads)
    points = entries * len(space.machines) * _size(space.axes)
    if not 1 <= points <= MOST_POINTS:
        raise ConfigError(f"{where}: {points:,} points; 1 to {MOST_POINTS:,} are expected")


def _size(axes: Axes) -> int:
    """`len`, which ends at what fits a machine word."""
    return axes.__len__()


def _axes(values: Any, points: Any, where: str) -> Axes:
    if points is not None:
        if values:
            raise ConfigError(f"{where}: both set and points are given; one of them is expected")
        return _listed_axes(points, where)
    if not isinstance(values or {}, Mapping):
        raise ConfigError(f"{where}: set is {values!r:.60}; a mapping of fields to lists of values is expected")
    return Grid(
        {_field(field, where): options(value, f"{where}: set.{field}") for field, value in (values or {}).items()}
    )


def _listed_axes(points: Any, where: str) -> Listed:
    settings = listed(points, "points", "mappings of fields to values", where)
    for i, one in enumerate(settings):
        if not isinstance(one, Mapping) or not one:
            raise ConfigError(f"{where}: points[{i}] is {one!r:.60}; a mapping of fields to values is expected")
        for field in one:
            _field(field, where)
    return Listed([dict(one) for one in settings])


def _field(field: Any, where: str) -> str:
    if not isinstance(field, str):
        raise ConfigError(f"{where}: set has the key {field!r:.60}; a dotted field such as array.rows is expected")
    return field


def _require_different(labels: list[str], field: str, where: str) -> None:
    label, count = Counter(labels).most_common(1)[0]
    if count > 1:
        raise ConfigError(f"{where}: {field} holds {label!r:.90} twice; different ones, or a `label`, are expected")
