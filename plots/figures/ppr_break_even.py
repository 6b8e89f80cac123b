"""From which pruning rate each sparse design beats the dense array in cycles, energy and storage."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ..numbers import digits, tick
from ..style import BLUE, GREEN, GREY, SKY, VERMILLION, styled
from .bars import footnote, grouped, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .ppr_study import PprData

GAINS = {"cycles": BLUE, "energy": GREEN, "energy with standby": SKY, "storage": VERMILLION}
RATES = (1, 1.5, 2, 3, 5, 10, 20, 50)
WORDS = (
    "Equal MACs, weights alone sparse, interpolated between measured rates. At 1: from the first pruned weight on.\n"
    "Energy on chip and of DRAM access, and with DRAM standby."
)


@styled
def draw(data: PprData) -> Figure:
    """A group a design, a mark a gain; an arrow where it is reached at no measured rate."""
    most = max(row["alpha"] for points in data.curves["mac"].values() for row in points)
    rows = grouped((row["design"], [(gain, {"rate": row[gain], "gain": gain}) for gain in GAINS])
                   for row in data.break_even)  # fmt: skip
    figure, (axis,) = panels(rows, (1,))
    axis.set_xscale("log")
    for y, item in zip(rows.ys, rows.items, strict=True):
        colour, rate = GAINS[item["gain"]], item["rate"]
        reached = math.isfinite(rate)
        axis.hlines(y, 1, rate if reached else most, color=colour, linewidth=1)
        axis.plot(rate if reached else most, y, "o" if reached else ">", color=colour, markersize=4)
        label = f"{digits(rate, 2)}x" if reached else "not reached"
        at = (rate if reached else most, y)
        axis.annotate(label, at, (5, 0), textcoords="offset points", va="center", fontsize=6.5)
    axis.axvline(1, color=GREY, linewidth=0.8)
    axis.xaxis.set_major_locator(FixedLocator(RATES))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    axis.set_xlim(0.95, most * 1.6)
    axis.set_xlabel("break-even pruning rate α")
    footnote(figure, WORDS)
    return figure
