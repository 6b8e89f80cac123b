"""Points on two axes with names beside some of them: the frame of Pareto fronts, accuracies and efficiencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox

from ..numbers import is_wide, tick
from ..style import PALE
from .bars import shortened

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from .panel import Panel

HEIGHT_SHARE, LEAST_HEIGHT_IN = 0.62, 2.2  # of the width
MARGIN = 0.12  # of the span, around the points
LABELS_AN_IN = 2.4
PLACES = ((4, 4, "left", "bottom"), (5, 0, "left", "center"), (4, -5, "left", "top"), (-5, 0, "right", "center"),
          (-4, 5, "right", "bottom"), (-4, -5, "right", "top"), (0, 6, "center", "bottom"),
          (0, -6, "center", "top"), (14, 12, "left", "bottom"), (14, -12, "left", "top"))  # fmt: skip
NAMES = ("network", "workload", "hardware", "design", "way")


def height_in(width_in: float) -> float:
    """The height of a panel of this width."""
    return max(LEAST_HEIGHT_IN, HEIGHT_SHARE * width_in)


def set_scale(axis: Axes, name: str, values: Sequence[float], *, share: float = MARGIN, linear: bool = False) -> None:
    """Limits around positive `values` on the axis `name` (x or y): from 0, or logarithmic where they spread far.

    Where they lie close together a linear axis does not begin at 0: marks stand at places, not on bars.
    """
    side = axis.xaxis if name == "x" else axis.yaxis
    limits = axis.set_xlim if name == "x" else axis.set_ylim
    low, high = (min(values), max(values)) if len(values) else (0.0, 1.0)
    if not linear and low > 0 and is_wide(values):
        (axis.set_xscale if name == "x" else axis.set_yscale)("log")
        room = (high / low) ** share
        limits(low / room, high * room)
        log_ticks(side, low, high)
    else:
        room = (high - low or abs(high) or 1.0) * share
        limits(0 if 0 <= low < 0.5 * high else low - room, high + room)
        side.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        side.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    axis.grid(axis="both", color=PALE, linewidth=0.5)


def log_ticks(side: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis, written out: powers of ten, and 2 and 5 times them where there are few of those."""
    side.set_major_locator(LogLocator(10, subs=(1, 2, 5) if high / low < 200 else (1,), numticks=8))
    side.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    side.set_minor_formatter(NullFormatter())


def point_names(table: pd.DataFrame, label: str | Sequence[str] | None = None) -> list[str]:
    """A name a point: of the columns that `label` names, or of those that tell designs apart: names and swept fields.

    Where nothing differs, the points are numbered.
    """
    columns = [label] if isinstance(label, str) else [*label] if label is not None else _telling(table)
    if not columns:
        return [str(number) for number in range(1, len(table) + 1)]
    heads = [f"{column.rsplit('.', 1)[-1]} " if column not in NAMES else "" for column in columns]
    rows = table[columns].itertuples(index=False)
    return [", ".join(f"{head}{_short(value)}" for head, value in zip(heads, row, strict=True)) for row in rows]


def _telling(table: pd.DataFrame) -> list[str]:
    """Names and dotted fields that are not the same in every row."""
    swept = table.attrs.get("swept", ())
    columns = [str(c) for c in table if str(c) in NAMES or str(c) in swept or "." in str(c)]
    return [column for column in columns if table[column].astype(str).nunique() > 1]


def _short(value: Any) -> str:
    text = str(value)
    return tick(value) if isinstance(value, float) else shortened(text.rsplit("/", 1)[-1], 22)


def annotate(
    frame: Panel,
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    others: Sequence[tuple[float, float]] = (),
) -> int:
    """Names beside points, each once, where they hide no point, none of the `others` and no text; how many found a
    place.

    No name leaves the Axes, and no more are written than its width has room for, the first ones first.
    """
    axis = frame.axis
    if frame.alone:
        frame.figure.draw_without_rendering()
    taken = [_dot(axis.transData.transform(point)) for point in (*points, *others)]
    taken += [Bbox.from_bounds(*text.get_window_extent().bounds) for text in axis.texts]
    written, inside, most = set[str](), axis.get_window_extent(), round(LABELS_AN_IN * frame.width_in)
    for point, name in zip(points, names, strict=True):
        if len(written) < most and name not in written and _write(axis, point, name, taken, inside):
            written.add(name)
    return len(written)


def _dot(at: Any) -> Bbox:
    return Bbox.from_extents(at[0] - 2.5, at[1] - 2.5, at[0] + 2.5, at[1] + 2.5)


def _write(axis: Axes, point: tuple[float, float], name: str, taken: list[Bbox], inside: Bbox) -> bool:
    for dx, dy, ha, va in PLACES:
        far: dict[str, Any] = (
            {"arrowprops": {"arrowstyle": "-", "color": PALE, "linewidth": 0.6}} if abs(dx) > 10 else {}
        )
        text = axis.annotate(name, point, (dx, dy), textcoords="offset points", ha=ha, va=va, fontsize=6.5, **far)
        text.get_window_extent()  # puts the text in its place
        words = Bbox.from_bounds(*Text.get_window_extent(text).bounds)  # without its line
        whole = inside.x0 <= words.x0 and words.x1 <= inside.x1 and inside.y0 <= words.y0 and words.y1 <= inside.y1
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.2, "alpha": 0.75})
        if whole and not any(_overlaps(words, other) for other in taken):
            text.set_in_layout(False)
            taken.append(words)
            return True
        text.remove()
    return False


def _overlaps(a: Bbox, b: Bbox) -> bool:
    return bool(min(a.x1, b.x1) > max(a.x0, b.x0) and min(a.y1, b.y1) > max(a.y0, b.y0))
