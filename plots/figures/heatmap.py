"""Networks × machines as a heat map, the best machine of each network marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.patches import Rectangle

from accelsim.errors import ConfigError, suggestion

from ..numbers import counted, digits
from ..quantities import Quantity, quantity
from ..style import PALE, VERMILLION, WIDTH_IN
from .bars import shortened
from .figure import POINTS, figure
from .panel import panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

ROW_IN, FRAME_IN = 0.24, 0.95
ROWS, COLUMNS = ("network", "workload"), ("hardware", "design")
SHADES, DARK = "cividis_r", 0.55
WORST = 10.0  # times the best, from which on a cell is as dark as it gets


@figure("One quantity of every network on every machine, the best of each network marked.", takes=POINTS,
        on=("study", "sweep"))  # fmt: skip
def draw(
    points: pd.DataFrame,
    ax: Axes | None = None,
    *,
    value: str = "cycles",
    rows: str | None = None,
    columns: str | None = None,
    maximize: bool = False,
    width_in: float = WIDTH_IN,
) -> Axes:
    """A cell a pair of `rows` (by default networks) and `columns` (machines), shaded by how far it is from the row's
    best, which is framed. Of several points of one pair the best counts. `maximize` says that more of `value` is
    better.

    ConfigError for a column that is not there.
    """
    one = quantity(points, value, [value] if maximize else [])
    table = _table(points, one, _column(points, rows, ROWS, "rows"), _column(points, columns, COLUMNS, "columns"))
    grid = table.to_numpy(float)
    frame = panel(ROW_IN * len(table) + FRAME_IN, ax, width_in)
    axis, best = frame.axis, (np.nanmax if one.higher_is_better else np.nanmin)(grid, axis=1)
    far = _distance(grid, best, one.higher_is_better)
    axis.imshow(far, cmap=SHADES, vmin=0, vmax=1, aspect="auto")
    room_in = (frame.width_in - 1.1) / len(table.columns)
    for (i, j), number in np.ndenumerate(grid):
        _cell(axis, i, j, number, one, float(far[i, j]), room_in)
        if number == best[i]:
            axis.add_patch(Rectangle((j - 0.46, i - 0.44), 0.92, 0.88, fill=False, edgecolor=VERMILLION, linewidth=1.6))
    longest = 21 if width_in < 4.2 else 26
    axis.set_yticks(range(len(table)), [shortened(str(name), longest) for name in table.index])
    axis.set_xticks(range(len(table.columns)), [shortened(str(name), longest) for name in table.columns], rotation=40,
                    ha="right", rotation_mode="anchor")  # fmt: skip
    axis.grid(visible=False)
    axis.set_xlabel(f"{one.label}; framed: the best of its row")
    axis.tick_params(length=0)
    return frame.finish(_answer(table, one, grid, best))


def _column(points: pd.DataFrame, name: str | None, known: tuple[str, ...], option: str) -> str:
    found = name if name is not None else next((column for column in known if column in points), None)
    if found is None or found not in points:
        raise ConfigError(f"{option} {str(found)!r:.60} is no column; {suggestion(str(found), map(str, points))}")
    return found


def _table(points: pd.DataFrame, one: Quantity, rows: str, columns: str) -> pd.DataFrame:
    """The best value of each pair, rows and columns in the order in which they come."""
    groups = points.groupby([rows, columns], sort=False)[one.column]
    best: pd.Series[Any] = groups.max() if one.higher_is_better else groups.min()
    table = best.unstack().reindex(index=points[rows].unique(), columns=points[columns].unique())
    return table.dropna(axis=0, how="all").dropna(axis=1, how="all")


def _distance(grid: np.ndarray[Any, Any], best: np.ndarray[Any, Any], higher: bool) -> np.ndarray[Any, Any]:
    """0 at the best of a row, 1 at WORST times away from it; NaN where there is no number."""
    with np.errstate(divide="ignore", invalid="ignore"):
        times = best[:, None] / grid if higher else grid / best[:, None]
        return np.asarray(np.clip(np.log(times) / np.log(WORST), 0, 1), float)


def _cell(axis: Axes, i: int, j: int, number: float, one: Quantity, far: float, room_in: float) -> None:
    if number != number:
        axis.add_patch(
            Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor="white", edgecolor=PALE, hatch="////", linewidth=0)
        )
        return
    text = counted(number / one.factor) if number / one.factor >= 1000 else digits(number / one.factor)
    size = min(6.5, room_in * 72 / (0.62 * max(4, len(text))))
    colour = colormaps[SHADES](far)
    light = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    axis.text(j, i, text, ha="center", va="center", fontsize=size, color="white" if light < DARK else "black")


def _answer(table: pd.DataFrame, one: Quantity, grid: np.ndarray[Any, Any], best: np.ndarray[Any, Any]) -> str:
    """The machine that is best for most networks."""
    wins = (grid == best[:, None]).sum(axis=0)
    first = int(wins.argmax())
    word = "most" if one.higher_is_better else "least"
    of = f"{int(wins[first])} of {len(table)} {table.index.name}s"
    return f"{table.columns[first]} is best ({word} {one.name}) for {of}."
