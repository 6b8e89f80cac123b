"""Accuracy against pruning rate, a line a way of pruning: 001 Fig 7 on our own network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from ..numbers import tick
from ..style import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, VERMILLION
from .bars import single
from .figure import figure
from .panel import finished

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import Row, StudyData

HEIGHT_IN = 3.0
ERRORS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 90)  # in percent, where there are ticks
LOOKS = {  # way -> colour, mark
    "admm_progressive": (BLUE, "o"),
    "admm_one_shot": (SKY, "s"),
    "iterative_magnitude": (GREEN, "^"),
    "one_shot_magnitude": (VERMILLION, "v"),
    "l1_regularization": (ORANGE, "D"),
    "l2_regularization": (PURPLE, "P"),
    "projected_gradient": (BLACK, "X"),
}
WORDS = "Accuracy on integers over the test digits; dashed: uncompressed. Equal steps are equal factors of the error."


@figure("Accuracy against pruning rate, by way of pruning (001 Fig 7).", needs="accuracy_rate")
def draw(data: StudyData, ax: Axes | None = None) -> Axes:
    """Errors on a logarithmic axis that falls upwards, so that 99 % and 99.9 % stay apart."""
    points = data.accuracy_rate
    drawn, axis = single(HEIGHT_IN, ax)
    for way in dict.fromkeys(point["way"] for point in points):
        rows = sorted((p for p in points if p["way"] == way), key=lambda p: float(p["whole_rate"]))
        colour, mark = LOOKS.get(way, (GREY, "."))
        values = [[float(row[key]) for row in rows] for key in ("whole_rate", "accuracy")]
        errors = [_error(accuracy) for accuracy in values[1]]
        axis.plot(values[0], errors, f"{mark}-", color=colour, markersize=3.5, linewidth=1, label=rows[0]["words"])
    axis.axhline(_error(float(points[0]["baseline_accuracy"])), color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    _frame(axis, points)
    return finished(drawn, axis, ax, _answer(points), axis.get_legend_handles_labels()[0], WORDS)


def _answer(points: Sequence[Row]) -> str:
    """The way that keeps most accuracy at the highest rate that was asked for."""
    rate = max(float(point["asked_rate"]) for point in points)
    best = max((p for p in points if float(p["asked_rate"]) == rate), key=lambda p: float(p["accuracy"]))
    return f"At {tick(rate)}x {best['words']} keeps most accuracy: {100 * float(best['accuracy']):.2f} %."


def _error(accuracy: float) -> float:
    """In percent, at least a hundredth so that it has a place on a logarithmic axis."""
    return max(0.01, 100 * (1 - accuracy))


def _frame(axis: Axes, points: Sequence[Row]) -> None:
    rates = sorted({round(float(point["asked_rate"])) for point in points})
    errors = [_error(float(point[key])) for point in points for key in ("accuracy", "baseline_accuracy")]
    axis.set(xscale="log", yscale="log", xlabel="pruning rate of the whole network", ylabel="accuracy")
    worst, best = min(100.0, 1.3 * max(errors)), min(errors) / 1.3
    axis.set_ylim(worst, best)
    axis.xaxis.set_major_locator(FixedLocator(rates))
    axis.yaxis.set_major_locator(FixedLocator([error for error in ERRORS if best <= error <= worst]))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{tick(value)}x"))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{tick(100 - value)} %"))
    for side in (axis.xaxis, axis.yaxis):
        side.set_minor_locator(NullLocator())
        side.set_minor_formatter(NullFormatter())
    axis.grid(axis="y", color=PALE, linewidth=0.5)
