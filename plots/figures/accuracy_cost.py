"""Accuracy against what it costs: every network on every machine, with the front."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelsim.errors import ConfigError

from ..front import on_front
from ..quantities import Quantity, quantity
from ..style import BLUE, GREY, WIDTH_IN
from .figure import POINTS, figure
from .panel import panel
from .scatter import annotate, height_in, point_names, set_scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

WITHIN = 0.005  # of accuracy: what counts as the same in the answer


@figure("Accuracy against cost, the front joined and named.", takes=POINTS, on=("study", "sweep"))
def draw(points: pd.DataFrame, ax: Axes | None = None, *, cost: str = "cycles", width_in: float = WIDTH_IN) -> Axes:
    """A mark a point at the column `cost` and its accuracy in percent; less cost and more accuracy are better.

    ConfigError for points without an accuracy, which comes from a demo, a study or a sweep of recipes.
    """
    if "accuracy" not in points:
        raise ConfigError(
            "no point has an accuracy; the folder of a demo, or points with a column accuracy, is expected"
        )
    by = [quantity(points, cost), quantity(points, "accuracy")]
    table = points.dropna(subset=[cost, "accuracy"])
    front = on_front(table, by)
    xs, ys = table[cost].to_numpy(float) / by[0].factor, 100 * table["accuracy"].to_numpy(float)
    frame = panel(height_in(width_in), ax, width_in)
    set_scale(frame.axis, "x", xs.tolist())
    low, high = float(ys.min()), float(ys.max())
    frame.axis.set_ylim(low - 0.12 * max(high - low, 0.5), min(100.5, high + 0.15 * max(high - low, 0.5)))
    frame.axis.grid(axis="both")
    rest = frame.axis.plot(xs[~front], ys[~front], "o", color=GREY, alpha=0.35, markersize=3, mew=0, label="dominated")
    order = np.flatnonzero(front)[np.argsort(xs[front])]
    frame.axis.step(xs[order], ys[order], where="post", color=BLUE, linewidth=0.8)
    best = frame.axis.plot(xs[order], ys[order], "o", color=BLUE, markersize=4.5, label="front")
    frame.axis.set_ylabel("accuracy (%)")
    frame.axis.set_xlabel(f"{by[0].label}, log scale" if frame.axis.get_xscale() == "log" else by[0].label)
    names = point_names(table)
    frame.finish(_answer(table, by[0], names), [*best, *(rest if (~front).any() else [])])
    annotate(frame, [(float(xs[i]), float(ys[i])) for i in order], [names[i] for i in order])
    return frame.axis


def _answer(table: pd.DataFrame, one: Quantity, names: list[str]) -> str:
    """The cheapest point within half a point of the best accuracy."""
    accuracy, costs = table["accuracy"].to_numpy(float), table[one.column].to_numpy(float)
    near = np.flatnonzero(accuracy >= accuracy.max() - WITHIN)
    i = int(near[costs[near].argmin()])
    return (
        f"Least {one.name} within 0.5 points of the best accuracy ({100 * accuracy.max():.2f} %): {names[i]}, "
        f"{one.text(float(costs[i]))} at {100 * accuracy[i]:.2f} %."
    )
