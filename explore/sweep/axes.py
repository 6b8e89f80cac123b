"""What a sweep varies on the machine: a grid of values by dotted field, or settings that were listed one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

Settings = dict[str, Any]  # dotted field -> value


class Axes(Protocol):
    """Settings in a fixed order, made one at a time: a sweep of a million points holds none of them."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The dotted fields that are set."""

    def __len__(self) -> int:
        """How many settings there are."""

    def __getitem__(self, index: int) -> Settings:
        """The settings with this number, 0 the first."""


@dataclass(frozen=True)
class Grid:
    """Every combination of the values of each field; the last field varies fastest.

    >>> grid = Grid({"array.rows": [4, 8], "dram.gbps": [8, 16, 32]})
    >>> len(grid), grid[0], grid[4]
    (6, {'array.rows': 4, 'dram.gbps': 8}, {'array.rows': 8, 'dram.gbps': 16})
    """

    values: Mapping[str, Sequence[Any]]

    @property
    def fields(self) -> tuple[str, ...]:
        """The dotted fields, in the order in which they were named."""
        return tuple(self.values)

    def __len__(self) -> int:
        return prod(len(options) for options in self.values.values())

    def __getitem__(self, index: int) -> Settings:
        if not 0 <= index < len(self):
            raise IndexError(index)
        chosen: Settings = {}
        for field in reversed(self.fields):
            index, place = divmod(index, len(self.values[field]))
            chosen[field] = self.values[field][place]
        return {field: chosen[field] for field in self.fields}


@dataclass(frozen=True)
class Listed:
    """Settings that were written out, each for itself.

    >>> Listed([{"array.rows": 4}, {"array.rows": 8, "array.cols": 2}]).fields
    ('array.rows', 'array.cols')
    """

    settings: Sequence[Settings]

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that any of them sets."""
        return tuple(dict.fromkeys(field for one in self.settings for field in one))

    def __len__(self) -> int:
        return len(self.settings)

    def __getitem__(self, index: int) -> Settings:
        return dict(self.settings[index])
