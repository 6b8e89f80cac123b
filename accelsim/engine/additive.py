"""Frozen records of numbers that add up field by field."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Self


class Additive:
    """A frozen dataclass whose fields are numbers or Additive themselves: `a + b`, `a * times`."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))  # type: ignore[arg-type]  # subclasses are dataclasses

    def __mul__(self, times: int) -> Self:
        return self if times == 1 else type(self)(*(value * times for value in self.values()))

    def values(self) -> tuple[Any, ...]:
        """The fields in their order."""
        return tuple(getattr(self, f.name) for f in fields(self))  # type: ignore[arg-type]  # as above
