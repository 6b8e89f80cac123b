"""Cycles of every network on every machine, split in compute and stall, beside the PPR that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..numbers import counted, digits, percent
from ..style import BLACK, BLUE, ORANGE
from .bars import Rows, beside, fallback_note, label_x, panels, run_rows, shortened, stacked, unpruned_note
from .figure import figure
from .panel import finished
from .ratio_axis import ratio_axis

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.container import Container

    from ..data_files.data import StudyData


@figure("Cycles by network and machine, compute and stall, and the PPR that follows.")
def draw(data: StudyData, ax: Axes | None = None) -> Axes:
    """A row a run: cycles on the left (compute, then stall), PPR of total time on the right with 001's band.

    The right panel needs a run with a PPR; an `ax` takes the left one.
    """
    rows = run_rows(data)
    drawn, (bars, *ratios) = panels(rows, (2.1, 1.2) if data.ratios else (1,), ax)
    compute, stall = rows.values("compute_cycles"), rows.values("stall_cycles")
    stacked(bars, rows, [("compute", BLUE, compute), ("stall", ORANGE, stall)], _ends(rows))
    label_x(bars, "cycles of the array's clock")
    handles: list[Artist | Container] = [*bars.containers]
    for axis in ratios:
        _draw_ratios(axis, rows)
        handles += axis.patches
    note = "\n".join(filter(None, [unpruned_note(data), fallback_note(data)]))
    return finished(drawn, bars, ax, _answer(data), handles, note)


def _answer(data: StudyData) -> str:
    """The machine that is fastest for most networks, and how much of all time is stalls."""
    best = [min(data.runs_of(name), key=lambda run: run["cycles"])["hardware"] for name in data.networks]
    first = max(dict.fromkeys(best), key=best.count)
    stalls, cycles = (sum(run[key] for run in data.runs) for key in ("stall_cycles", "cycles"))
    told = f"{percent(stalls, cycles)} of all cycles are stalls."
    if len(data.machines) == 1:
        return f"{shortened(first)}: {told}"
    return f"{shortened(first)} takes the fewest cycles for {best.count(first)} of {len(best)} networks; {told}"


def _ends(rows: Rows) -> list[str]:
    return [
        f"{counted(run['cycles'])} ({100 * run['stall_cycles'] / max(1, run['cycles']):.0f} % stall)"
        for run in rows.items
    ]


def _draw_ratios(axis: Axes, rows: Rows) -> None:
    values = rows.values("ppr")
    ratio_axis(axis, values, room=0.35)
    axis.plot(values, rows.ys, "o", color=BLACK, markersize=3.2)
    for y, value in zip(rows.ys, values, strict=True):
        if value == value:
            beside(axis, digits(value), value, y, gap=4)
    label_x(axis, "PPR (total time)")
