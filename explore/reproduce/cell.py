"""One published figure beside what its printed inputs give, with the rounding of both kept as intervals."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accelsim.errors import InternalError

UNITS = {"": 1.0, "×": 1.0, "%": 0.01, "K": 1e3, "M": 1e6, "KB": 8e3, "MB": 8e6}  # decimal; bytes count as bits
_PRINTED = re.compile(r"([0-9][0-9,]*)(\.[0-9]+)?\s*(\D*)")


@dataclass(frozen=True)
class Interval:
    """All values that round to what was printed, or that follow from such values. Positive numbers only."""

    low: float
    high: float

    def __mul__(self, other: Interval | float) -> Interval:
        right = as_interval(other)
        return Interval(self.low * right.low, self.high * right.high)

    def __truediv__(self, other: Interval | float) -> Interval:
        right = as_interval(other)
        return Interval(self.low / right.high, self.high / right.low)

    def __add__(self, other: Interval | float) -> Interval:
        right = as_interval(other)
        return Interval(self.low + right.low, self.high + right.high)

    def increasing(self, function: Callable[[float], float]) -> Interval:
        """The values of a function that never falls."""
        return Interval(function(self.low), function(self.high))

    def overlaps(self, other: Interval) -> bool:
        """Whether the two share a value."""
        return self.low <= other.high * (1 + 1e-12) and other.low <= self.high * (1 + 1e-12)


def as_interval(value: Interval | float) -> Interval:
    """A number is an interval of one value."""
    return value if isinstance(value, Interval) else Interval(value, value)


@dataclass(frozen=True)
class Printed:
    """A figure as a paper prints it: "0.26MB" is 0.26 megabytes, and stands for 0.255 to 0.265."""

    text: str
    value: float
    interval: Interval

    @classmethod
    def read(cls, text: object) -> Printed:
        """The figure behind `text`; InternalError where it is none, for the texts are data of this package."""
        match = _PRINTED.fullmatch(str(text))
        if match is None or match[3] not in UNITS:
            raise InternalError(f"{text!r} is not a printed figure with one of the units {', '.join(UNITS)}")
        digits, decimals, unit = match[1].replace(",", ""), match[2] or "", UNITS[match[3]]
        half = 0.5 * 10 ** -max(0, len(decimals) - 1)
        value = float(digits + decimals)
        return cls(str(text), value * unit, Interval(max(0.0, value - half) * unit, (value + half) * unit))

    @property
    def cut_off(self) -> Interval:
        """All values that become this one where digits are dropped, not rounded."""
        unit = self.interval.high - self.value
        return Interval(self.value, self.value + 2 * unit)

    def like(self, value: float) -> str:
        """Another value in this figure's unit, with two more digits than it was printed with."""
        match = _PRINTED.fullmatch(self.text)
        assert match is not None
        decimals = max(0, len(match[2] or "") - 1) + (0 if self.interval.low == self.interval.high else 2)
        return f"{value / UNITS[match[3]]:,.{decimals}f}{match[3]}"


@dataclass(frozen=True)
class Cell:
    """One cell of a table: what was published, what ours is from the printed inputs, and by which rule.

    `bound` marks a rule that gives the least possible value: it holds where the published value is not below it. `note`
    says where other inputs than the row's own went in.
    """

    table: str
    row: str
    column: str
    published: Printed
    ours: Interval
    value: float  # from the inputs as printed, without their rounding
    rule: str
    bound: bool = False
    note: str = ""

    @property
    def difference(self) -> float:
        """Ours less published, as a share of the published value."""
        return self.value / self.published.value - 1

    @property
    def verdict(self) -> str:
        """follows, within the rounding of what is printed; cut off, where it was not rounded; bound holds; or no."""
        if self.published.interval.overlaps(self.ours):
            return "follows"
        if self.published.cut_off.overlaps(self.ours):
            return "follows, cut off"
        if self.bound and self.published.interval.high >= self.ours.low:
            return "bound holds"
        return "does not follow"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, in the order of the CSV's columns."""
        return {
            "table": self.table, "row": self.row, "column": self.column, "published": self.published.text,
            "ours": self.published.like(self.value), "difference": self.difference, "verdict": self.verdict,
            "rule": self.rule, "note": self.note,
        }  # fmt: skip
