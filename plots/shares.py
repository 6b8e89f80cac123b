"""A total and what it is made of, for every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, MultipleLocator

from plots.numbers import digits, unit_of
from plots.rows import Rows, beside, fallback_note, footnote, label_x, panels, run_rows, scale
from plots.style import CYCLE, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from plots.data import StudyData


def draw_shares(
    data: StudyData, columns: Mapping[str, str], what: str, units: Sequence[tuple[float, str]]
) -> Figure:
    """A row a run: the total on the left, the share of each of `columns` (layer column: label) on the right.

    Shares stand apart from the total because a stack on a logarithmic axis would not show them.
    """
    rows = run_rows(data)
    figure, (totals, shares) = panels(rows, (1, 1.15))
    sums = data.layer_sums(list(columns))
    parts = [sums[run["network"], run["hardware"]] for run in rows.items]
    _draw_totals(totals, rows, [sum(part.values()) for part in parts], what, units)
    _draw_parts(shares, rows, parts, columns)
    shares.set_xlabel(f"share of {what} (%)")
    figure.legend(loc="outside upper left", ncols=6, handles=shares.containers)
    footnote(figure, fallback_note(data))
    return figure


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


def _draw_parts(axis: Axes, rows: Rows, parts: Sequence[Mapping[str, float]], columns: Mapping[str, str]) -> None:
    lefts = [0.0] * len(parts)
    for number, (column, label) in enumerate(columns.items()):
        widths = [100 * part[column] / (sum(part.values()) or 1.0) for part in parts]
        colour = CYCLE[number % len(CYCLE)]
        axis.barh(rows.ys, widths, left=lefts, height=0.78, color=colour, label=label, edgecolor="white", linewidth=0.3)
        lefts = [a + b for a, b in zip(lefts, widths, strict=True)]
    axis.set_xlim(0, 100)
    axis.xaxis.set_major_locator(MultipleLocator(25))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
