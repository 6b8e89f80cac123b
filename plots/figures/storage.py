"""What the weights of each network take in each format, beside the accuracy it reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError

from ..numbers import BYTES, amount, digits, unit_of
from ..style import BLACK, BLUE, GREY, ORANGE, WIDTH_IN
from .bars import Rows, beside, grouped, label_x, panels, shortened, stacked
from .figure import figure
from .layer_bars import choice, layer_amounts, layer_panel, layer_rows, replace_items
from .panel import finished

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData

FORMAT_LABELS = {"dense": "dense", "csr_absolute": "absolute index", "csr_relative": "relative index"}


@figure("Storage of the weights by format, and accuracy on the integers.", needs="stored", on=("study", "run"))
def draw(
    data: StudyData,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    layers: Sequence[str] | None = None,
    width_in: float = WIDTH_IN,
) -> Axes:
    """A row a layer of a report, weights and indices as they lie in its machine's DRAM; of a study a row a format.

    `by="layer"` asks for layers in a study, whose formats (`by="format"`) are drawn otherwise: weight and index bits
    stacked, and on the right the accuracy on the integers, which an `ax` leaves out. `layers` names those to draw.
    ConfigError for another `by`, or for formats of a report, which knows only its machine's own.
    """
    if choice("by", by or ("format" if data.storage else "layer"), ("layer", "format")) == "format":
        return _draw_formats(data, ax)
    rows = layer_rows(data, width_in, layers)
    weighted = replace_items(rows, [row for row in rows.items if row.get("weights_dense")])
    parts = [("weights", BLUE, "storage_weight_bits"), ("indices", ORANGE, "storage_index_bits")]
    split = [(label, colour, [bits / 8 for bits in weighted.values(key)]) for label, colour, key in parts]
    return layer_amounts(data, weighted, split, ("storage of weights", BYTES), layer_panel(weighted, ax, width_in))


def _draw_formats(data: StudyData, ax: Axes | None) -> Axes:
    if not data.storage:
        raise ConfigError("this report holds its machine's own storage alone; by='layer' is expected")
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
    least = min(data.storage, key=lambda row: row["value_bits"] + row["index_bits"])
    size = amount((least["value_bits"] + least["index_bits"]) / 8, BYTES)
    answer = f"Smallest: {shortened(least['network'])} with {format_label(least['format'])}, {size}."
    return finished(drawn, bars, ax, answer, bars.containers)


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
