"""Whether each machine and each value of a sweep can be, before anything runs."""

from __future__ import annotations

import random
from typing import Any

from accelsim.errors import AccelSimError, ConfigError

from .axes import Axes, Grid, Listed, Settings
from .space import Machine, Space

MOST_TRIED = 256  # settings with a value; of more a seeded sample


def require_possible(space: Space, where: str) -> None:
    """ConfigError for a machine that no settings make, and for a value that makes no machine with any other settings.

    A value that goes with some settings is none of these: the points where it does not are rows, with the reason.
    """
    for machine in space.machines:
        error = _fault(machine, {})
        if error is not None and not _any_makes(machine, space.axes):
            first = error if len(space.axes.fields) == 0 else _fault(machine, space.axes[0])
            raise ConfigError(f"{where}: {first or error}") from error
    for field, value in _values(space.axes):
        faults = [_fault(machine, {field: value}) for machine in space.machines]
        held = _holding(space.axes, field, value)
        if all(faults) and not any(_any_makes(machine, held) for machine in space.machines):
            raise ConfigError(f"{where}: set {field}={value!r:.60}: {faults[0]}") from faults[0]


def _fault(machine: Machine, settings: Settings) -> AccelSimError | None:
    """Why these settings make no machine, None where they do."""
    try:
        machine.with_settings(settings)
    except AccelSimError as error:
        return error
    return None


def _any_makes(machine: Machine, axes: Axes) -> bool:
    """Whether any of the settings makes a machine; of many, any of a sample."""
    count = len(axes)
    numbers = range(count) if count <= MOST_TRIED else random.Random(0).sample(range(count), MOST_TRIED)
    return any(_fault(machine, axes[number]) is None for number in numbers)


def _values(axes: Axes) -> list[tuple[str, Any]]:
    """Every field with each of its values."""
    if isinstance(axes, Grid):
        return [(field, value) for field, values in axes.values.items() for value in values]
    found = {(field, repr(value)): value for number in range(len(axes)) for field, value in axes[number].items()}
    return [(field, value) for (field, _), value in found.items()]


def _holding(axes: Axes, field: str, value: Any) -> Axes:
    """The settings that have this value."""
    if isinstance(axes, Grid):
        return Grid({**axes.values, field: [value]})
    return Listed([axes[number] for number in range(len(axes)) if repr(axes[number].get(field)) == repr(value)])
