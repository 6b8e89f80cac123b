"""The pruning-to-performance ratio of every run: by compute time, total time and energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plots.ratio_axis import ratio_axis
from plots.rows import fallback_note, footnote, label_x, panels, run_rows
from plots.style import BLUE, GREEN, GREY, VERMILLION, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from plots.data import StudyData

KINDS = (
    ("ppr_compute", "compute time", "s", BLUE),
    ("ppr", "total time", "o", VERMILLION),
    ("ppr_energy", "energy", "^", GREEN),
)


@styled
def draw(data: StudyData) -> Figure:
    """A row a run, a mark a ratio; 1 and 001's assumed band are drawn behind. Further right is worse."""
    rows = run_rows(data)
    figure, (axis,) = panels(rows, (1,))
    columns = [rows.values(key) for key, *_ in KINDS]
    ratio_axis(axis, [value for column in columns for value in column])
    for y, values in zip(rows.ys, zip(*columns, strict=True), strict=True):
        axis.plot([min(values), max(values)], [y, y], color=GREY, linewidth=0.8, zorder=1)
    marks = [
        axis.plot(values, rows.ys, mark, color=colour, markersize=4, label=label, markeredgecolor="white",
                  markeredgewidth=0.4)[0]
        for (_, label, mark, colour), values in zip(KINDS, columns, strict=True)
    ]  # fmt: skip
    label_x(axis, "PPR = α/β: weight reduction ÷ gain over the dense baseline")
    figure.legend(loc="outside upper left", ncols=4, handles=[*marks, *axis.patches])
    footnote(figure, fallback_note(data))
    return figure
