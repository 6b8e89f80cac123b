"""An interactive scatter: hover names a point, a click opens its layers, the Pareto front is drawn for any two axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .html import Part
from .text import data_block, shown

NO_SCRIPT = "This figure is drawn by a script in the page; the tables below hold the same numbers."


@dataclass(frozen=True)
class Axis:
    """A number of a point that an axis can show: its key, its label with the unit, and whether more of it is better."""

    key: str
    label: str
    more_is_better: bool = False


@dataclass(frozen=True)
class Point:
    """A run or a design: its name, a short label, the group that gives its colour, its numbers and its facts.

    `opens` says what a click opens, an identifier of the page. `facts` are lines that stand beside the figure once the
    point is clicked.
    """

    name: str
    label: str
    group: str
    opens: str
    values: Mapping[str, float]
    facts: Mapping[str, str]


def scatter_part(
    name: str, title: str, caption: str, points: Sequence[Point], axes: Sequence[Axis], *, start: tuple[str, str]
) -> Part:
    """The part; without content where fewer than two axes or points have numbers.

    `start` names the axes x and y that are shown first. A point that lacks one of the two chosen axes is left out of
    the picture.
    """
    known = [axis for axis in axes if sum(_is_number(point.values.get(axis.key)) for point in points) > 1]
    if len(known) < 2:
        return Part(name, title, "")
    keys = [axis.key for axis in known]
    x = start[0] if start[0] in keys else keys[0]
    y = start[1] if start[1] in keys and start[1] != x else next(key for key in keys if key != x)
    content = f"""<div class="scatter" id="{shown(name)}-figure">
<p class="filter">{_choice("x", known, x)} {_choice("y", known, y)}
<label><input type="checkbox" class="log" checked> logarithmic where values span more than a decade</label></p>
<figure><div class="plot" role="img" aria-label="{shown(caption)}"></div>
<noscript><p>{NO_SCRIPT}</p></noscript>
<figcaption>{shown(caption)} <output class="front"></output></figcaption></figure>
<aside class="facts" aria-live="polite"></aside>
{data_block(f"{name}-data", _data(points, known))}
</div>"""
    return Part(name, title, content, interactive=True)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _choice(which: str, axes: Sequence[Axis], chosen: str) -> str:
    options = "".join(
        f'<option value="{shown(axis.key)}"{" selected" if axis.key == chosen else ""}>{shown(axis.label)}</option>'
        for axis in axes
    )
    return f'<label>{which} <select class="{which}">{options}</select></label>'


def _data(points: Sequence[Point], axes: Sequence[Axis]) -> dict[str, object]:
    return {
        "axes": {axis.key: {"label": axis.label, "more": axis.more_is_better} for axis in axes},
        "points": [
            {
                "name": point.name,
                "label": point.label,
                "group": point.group,
                "opens": point.opens,
                "values": {
                    axis.key: float(point.values[axis.key]) for axis in axes if _is_number(point.values.get(axis.key))
                },
                "facts": point.facts,
            }
            for point in points
        ],
    }
