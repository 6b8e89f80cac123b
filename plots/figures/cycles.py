"""Cycles of every network on every machine, split in compute and stall, beside the PPR that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plots.data_files.rows import Rows, beside, fallback_note, footnote, label_x, panels, run_rows, stacked
from plots.figures.ratio_axis import ratio_axis
from plots.numbers import counted, digits
from plots.style import BLACK, BLUE, ORANGE, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from plots.data_files.data import StudyData


@styled
def draw(data: StudyData) -> Figure:
    """A row a run: cycles on the left (compute, then stall), PPR of total time on the right with 001's band."""
    rows = run_rows(data)
    figure, (bars, ratios) = panels(rows, (2.1, 1.2))
    compute, stall = rows.values("compute_cycles"), rows.values("stall_cycles")
    stacked(bars, rows, [("compute", BLUE, compute), ("stall", ORANGE, stall)], _ends(rows))
    label_x(bars, "cycles of the array's clock")
    _draw_ratios(ratios, rows)
    figure.legend(loc="outside upper left", ncols=3, handles=[*bars.containers, *ratios.patches])
    footnote(figure, fallback_note(data))
    return figure


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
