"""Horizontal bars in named groups: the frame that figures of networks × machines share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ..numbers import is_wide, tick
from ..style import GREY, PALE, ROW_IN, WIDTH_IN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData

LONGEST_LABEL = 26
FRAME_IN = 0.5  # axis labels and ticks
NOTE_MACHINES = 4  # in a line of a note
SPLIT_DECADES = 2  # how far below the smallest bar a logarithmic axis may begin to show where it is split


@dataclass(frozen=True)
class Rows:
    """Where each item stands: `items[i]` at height `ys[i]`, and a heading above each group."""

    items: Sequence[Mapping[str, Any]]
    ys: Sequence[float]
    labels: Sequence[str]
    headings: Sequence[tuple[float, str]]
    height: float

    def values(self, key: str) -> list[float]:
        """One figure of each item; NaN where it has none."""
        return [math.nan if item.get(key) is None else float(item[key]) for item in self.items]


def shortened(name: str, longest: int = LONGEST_LABEL) -> str:
    """A name on one line, its middle left out where it is too long for a label."""
    name = " ".join(name.split())
    return name if len(name) <= longest else f"{name[: longest - 9]}…{name[-8:]}"


def grouped(groups: Iterable[tuple[str, Sequence[tuple[str, Mapping[str, Any]]]]]) -> Rows:
    """Rows from (heading, [(label, item), ...]) groups, top to bottom."""
    y, items, ys, labels, headings = 0.0, [], [], [], []
    for heading, members in groups:
        headings.append((y, heading))
        for label, item in members:
            y += 1
            items.append(item)
            ys.append(y)
            labels.append(label)
        y += 1.5
    return Rows(items, ys, labels, headings, y - 0.5)


def run_rows(data: StudyData) -> Rows:
    """A group a network, a row a machine; a dagger where some layers ran on the fallback array."""
    return grouped((shortened(name), [(_machine(run), run) for run in data.runs_of(name)]) for name in data.networks)


def _machine(run: Mapping[str, Any]) -> str:
    return shortened(run["hardware"]) + (" †" if run.get("fallback_layers") else "")


def panels(rows: Rows, width_ratios: Sequence[float], ax: Axes | None = None) -> tuple[Figure, list[Axes]]:
    """A figure as high as its rows with panels side by side, row labels on the left one.

    Where the caller has an `ax`, it is the only panel, and the figure is its own.
    """
    if ax is not None:
        figure, axes = figure_of(ax), [ax]
    else:
        figure = Figure(figsize=(WIDTH_IN, rows.height * ROW_IN + FRAME_IN), layout="constrained")
        axes = list(figure.subplots(1, len(width_ratios), sharey=True, squeeze=False, width_ratios=width_ratios)[0])
    lines = sorted([*zip(rows.ys, rows.labels, strict=True), *rows.headings])
    axes[0].set_yticks([y for y, _ in lines], [text for _, text in lines])
    axes[0].set_ylim(rows.height - 0.1, -0.8)
    headed = {y for y, _ in rows.headings}
    for label, (y, _) in zip(axes[0].get_yticklabels(), lines, strict=True):
        label.set_fontweight("bold" if y in headed else "normal")
    for axis in axes:
        axis.tick_params(axis="y", length=0)
        for y in sorted(headed)[1:]:
            axis.axhline(y - 0.75, color=PALE, linewidth=0.5)
    return figure, axes


def single(height_in: float, ax: Axes | None = None, width_in: float = WIDTH_IN) -> tuple[Figure, Axes]:
    """A figure of one panel, or the panel that the caller has."""
    if ax is not None:
        return figure_of(ax), ax
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    return figure, figure.subplots()


def figure_of(ax: Axes) -> Figure:
    """The figure that an axes stands in."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # an axes that was taken out of its figure can hold nothing
    return figure


def footnote(figure: Figure, text: str, ax: Axes | None = None) -> None:
    """A grey line under everything; none where the caller has an `ax`."""
    if text and ax is None:
        figure.supxlabel(text, x=0.01, ha="left", fontsize=6.5, color=GREY)


def fallback_note(data: StudyData) -> str:
    """What the dagger means, where one stands."""
    return (
        "† some layers ran on the machine's fallback array" if any(r.get("fallback_layers") for r in data.runs) else ""
    )


def unpruned_note(data: StudyData) -> str:
    """β of the uncompressed network by machine, least to greatest, which stands beside every PPR; "" without any."""
    spans = []
    for machine in data.machines:
        runs = [run for run in data.runs if run["hardware"] == machine]
        values = sorted(
            {f"{run['beta_unpruned']:.2f}" for run in runs if run.get("beta_unpruned") is not None}, key=float
        )
        if values:
            spans.append(f"{shortened(machine)} {' to '.join(dict.fromkeys((values[0], values[-1])))}")
    lines = [", ".join(spans[i : i + NOTE_MACHINES]) for i in range(0, len(spans), NOTE_MACHINES)]
    return "β unpruned, of the uncompressed network on the same two machines:\n" + ",\n".join(lines) if spans else ""


def stacked(axis: Axes, rows: Rows, parts: Sequence[tuple[str, str, Sequence[float]]], ends: Sequence[str]) -> None:
    """Bars of (label, colour, values) parts end to end, `ends` written behind them.

    On a logarithmic axis, taken where totals spread widely, the ends of the parts stand at their true sums.
    """
    totals = [sum(column) for column in zip(*(values for _, _, values in parts), strict=True)]
    low = scale(axis, totals, parts[0][2])
    lefts = [low] * len(totals)
    sums = [0.0] * len(totals)
    for label, colour, values in parts:
        sums = [a + b for a, b in zip(sums, values, strict=True)]
        widths = [max(0.0, end - left) for end, left in zip(sums, lefts, strict=True)]
        axis.barh(rows.ys, widths, left=lefts, height=0.78, color=colour, label=label)
        lefts = [max(end, left) for end, left in zip(sums, lefts, strict=True)]
    for y, end, text in zip(rows.ys, lefts, ends, strict=True):
        beside(axis, text, end, y)


def beside(axis: Axes, text: str, x: float, y: float, gap: float = 3) -> None:
    """Small text right of a bar's end or a mark, `gap` points away, legible over lines."""
    note = axis.annotate(text, (x, y), (gap, 0), textcoords="offset points", va="center", fontsize=6.5, zorder=3)
    note.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.8})
    note.set_in_layout(False)


def label_x(axis: Axes, text: str) -> None:
    """The x axis's label, which says where the axis is logarithmic."""
    axis.set_xlabel(f"{text}, log scale" if axis.get_xscale() == "log" else text)


def scale(axis: Axes, totals: Sequence[float], splits: Sequence[float] = (), room: float = 0.6) -> float:
    """Linear or logarithmic x axis for bars, with `room` of their span kept for text; returns where bars begin."""
    high = max(totals, default=0.0) or 1.0
    ticks(axis)
    if not is_wide(totals):
        axis.set_xlim(0, high * (1 + room))
        return 0.0
    smallest = min(value for value in totals if value > 0)
    lowest = min([smallest, *(value for value in splits if value > 0)])
    low = 10.0 ** math.floor(math.log10(max(lowest, smallest / 10**SPLIT_DECADES) * 0.8))
    axis.set_xscale("log")
    log_ticks(axis)
    axis.set_xlim(low, high * (high / low) ** room)
    return low


def ticks(axis: Axes) -> None:
    """A few plain ticks with k, M and G."""
    axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def log_ticks(axis: Axes) -> None:
    """Ticks at powers of ten, written out; unlabelled ones between them."""
    axis.xaxis.set_major_locator(LogLocator(10, numticks=7))
    axis.xaxis.set_minor_locator(LogLocator(10, subs=tuple(range(2, 10)), numticks=12))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    axis.xaxis.set_minor_formatter(NullFormatter())
