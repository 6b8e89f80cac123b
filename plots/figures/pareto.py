"""The Pareto front of points in two or three quantities, dominated points faint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm, Normalize
from matplotlib.lines import Line2D

from accelsim.errors import ConfigError

from ..front import on_front
from ..numbers import digits, is_wide
from ..quantities import Quantity, quantity
from ..style import BLUE, GREY, WIDTH_IN
from .figure import POINTS, figure
from .panel import Panel, panel
from .scatter import annotate, height_in, point_names, set_scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SHADES = "cividis"  # told apart by colour-blind readers, and in grey


@figure("The Pareto front of the points in two or three quantities.", takes=POINTS, on=("sweep",))
def draw(
    points: pd.DataFrame,
    ax: Axes | None = None,
    *,
    x: str = "cycles",
    y: str = "energy_pj",
    z: str | None = None,
    maximize: Sequence[str] = (),
    label: str | Sequence[str] | None = None,
    width_in: float = WIDTH_IN,
) -> Axes:
    """A mark a point at the columns `x` and `y`; those on the front are strong, joined and named, the others faint.

    With a `z` the front is of all three, and its marks are shaded by it. Less is better but of the columns that are
    known to be the other way, such as accuracy, and of those that `maximize` names. `label` names the columns that
    make a point's name; by default those in which points differ. ConfigError for a column that is not there.
    """
    by = [quantity(points, column, maximize) for column in (x, y, *([z] if z is not None else []))]
    table = points.dropna(subset=[one.column for one in by])
    if not len(table):
        raise ConfigError(f"no point has numbers in all of {', '.join(one.column for one in by)}; one is expected")
    front = on_front(table, by)
    frame = panel(height_in(width_in), ax, width_in)
    places = np.column_stack([table[one.column].to_numpy(float) / one.factor for one in by])
    _frame(frame, by, places)
    handles = _marks(frame.axis, by, places, front)
    names = point_names(table, label) if label is None or len(_known(table, label)) else []
    frame.finish(_answer(table, by, front, names), handles)
    best = sorted(np.flatnonzero(front), key=lambda i: tuple(places[i]))
    annotate(frame, [(float(places[i][0]), float(places[i][1])) for i in best], [names[i] for i in best])
    return frame.axis


def _known(table: pd.DataFrame, label: str | Sequence[str]) -> list[str]:
    """The columns that make a name; ConfigError for one that is not there."""
    columns = [label] if isinstance(label, str) else [*label]
    for column in columns:
        if column not in table:
            raise ConfigError(f"label {column!r:.60} is no column; known: {', '.join(map(str, table))[:300]}")
    return columns


def _frame(frame: Panel, by: Sequence[Quantity], places: np.ndarray[Any, Any]) -> None:
    for name, one, values in zip("xy", by, places.T, strict=False):
        set_scale(frame.axis, name, values.tolist())
        scaled = frame.axis.get_xscale() if name == "x" else frame.axis.get_yscale()
        (frame.axis.set_xlabel if name == "x" else frame.axis.set_ylabel)(
            f"{one.label}, log scale" if scaled == "log" else one.label
        )


def _marks(axis: Axes, by: Sequence[Quantity], places: np.ndarray[Any, Any], front: np.ndarray[Any, Any]) -> list[Any]:
    """Dominated points, the front, and what the legend shows of them."""
    rest, best = places[~front], places[front]
    handles: list[Any] = []
    if len(rest):
        handles += axis.plot(rest[:, 0], rest[:, 1], "o", color=GREY, alpha=0.3, markersize=3, mew=0, label="dominated")
    if len(by) == 2:
        best = best[np.argsort(best[:, 0])]
        step: Literal["pre", "post"] = "pre" if by[0].higher_is_better else "post"
        axis.step(best[:, 0], best[:, 1], color=BLUE, linewidth=0.8, where=step)
        return axis.plot(best[:, 0], best[:, 1], "o", color=BLUE, markersize=4.5, label="front") + handles
    low, high = float(best[:, 2].min()), float(best[:, 2].max())
    shades, wide = colormaps[SHADES], is_wide(best[:, 2]) and low > 0
    norm = LogNorm(low, high) if wide else Normalize(low, high)
    axis.scatter(best[:, 0], best[:, 1], c=best[:, 2], cmap=SHADES, norm=norm, s=24, zorder=3)
    for share in (0.0, 0.5, 1.0) if high > low else (0.0,):
        value = low * (high / low) ** share if wide else low + share * (high - low)
        text = f"{by[2].name} {digits(value)} {by[2].unit}".strip()
        handles.append(Line2D([], [], marker="o", linestyle="", color=shades(share), markersize=4.5, label=text))
    return handles[len(handles) - 3 :] + handles[: len(handles) - 3] if high > low else handles


def _answer(table: pd.DataFrame, by: Sequence[Quantity], front: np.ndarray[Any, Any], names: Sequence[str]) -> str:
    """How many points are on the front, and the best one in each of its quantities."""
    count = int(front.sum())
    text = f"{count} of {len(table)} points {'is' if count == 1 else 'are'} on the front"
    ends = []
    for one in by:
        values = table[one.column].to_numpy(float)
        best = np.where(front, values, -np.inf if one.higher_is_better else np.inf)
        i = int(best.argmax() if one.higher_is_better else best.argmin())
        ends.append(
            f"{'most' if one.higher_is_better else 'least'} {one.name} {one.text(float(values[i]))}: {names[i]}"
        )
    told = "; ".join(dict.fromkeys(ends))
    return f"{text}. {told[0].upper()}{told[1:]}."
