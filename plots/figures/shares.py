"""A total and what it is made of, for every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, MultipleLocator

from ..numbers import amount, digits, percent, unit_of
from ..style import GREY
from .bars import Rows, beside, fallback_note, label_x, panels, run_rows, scale, shortened
from .panel import finished

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData


@dataclass(frozen=True)
class Part:
    """A part of the total: the column of `layers` that holds it, its name and its colour."""

    column: str
    label: str
    colour: str


def draw_shares(
    data: StudyData, parts: Sequence[Part], what: str, units: Sequence[tuple[float, str]], ax: Axes | None = None
) -> Axes:
    """A row a run: the total on the left, the share of each part on the right. `units` as in `numbers.unit_of`.

    Shares stand apart from the total because a stack on a logarithmic axis would not show them. An `ax` of the
    caller's takes both in one: the shares, with the total behind them.
    """
    rows = run_rows(data)
    sums = data.layer_sums([part.column for part in parts])
    values = [sums[run["network"], run["hardware"]] for run in rows.items]
    totals = [sum(value.values()) for value in values]
    figure, (*left, shares) = panels(rows, (1, 1.15), ax)
    _draw_parts(shares, rows, values, parts)
    shares.set_xlabel(f"share of {what} (%)")
    for axis in left:
        _draw_totals(axis, rows, totals, what, units)
    if ax is not None:
        _write_totals(ax, rows, totals, units)
    answer = _answer(rows, values, parts, what, units)
    return finished(figure, shares, ax, answer, shares.containers, fallback_note(data))


def _answer(
    rows: Rows,
    values: Sequence[Mapping[str, float]],
    parts: Sequence[Part],
    what: str,
    units: Sequence[tuple[float, str]],
) -> str:
    """The run that takes least, and the part that is most of all of them."""
    totals = [sum(value.values()) for value in values]
    least = min(range(len(totals)), key=totals.__getitem__)
    sums = {part.label: sum(value[part.column] for value in values) for part in parts}
    most = max(sums, key=sums.__getitem__)
    run = f"{shortened(rows.items[least]['network'])} on {shortened(rows.items[least]['hardware'])}"
    told = f"{most} is {percent(sums[most], sum(totals))} of all runs'"
    return f"Least {what}: {run}, {amount(totals[least], units)}; {told}."


def _write_totals(axis: Axes, rows: Rows, totals: Sequence[float], units: Sequence[tuple[float, str]]) -> None:
    """Each run's total right of its shares, which end at 100 %."""
    factor, unit = unit_of(totals, units)
    axis.set_xlim(0, 130)
    axis.set_xticks(range(0, 101, 25))
    for y, total in zip(rows.ys, totals, strict=True):
        beside(axis, f"{digits(total / factor)} {unit}", 100, y)


def _draw_totals(
    axis: Axes, rows: Rows, totals: Sequence[float], what: str, units: Sequence[tuple[float, str]]
) -> None:
    factor, unit = unit_of(totals, units)
    scaled = [value / factor for value in totals]
    low = scale(axis, scaled, room=0.4)
    axis.barh(rows.ys, [max(0.0, value - low) for value in scaled], left=low, height=0.78, color=GREY)
    for y, value in zip(rows.ys, scaled, strict=True):
        beside(axis, digits(value), max(value, low), y)
    label_x(axis, f"{what} ({unit})")


def _draw_parts(axis: Axes, rows: Rows, values: Sequence[Mapping[str, float]], parts: Sequence[Part]) -> None:
    lefts = [0.0] * len(values)
    for part in parts:
        widths = [100 * value[part.column] / (sum(value.values()) or 1.0) for value in values]
        bars = axis.barh(rows.ys, widths, left=lefts, height=0.78, color=part.colour, label=part.label)
        for bar in bars:
            bar.set(edgecolor="white", linewidth=0.3)
        lefts = [a + b for a, b in zip(lefts, widths, strict=True)]
    axis.set_xlim(0, 100)
    axis.xaxis.set_major_locator(MultipleLocator(25))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
