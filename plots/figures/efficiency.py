"""Peak and achieved operations a second against watts, with lines of equal operations a joule (as 003 Fig 17)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from accelsim.engine.layer_result import VECTOR
from accelsim.errors import ConfigError

from ..data_files.peaks import peaks_of
from ..numbers import digits
from ..style import BLUE, GREY, PALE, WIDTH_IN
from .bars import shortened
from .figure import figure
from .panel import panel
from .scatter import annotate, height_in, log_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData

DECADES = 10.0 ** np.arange(-6, 7)  # TOPS/W of the lines
NOTE = "Operations: two a MAC of the dense network, zeros too. Watts: the run's energy, DRAM included, ÷ its time."


@figure("Peak and achieved GOPS against watts, with lines of equal TOPS/W (003 Fig 17).", on=("compare",))
def draw(data: StudyData, ax: Axes | None = None, *, width_in: float = WIDTH_IN) -> Axes:
    """A run is a filled mark at what it achieves, joined to a hollow one at its machine's peak for its bits.

    The watts of both are the run's own. ConfigError where no run takes time and energy.
    """
    runs = [run for run in data.runs if run["seconds"] and run["energy_pj"]]
    if not runs:
        raise ConfigError("no run takes time and energy; one at least is expected")
    watts = [run["energy_pj"] * 1e-12 / run["seconds"] for run in runs]
    achieved = [_operations(data, run) / run["seconds"] / 1e9 for run in runs]
    peaks = [_peak_gops(data, run) for run in runs]
    frame = panel(height_in(width_in), ax, width_in)
    axis = frame.axis
    axis.set(xscale="log", yscale="log")
    _limits(axis, watts, [*achieved, *peaks])
    _lines(axis)
    axis.vlines(watts, achieved, peaks, color=GREY, linewidth=0.6)
    axis.plot(watts, peaks, "o", color=BLUE, mfc="white", markersize=4.5)
    axis.plot(watts, achieved, "o", color=BLUE, markersize=4.5)
    log_ticks(axis.xaxis, *axis.get_xlim())
    log_ticks(axis.yaxis, *axis.get_ylim())
    axis.set_xlabel("power (W), log scale")
    axis.set_ylabel("GOPS, log scale")
    axis.grid(axis="both", color=PALE, linewidth=0.4)
    handles = [Line2D([], [], marker="o", linestyle="", color=BLUE, markersize=4.5, label="achieved"),
               Line2D([], [], marker="o", linestyle="", color=BLUE, mfc="white", markersize=4.5, label="peak"),
               Line2D([], [], color=GREY, linewidth=0.6, linestyle=(0, (1, 2)), label="equal TOPS/W")]  # fmt: skip
    names = _names(runs)
    frame.finish(_answer(names, watts, achieved, peaks), handles, NOTE)
    order = np.argsort([-value / watt for value, watt in zip(achieved, watts, strict=True)])
    annotate(frame, [(watts[i], achieved[i]) for i in order], [names[i] for i in order],
             [*zip(watts, peaks, strict=True)])  # fmt: skip
    return axis


def _operations(data: StudyData, run: Mapping[str, Any]) -> float:
    """Two for each MAC of the run's dense GEMMs; files of before `macs_dense` hold M · N · K."""
    rows = data.layers_of(run)
    return 2 * float(sum(row["macs_dense"] if "macs_dense" in row else row["M"] * row["N"] * row["K"] for row in rows))


def _peak_gops(data: StudyData, run: Mapping[str, Any]) -> float:
    """Of the machine's array at the bits of the run's largest layer."""
    rows = [row for row in data.layers_of(run) if row["array"] != VECTOR] or data.layers_of(run)
    widest = max(rows, key=lambda row: row.get("macs_dense", 0))
    return peaks_of(data.configuration(run)).dense_gops(int(widest["weight_bits"]), int(widest["activation_bits"]))


def _names(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """What tells the runs apart: the machine, the network, or both."""
    machines, networks = ({run[key] for run in runs} for key in ("hardware", "network"))
    if len(networks) == 1 or len(machines) == len(runs):
        return [shortened(str(run["hardware"])) for run in runs]
    return [f"{shortened(str(run['network']), 16)}, {shortened(str(run['hardware']), 18)}" for run in runs]


def _limits(axis: Axes, xs: Sequence[float], ys: Sequence[float]) -> None:
    positive = [y for y in ys if y > 0]
    for limits, values in ((axis.set_xlim, xs), (axis.set_ylim, positive)):
        low, high = min(values), max(values)
        room = max(1.6, (high / low) ** 0.15)
        limits(low / room, high * room)


def _lines(axis: Axes) -> None:
    """Dotted lines of equal TOPS/W by decades, each with its number where it leaves the Axes."""
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    for tops in DECADES:
        ends = np.array([left, right]) * tops * 1e3
        if ends[1] <= bottom or ends[0] >= top:
            continue
        axis.plot([left, right], ends, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)), zorder=0)
        at = min(right, top / (tops * 1e3) / (top / bottom) ** 0.08)
        axis.annotate(f"{tops:g} TOPS/W", (at, at * tops * 1e3), (-1, 1.5), textcoords="offset points", ha="right",
                      va="bottom", fontsize=6, color=GREY)  # fmt: skip
    axis.set(xlim=(left, right), ylim=(bottom, top))


def _answer(names: Sequence[str], watts: Sequence[float], achieved: Sequence[float], peaks: Sequence[float]) -> str:
    """The run that does most with a joule, and what of its peak it reaches."""
    i = max(range(len(names)), key=lambda n: achieved[n] / watts[n])
    share = achieved[i] / peaks[i] if peaks[i] else 0.0
    told = f"{digits(100 * share)} % of its peak" if share <= 1 else f"{digits(share)} times its peak: it skips zeros"
    return f"{names[i]} does most a joule, {digits(achieved[i] / watts[i] / 1e3)} TOPS/W, at {told}."
