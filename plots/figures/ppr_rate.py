"""Measured PPR against pruning rate, a colour a machine, with the band that 001 assumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelsim.analysis.verdict import ASSUMED_PPR
from accelsim.errors import ConfigError

from ..numbers import digits
from ..style import CYCLE, GREY, WIDTH_IN, YELLOW
from .figure import POINTS, figure
from .panel import panel
from .scatter import height_in, set_scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MARKS = "os^DvPX*"
NEEDED = ("alpha", "ppr")
SERIES = ("design", "hardware")
NOTE = "PPR = α/β: weight reduction ÷ speedup over the dense baseline. Lower is better; at 1 all of it is speed."


@figure("PPR against pruning rate, by machine.", takes=POINTS, on=("study",))
def draw(points: pd.DataFrame, ax: Axes | None = None, *, by: str | None = None, width_in: float = WIDTH_IN) -> Axes:
    """A mark a run at its α and its PPR of total time, those of one machine joined by rising rate.

    `by` is the column that makes the colours, by default `design` or `hardware`. ConfigError for points without both
    ratios.
    """
    for column in NEEDED:
        if column not in points:
            raise ConfigError(f"figure 'ppr_rate' needs the column {column!r}; a comparison, a demo or a study has it")
    table = points.dropna(subset=[*NEEDED])
    table = table[table["ppr"] < float("inf")]
    if not len(table):
        raise ConfigError("no point has a finite PPR; a comparison of a pruned network is expected")
    series = by or next((name for name in SERIES if name in table), None)
    if series is None or series not in table:
        raise ConfigError(f"by {by!r} is no column; {', '.join(SERIES)} is expected")
    frame = panel(height_in(width_in), ax, width_in)
    set_scale(frame.axis, "x", [1.0, *table["alpha"]])
    set_scale(frame.axis, "y", [1.0, *ASSUMED_PPR, *table["ppr"]])
    handles: list[Any] = [
        frame.axis.axhspan(
            *ASSUMED_PPR,
            color=YELLOW,
            alpha=0.35,
            linewidth=0,
            label=f"assumed: {ASSUMED_PPR[0]:g} to {ASSUMED_PPR[1]:g}",
        )
    ]
    frame.axis.axhline(1, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    for number, (name, rows) in enumerate(table.groupby(series, sort=False)):
        rows = rows.sort_values("alpha")
        line = "-" if rows["alpha"].is_unique else ""
        handles += frame.axis.plot(rows["alpha"], rows["ppr"], f"{MARKS[number % len(MARKS)]}{line}", markersize=3.5,
                                   color=CYCLE[number % len(CYCLE)], linewidth=0.8, label=str(name))  # fmt: skip
    frame.axis.set_xlabel("weight reduction α")
    frame.axis.set_ylabel("PPR")
    return frame.finish(_answer(table, series), handles[1:] + handles[:1], NOTE)


def _answer(table: pd.DataFrame, series: str) -> str:
    """The least PPR of all points that prune, and how many stay below what is assumed."""
    pruned = table[table["alpha"] > 1.001]
    if not len(pruned):
        return "No run here is pruned."
    best = pruned.sort_values("ppr").iloc[0]
    below = int((pruned["ppr"] < ASSUMED_PPR[0]).sum())
    return (
        f"Least PPR: {digits(best['ppr'])} at α {digits(best['alpha'])} on {best[series]}; "
        f"{below} of {len(pruned)} are below the assumed band."
    )
