"""The gap between measured PPR and 1, split by cause, at a low, a middle and a high pruning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..numbers import digits
from ..style import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, VERMILLION, YELLOW, styled
from .bars import Rows, footnote, grouped, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .ppr_study import PprData

RATES = (2.0, 10.0, 50.0)
COLOURS = (BLUE, ORANGE, VERMILLION, YELLOW, SKY, GREEN, PURPLE, GREY, BLACK)
WORDS = (
    "Each bar adds up to PPR − 1 (diamond). Right of 0: time lost to a cause. Left of 0: what makes the ratio better\n"
    "than the design itself is (the dense array's own idle time, skipped zeros among activations). Equal MACs."
)


@styled
def draw(data: PprData) -> Figure:
    """A group a design, a row a rate, positive and negative parts stacked from 0."""
    curves = data.curves["mac"]
    rows = grouped((design, _chosen(points)) for design, points in curves.items())
    figure, (axis,) = panels(rows, (1,))
    for cause, colour in zip(data.causes, COLOURS, strict=True):
        _stack(axis, rows, cause, colour, data.causes)
    totals = [row["ppr"] - 1 for row in rows.items]
    axis.plot(totals, rows.ys, "D", color=BLACK, mfc="white", markersize=3.5, label="PPR − 1")
    axis.axvline(0, color=GREY, linewidth=0.8)
    axis.set_xlabel("share of the gap, in units of PPR")
    axis.grid(axis="x", color=PALE, linewidth=0.5)
    figure.legend(loc="outside upper left", ncols=5)
    footnote(figure, WORDS)
    return figure


def _chosen(points: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """The measured points nearest to RATES, each once."""
    nearest = [min(points, key=lambda row: abs(row["alpha"] / rate - 1)) for rate in RATES]
    return [(f"{digits(row['alpha'], 2)}x", row) for row in {id(row): row for row in nearest}.values()]


def _stack(axis: Axes, rows: Rows, cause: str, colour: str, causes: Sequence[str]) -> None:
    before = causes[: causes.index(cause)]
    widths = [_part(row, cause) for row in rows.items]
    lefts = [
        sum(_part(row, other) for other in before if _part(row, other) * width > 0)
        for row, width in zip(rows.items, widths, strict=True)
    ]
    axis.barh(rows.ys, widths, left=lefts, height=0.78, color=colour, label=cause, edgecolor="white", linewidth=0.3)


def _part(row: Mapping[str, Any], cause: str) -> float:
    return float(row[f"gap_{cause.replace(' ', '_')}"])
