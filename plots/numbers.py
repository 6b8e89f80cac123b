"""Numbers as people read them: a few digits and a unit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
ENERGY = ((1e12, "J"), (1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ"), (1.0, "pJ"))  # pJ in one of each
BYTES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))  # sizes; bandwidths are in 10^9 bytes
TIME = ((1e6, "s"), (1e3, "ms"), (1.0, "µs"), (1e-3, "ns"))  # µs in one of each
SPREAD = 12.0  # largest ÷ smallest from which a linear axis no longer shows the smallest


def digits(value: float, count: int = 3) -> str:
    """`value` with `count` significant digits, thousands grouped, never in powers of ten; n/a where not finite."""
    if not math.isfinite(value):
        return "n/a"
    if value == 0:
        return "0"
    exponent = int(f"{value:.{count - 1}e}".split("e")[1])  # after rounding, so that 9.996 is 10.0
    return f"{value:,.{max(0, count - 1 - exponent)}f}"


def counted(count: float) -> str:
    """A count with three digits and k, M, G or T; below a thousand as it is."""
    for factor, prefix in PREFIXES:
        if count >= factor * 0.9995:
            return f"{digits(count / factor)}{prefix}"
    return f"{count:.0f}"


def percent(part: float, whole: float) -> str:
    """A share in whole percent, below one with a digit, so that little is not written as nothing.

    >>> percent(1, 8), percent(1, 400), percent(0, 0)
    ('12 %', '0.2 %', '0 %')
    """
    share = 100 * part / whole if whole else 0.0
    return f"{share:.0f} %" if share >= 1 or not share else f"{share:.1g} %"


def amount(value: float, units: Sequence[tuple[float, str]]) -> str:
    """A number in the largest unit in which it is at least 1.

    >>> amount(2500.0, ENERGY)
    '2.50 nJ'
    """
    factor, unit = unit_of([value], units)
    return f"{digits(value / factor)} {unit}"


def tick(value: float) -> str:
    """The number at a tick: no more digits than it needs, and k, M, G or T."""
    for factor, prefix in PREFIXES:
        if value >= factor:
            return f"{value / factor:g}{prefix}"
    return f"{value:g}"


def unit_of(values: Iterable[float], units: Sequence[tuple[float, str]]) -> tuple[float, str]:
    """The largest unit in which the middle value is at least 1, as (factor, name)."""
    ordered = sorted(values)
    middle = ordered[len(ordered) // 2] if ordered else 0.0
    return next(((factor, name) for factor, name in units if middle >= factor), units[-1])


def is_wide(values: Iterable[float]) -> bool:
    """Whether positive values spread so far that their axis should be logarithmic."""
    positive = [value for value in values if value > 0]
    return bool(positive) and max(positive) / min(positive) > SPREAD
