"""Bars with a row a layer, stacked from zero: what the figures of a report's layers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import ConfigError, suggestion

from ..numbers import amount, percent, unit_of
from ..style import PALE, ROW_IN, WIDTH_IN
from .bars import Rows, beside, grouped, shortened, ticks
from .panel import Panel, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData

BELOW_IN = 0.42  # ticks and the axis's name
TALLEST_IN = 8.6  # of the rows: a page
LABEL_IN = 0.115  # a label of 7 points needs as much
NARROW_IN, NARROW_LABEL = 4.2, 21  # below this width a label has no more characters
LETTER_IN = 0.053  # of 6.5 points, on the average
Parts = Sequence[tuple[str, str, Sequence[float]]]


def layer_rows(data: StudyData, width_in: float = WIDTH_IN, layers: Sequence[str] | None = None) -> Rows:
    """A row a layer in the order in which they ran; where there are several runs, a heading for each.

    `layers` names those to show; ConfigError where none has such a name.
    """
    longest = NARROW_LABEL if width_in < NARROW_IN else 26
    groups = []
    for run in data.runs:
        rows = data.layers_of(run, layers)
        items = [(shortened(str(row["name"]), longest), row) for row in rows]
        groups.append((shortened(f"{run['network']} on {run['hardware']}", longest + 14), items))
    if not any(items for _, items in groups):
        raise ConfigError("there is no layer to draw; a report of one layer at least is expected")
    if len(groups) > 1:
        return grouped(groups)
    items = groups[0][1]
    return Rows([row for _, row in items], range(1, len(items) + 1), [label for label, _ in items], [], len(items) + 1)


def lead(data: StudyData) -> str:
    """How an answer about a single run begins; "" where there are several, whose headings say it."""
    if len(data.runs) != 1:
        return ""
    return f"{shortened(data.runs[0]['network'])} on {shortened(data.runs[0]['hardware'])}: "


def layer_panel(rows: Rows, ax: Axes | None, width_in: float) -> Panel:
    """A panel as high as its rows, their labels on the left as far as there is room for them.

    The rows of a single run are no higher than a page.
    """
    high = rows.height * ROW_IN if rows.headings else min(rows.height * ROW_IN, TALLEST_IN)
    frame = panel(high + BELOW_IN, ax, width_in)
    room_in = high if frame.alone else frame.height_in
    step = max(1, ceil(rows.height * LABEL_IN / max(room_in, LABEL_IN)))
    lines = sorted([*zip(rows.ys[::step], rows.labels[::step], strict=True), *rows.headings])
    axis, headed = frame.axis, {y for y, _ in rows.headings}
    axis.set_yticks([y for y, _ in lines], [text for _, text in lines])
    axis.set_ylim(rows.height, -0.8 if headed else 0.2)
    for label, (y, _) in zip(axis.get_yticklabels(), lines, strict=True):
        label.set_fontweight("bold" if y in headed else "normal")
    axis.tick_params(axis="y", length=0)
    for y in sorted(headed)[1:]:
        axis.axhline(y - 0.75, color=PALE, linewidth=0.5)
    return frame


def stack(frame: Panel, rows: Rows, parts: Parts, ends: Sequence[str] = (), least_end: float = 1.0) -> list[Any]:
    """Bars of (label, colour, values) parts end to end from 0, with `ends` behind them; the bars of the parts.

    Parts that are 0 everywhere are left out. The axis begins at 0 and keeps room for the longest end; it reaches at
    least to `least_end`.
    """
    axis, lefts, drawn = frame.axis, np.zeros(len(rows.ys)), []
    for label, colour, values in parts:
        if any(values):
            drawn.append(axis.barh(rows.ys, values, left=lefts, height=0.78, color=colour, label=label,
                                   edgecolor="white", linewidth=0.2))  # fmt: skip
            lefts = lefts + np.asarray(values, float)
    high = max(float(lefts.max(initial=0.0)), least_end)
    room = _room(frame, [*ends])
    axis.set_xlim(0, high * (1 + room))
    ticks(axis)
    labelled = {round(float(y), 3) for y in axis.get_yticks()}
    for y, end, text in zip(rows.ys, lefts, ends, strict=False):
        if text and round(float(y), 3) in labelled:
            beside(axis, text, end, y)
    return drawn


def layer_amounts(
    data: StudyData, rows: Rows, parts: Parts, what: tuple[str, Sequence[tuple[float, str]]], frame: Panel
) -> Axes:
    """Amounts of each layer in one unit, and the answer: which layer and which part have most of all.

    `what` is the amount's name and its units, as `numbers.unit_of` takes them.
    """
    name, units = what
    totals = [sum(values) for values in zip(*(values for _, _, values in parts), strict=True)]
    factor, unit = unit_of([max(totals, default=0.0)], units)
    scaled = [(label, colour, [value / factor for value in values]) for label, colour, values in parts]
    bars = stack(frame, rows, scaled, [amount(value, units) for value in totals], least_end=1e-9)
    frame.axis.set_xlabel(f"{name} ({unit})")
    return frame.finish(_most(data, rows, parts, what), bars)


def _most(data: StudyData, rows: Rows, parts: Parts, what: tuple[str, Sequence[tuple[float, str]]]) -> str:
    sums = {label: float(sum(values)) for label, _, values in parts}
    totals = [sum(values) for values in zip(*(values for _, _, values in parts), strict=True)]
    whole, part = sum(totals), max(sums, key=sums.__getitem__)
    if not whole:
        return f"{lead(data)}no {what[0]} at all."
    most = max(range(len(totals)), key=totals.__getitem__)
    of = f" on {rows.items[most]['hardware']}" if len(data.runs) > 1 else ""
    return (
        f"{lead(data)}{rows.items[most]['name']}{of} takes {percent(totals[most], whole)} of {amount(whole, what[1])}; "
        f"{part}: {percent(sums[part], whole)} of all."
    )


def replace_items(rows: Rows, items: Sequence[Mapping[str, Any]]) -> Rows:
    """`rows` with these of its items alone, closed up; headings stay. ConfigError where none is left."""
    if not items:
        raise ConfigError("no layer here has weights; a report of one that has is expected")
    if len(items) == len(rows.items):
        return rows
    wanted = {id(item) for item in items}
    lines: list[tuple[float, str, Mapping[str, Any] | None]] = [(y, text, None) for y, text in rows.headings]
    lines += [(y, t, i) for y, t, i in zip(rows.ys, rows.labels, rows.items, strict=True) if id(i) in wanted]
    places: list[tuple[float, str, Mapping[str, Any] | None]] = []
    for _, text, item in sorted(lines, key=lambda line: line[0]):
        gap = 1.5 if item is None and places else 1.0
        places.append((places[-1][0] + gap if places else 0.0 if item is None else 1.0, text, item))
    kept = [place for place in places if place[2] is not None]
    headings = [(y, text) for y, text, item in places if item is None]
    return Rows([item for _, _, item in kept if item is not None], [y for y, _, _ in kept], [t for _, t, _ in kept],
                headings, places[-1][0] + 1)  # fmt: skip


def default_by(data: StudyData) -> str:
    """A row a layer for a single run, a row a run for several."""
    return "layer" if len(data.runs) == 1 else "run"


def choice(option: str, value: str, known: Sequence[str]) -> str:
    """`value`, once it is one of `known`; ConfigError names the nearest."""
    if value not in known:
        raise ConfigError(f"{option} is {value!r:.40}; {suggestion(str(value), known)}")
    return value


def _room(frame: Panel, ends: Sequence[str]) -> float:
    """How far the axis goes on behind the longest bar, as a share of it, so that the longest end has its place."""
    labels = [text.get_text() for text in frame.axis.get_yticklabels()]
    beside_in = 0.3 + LETTER_IN * max(map(len, labels), default=0) if frame.alone else 0.0
    axis_in = max(0.8, frame.width_in - beside_in)
    share = min(0.6, (0.08 + LETTER_IN * max(map(len, ends), default=0)) / axis_in)
    return max(0.02, share / (1 - share))
