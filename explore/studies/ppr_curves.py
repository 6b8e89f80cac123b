"""PPR against pruning rate from the study's rows: curves, where they cross a value, what lies between two points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import exp, inf, log, nan
from typing import Any

Row = Mapping[str, Any]
ROUNDING = 0.02
GAINS: Mapping[str, Callable[[Row], float]] = {  # of pruned over dense, by what is compared
    "cycles": lambda row: float(row["beta"]),
    "energy": lambda row: float(row["beta_energy_active"]),  # on chip and DRAM access
    "energy with standby": lambda row: float(row["beta_energy"]),
    "storage": lambda row: row["dense_weight_bits"] / (row["storage_weight_bits"] + row["storage_index_bits"]),
}


def curve(
    rows: Iterable[Row], design: str, workload: str, comparison: str = "mac", activation_density: float = 1.0
) -> list[Row]:
    """The random points of one design on one set of layers, by rising pruning rate."""
    wanted = {"design": design, "workload": workload, "comparison": comparison, "pattern": "random",
              "activation_density": activation_density}  # fmt: skip
    return sorted((row for row in rows if wanted.items() <= row.items()), key=lambda row: row["alpha"])


def at_rate(points: Sequence[Row], rate: float, key: str) -> float:
    """The value at a rate, interpolated between its neighbours in both logarithms.

    Nothing is extrapolated: not a number beyond the measured rates (a random pattern's rate may miss its aim by
    ROUNDING), nor between two modes of a design.
    """
    rates = [row["alpha"] for row in points]
    for end in (0, -1):
        if abs(rate / rates[end] - 1) < ROUNDING:
            return float(points[end][key])
    if not rates[0] < rate < rates[-1]:
        return nan
    after = next(i for i, known in enumerate(rates) if known >= rate)
    low, high = points[after - 1], points[after]
    if low.get("mode") != high.get("mode"):
        return nan
    share = log(rate / low["alpha"]) / log(high["alpha"] / low["alpha"])
    return exp(log(low[key]) + share * log(high[key] / low[key]))


def nearest(points: Sequence[Row], rate: float) -> Row:
    """The measured point whose rate is, as a ratio, nearest to this one."""
    return min(points, key=lambda row: abs(row["alpha"] / rate - 1))


def break_even(points: Sequence[Row], gain: str) -> float:
    """The least pruning rate from which a gain over the dense baseline stays at 1 or more; infinite where none does.

    Interpolated in the logarithms between the last point below 1 and the first of those above it; that point itself
    where the design changes its mode between the two.
    """
    known = [(row["alpha"], GAINS[gain](row)) for row in points]
    below = [i for i, (_, value) in enumerate(known) if value < 1]
    if not below:
        return float(known[0][0])
    if below[-1] == len(known) - 1:
        return inf
    (rate, value), (next_rate, next_value) = known[below[-1]], known[below[-1] + 1]
    if points[below[-1]].get("mode") != points[below[-1] + 1].get("mode"):
        return float(next_rate)
    share = log(1 / value) / log(next_value / value)
    return exp(log(rate) + share * log(next_rate / rate))


def within(points: Sequence[Row], band: tuple[float, float], key: str = "ppr") -> tuple[float, float] | None:
    """Least and greatest measured rate above 1 at which the value lies in a band; None where it never does."""
    rates = [row["alpha"] for row in points if row["alpha"] > 1.05 and band[0] <= row[key] <= band[1]]
    return (min(rates), max(rates)) if rates else None
