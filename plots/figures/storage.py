"""What the weights of each network take in each format, beside the accuracy it reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..numbers import BYTES, digits, unit_of
from ..style import BLACK, BLUE, GREY, ORANGE
from .bars import Rows, beside, grouped, label_x, legend, panels, shortened, stacked
from .figure import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..data_files.data import StudyData

FORMAT_LABELS = {"dense": "dense", "csr_absolute": "absolute index", "csr_relative": "relative index"}


@figure("Storage of the weights by format, and accuracy on the integers.", needs="storage")
def draw(data: StudyData, ax: Axes | None = None) -> Figure:
    """A group a network, a row a format: weight and index bits stacked; on the right the accuracy on the integers.

    An `ax` takes the left panel.
    """
    rows = _rows(data)
    drawn, (bars, *accuracy) = panels(rows, (2.6, 1), ax)
    weights, indices = ([bits / 8 for bits in rows.values(key)] for key in ("value_bits", "index_bits"))
    factor, unit = unit_of([sum(pair) for pair in zip(weights, indices, strict=True)], BYTES)
    parts = [("weights", BLUE, weights), ("indices", ORANGE, indices)]
    scaled = [(label, colour, [value / factor for value in values]) for label, colour, values in parts]
    stacked(bars, rows, scaled, [_end(item, factor, unit) for item in rows.items])
    label_x(bars, f"storage ({unit}, decimal)")
    for axis in accuracy:
        _draw_accuracy(axis, rows, data)
    legend(drawn, 2, bars.containers, ax)
    return drawn


def _rows(data: StudyData) -> Rows:
    order = [*FORMAT_LABELS]
    rows = sorted(data.storage, key=lambda row: order.index(row["format"]) if row["format"] in order else len(order))
    groups = []
    for network in data.networks:
        members = [(shortened(format_label(row["format"])), row) for row in rows if row["network"] == network]
        groups.append((shortened(network), members))
    return grouped(groups)


def format_label(kind: str) -> str:
    """A storage format's name as figures and tables write it."""
    return FORMAT_LABELS.get(kind, kind)


def _end(item: Mapping[str, Any], factor: float, unit: str) -> str:
    bits = item["value_bits"] + item["index_bits"]
    share = f", {100 * item['index_bits'] / bits:.0f} % index" if item["index_bits"] else ""
    return f"{digits(bits / 8 / factor)} {unit}{share}"


def _draw_accuracy(axis: Axes, rows: Rows, data: StudyData) -> None:
    """A mark a network in the middle of its rows, the first network's accuracy as a line."""
    heights: dict[str, list[float]] = {}
    for y, item in zip(rows.ys, rows.items, strict=True):
        heights.setdefault(item["network"], []).append(y)
    percent = {name: 100 * data.accuracy[name] for name in heights}
    low, high = min(percent.values()), max(percent.values())
    span = max(high - low, 0.5)
    axis.set_xlim(low - 0.15 * span, high + 0.75 * span)
    axis.axvline(100 * data.accuracy[data.baseline], color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    for name, ys in heights.items():
        y = sum(ys) / len(ys)
        axis.plot([percent[name]], [y], "o", color=BLACK, markersize=4)
        beside(axis, f"{percent[name]:.2f}", percent[name], y, gap=5)
    axis.set_xlabel("accuracy (%)")
    axis.locator_params(axis="x", nbins=2)
