"""The space of a sweep as an optimizer sees it: a few dimensions with levels, and a point's number from its levels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelsim.validation import is_number

from ..sweep.axes import Axes, Grid
from ..sweep.space import Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Levels = tuple[int, ...]  # a place in each dimension's levels


@dataclass(frozen=True)
class Dimension:
    """A field with its levels: in order where they are numbers, so that neighbours are alike, else as names.

    `stride` is how far a point's number moves for each place in the list of values, and `places` are the places of
    the levels in that list.

    >>> Dimension.of("array.rows", [32, 8, 16], 1).places
    (1, 2, 0)
    """

    name: str
    texts: tuple[str, ...]
    places: tuple[int, ...]
    stride: int
    is_ordered: bool

    @classmethod
    def of(cls, name: str, values: Sequence[Any], stride: int) -> Dimension:
        """The dimension of a field's values."""
        is_ordered = all(is_number(value) for value in values)
        places = sorted(range(len(values)), key=lambda place: values[place]) if is_ordered else [*range(len(values))]
        texts = tuple(_text(values[place]) for place in places)
        return cls(name, texts, tuple(places), stride, is_ordered)

    def __len__(self) -> int:
        return len(self.places)

    def distribution(self) -> BaseDistribution:
        """Optuna's: places in the order of numbers, or names."""
        from optuna.distributions import CategoricalDistribution, IntDistribution

        return IntDistribution(0, len(self) - 1) if self.is_ordered else CategoricalDistribution(self.texts)

    def level(self, value: Any) -> int:
        """The level that a value of the distribution means."""
        return int(value) if self.is_ordered else self.texts.index(value)

    def value(self, level: int) -> int | str:
        """The value of the distribution for a level."""
        return level if self.is_ordered else self.texts[level]


class Dimensions:
    """The dimensions of a space that have more than one level.

    >>> from explore.sweep.space import Machine
    >>> from explore.sweep.workload_entry import WorkloadEntry
    >>> grid = Grid({"array.rows": [32, 8], "dram.gbps": [1, 2, 4], "clock_mhz": [500]})
    >>> dimensions = Dimensions(Space([WorkloadEntry("lenet5", "lenet5")], [Machine("os", {})], grid))
    >>> [one.name for one in dimensions], dimensions.point((0, 2)), dimensions.values((0, 2))
    (['array.rows', 'dram.gbps'], 5, {'array.rows': 0, 'dram.gbps': 2})
    """

    def __init__(self, space: Space) -> None:
        self.points = len(space)
        self._all = [one for one in _dimensions(space) if len(one) > 1]

    def __iter__(self) -> Any:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's distribution of each dimension."""
        return {one.name: one.distribution() for one in self._all}

    def levels(self, values: Mapping[str, Any]) -> Levels:
        """The levels that values of the distributions mean."""
        return tuple(one.level(values[one.name]) for one in self._all)

    def values(self, levels: Levels) -> dict[str, Any]:
        """The values of the distributions for levels."""
        return {one.name: one.value(level) for one, level in zip(self._all, levels, strict=True)}

    def point(self, levels: Levels) -> int:
        """The number of the point in the space."""
        return sum(one.places[level] * one.stride for one, level in zip(self._all, levels, strict=True))

    def levels_of(self, point: int) -> Levels:
        """The levels of a point."""
        return tuple(one.places.index(point // one.stride % len(one)) for one in self._all)


def _dimensions(space: Space) -> list[Dimension]:
    """Workloads and their options, machines, and what is set: from the slowest to the fastest."""
    entries, found = space.workloads, list[Dimension]()
    machines = len(space.axes)
    variants = machines * len(space.machines)
    if all(_values(entry.swept) == _values(entries[0].swept) for entry in entries):
        options = entries[0].swept
        found.append(Dimension.of("workload", [entry.label for entry in entries], variants * len(options)))
        found += _of_axes(options, variants, "workload.")
    else:
        found.append(Dimension.of("workload", _variants(space), variants))
    found.append(Dimension.of("hardware", [machine.label for machine in space.machines], machines))
    return [*found, *_of_axes(space.axes, 1, "")]


def _of_axes(axes: Axes, stride: int, prefix: str) -> list[Dimension]:
    """A dimension a field of a grid; of settings that were listed, their numbers."""
    if not isinstance(axes, Grid):
        return [Dimension.of(f"{prefix}points", range(len(axes)), stride)]
    found = []
    for field in reversed(axes.fields):
        found.append(Dimension.of(f"{prefix}{field}", axes.values[field], stride))
        stride *= len(axes.values[field])
    return found[::-1]


def _variants(space: Space) -> list[str]:
    """Names of workloads with their options, where they have different ones."""
    return [
        " ".join([entry.label, *(f"{name}={value}" for name, value in entry.swept[number].items())])
        for entry in space.workloads
        for number in range(len(entry.swept))
    ]


def _values(axes: Axes) -> Any:
    return {field: list(values) for field, values in axes.values.items()} if isinstance(axes, Grid) else axes


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
