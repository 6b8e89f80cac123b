"""Numbers as people read them: a few digits and a unit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
ENERGY = ((1e12, "J"), (1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ"), (1.0, "pJ"))  # pJ in one of each
BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "KB"), (1.0, "B"))  # decimal, as bandwidths are
TIME = ((1e6, "s"), (1e3, "ms"), (1.0, "µs"), (1e-3, "ns"))  # µs in one of each
SPREAD = 12.0  # largest ÷ smallest from which a linear axis no longer shows the smallest


def digits(value: float, count: int = 3) -> str:
    """`value` with `count` significant digits, thousands grouped, never in powers of ten; n/a where not finite."""
    if not math.isfinite(value):
        return "n/a"
    if value == 0:
        return "0"
    places = max(0, count - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text and abs(value) < 1 else text


def compact(value: float) -> str:
    """Three digits and k, M, G or T; whole numbers below a thousand as they are."""
    for factor, prefix in PREFIXES:
        if value >= factor * 0.9995:
            return f"{value / factor:.3g}{prefix}" if value < factor * 999.5 else f"{value / factor:.0f}{prefix}"
    return f"{value:.3g}"


def unit_of(values: Iterable[float], units: Sequence[tuple[float, str]]) -> tuple[float, str]:
    """The largest unit in which the largest value is at least 1, as (factor, name)."""
    largest = max(values, default=0.0)
    return next(((factor, name) for factor, name in units if largest >= factor), units[-1])


def is_wide(values: Iterable[float]) -> bool:
    """Whether positive values spread so far that their axis should be logarithmic."""
    positive = [value for value in values if value > 0]
    return bool(positive) and max(positive) / min(positive) > SPREAD
