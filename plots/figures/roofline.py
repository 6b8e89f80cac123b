"""Roofline: what each layer reaches, below what the array and the DRAM allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.engine.layer_result import VECTOR
from accelsim.errors import ConfigError

from ..data_files.peaks import Peaks, peaks_of
from ..numbers import digits
from ..style import BLACK, BLUE, GREY, ORANGE, PALE, VERMILLION, WIDTH_IN
from .figure import figure
from .layer_bars import lead
from .panel import Panel, panel
from .scatter import annotate, height_in, log_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData

BOUNDS = {"compute": (BLUE, "o"), "memory": (VERMILLION, "s"), "index": (ORANGE, "^")}
NOTE = "Operations are those that occupied a lane: MACs, of bit-serial and XNOR arrays pairs of bits."


@figure("Roofline: operations a second against operations a DRAM byte, with the machine's peaks.", on=("run",))
def draw(data: StudyData, ax: Axes | None = None, *, run: int = 0, width_in: float = WIDTH_IN) -> Axes:
    """A mark a layer of one run (of several, the one at `run`), its colour what bounds it; the roofs are the machine's.

    Layers without DRAM traffic stand at the right edge. ConfigError where the machine's configuration is not known, or
    no layer ran on an array.
    """
    if not 0 <= run < len(data.runs):
        raise ConfigError(f"run is {run!r}; 0 to {len(data.runs) - 1} is expected")
    chosen = data.runs[run]
    peaks = peaks_of(data.configuration(chosen))
    rows = [row for row in data.layers_of(chosen) if row["array"] != VECTOR and row["cycles"] and row["macs_executed"]]
    if not rows:
        raise ConfigError("no layer ran on an array; a report of one that did is expected")
    marks = _places(rows, peaks)
    frame = panel(height_in(width_in), ax, width_in)
    knee = peaks.gops(peaks.array) / peaks.dram_gbps  # operations a byte; 0 of an ideal DRAM
    frame.axis.set(xscale="log", yscale="log")
    _log_limits(frame.axis, [x for x, _ in marks], knee, [y for _, y in marks], peaks.gops(peaks.array))
    handles = [*_roofs(frame.axis, peaks, any(row["array"] != peaks.array.kind for row in rows))]
    for bound, (colour, mark) in BOUNDS.items():
        here = [place for place, row in zip(marks, rows, strict=True) if row["bound"] == bound]
        if here:
            xs, ys = zip(*here, strict=True)
            handles += frame.axis.plot(xs, ys, mark, color=colour, ms=4.5, mec="white", mew=0.4, label=f"{bound} bound")
    frame.axis.set_xlabel("operations a DRAM byte, log scale")
    frame.axis.set_ylabel("10⁹ operations/s, log")
    one = data if len(data.runs) == 1 else type(data)([chosen], {}, "", data.layers)
    frame.finish(_answer(one, rows, marks, peaks), handles, NOTE)
    _names(frame, rows, marks)
    return frame.axis


def _places(rows: Sequence[Mapping[str, Any]], peaks: Peaks) -> list[tuple[float, float]]:
    """(operations a byte, 10⁹ operations a second) of each layer; without traffic, as of one byte."""
    per_s = peaks.clock_mhz / 1e3
    done = [(row["macs_executed"], row["dram_bytes"], row["cycles"]) for row in rows]
    return [(operations / max(1.0, moved), operations / cycles * per_s) for operations, moved, cycles in done]


def _log_limits(axis: Axes, xs: Sequence[float], knee: float, ys: Sequence[float], peak: float) -> None:
    """Both axes in decades, so that the slope of the memory's roof is seen, with the knee in sight."""
    low, high = min([*xs, *([knee] if knee else [])]), max([*xs, *([knee * 4] if knee else [])])
    room = max(1.3, (high / low) ** 0.1)
    axis.set_xlim(low / room, high * room)
    axis.set_ylim(min(ys) / max(1.3, (peak / min(ys)) ** 0.12), peak * max(1.5, (peak / min(ys)) ** 0.1))
    log_ticks(axis.xaxis, *axis.get_xlim())
    log_ticks(axis.yaxis, *axis.get_ylim())
    axis.grid(axis="both", color=PALE, linewidth=0.5)


def _roofs(axis: Axes, peaks: Peaks, with_fallback: bool) -> list[Any]:
    low, high = axis.get_xlim()
    peak = peaks.gops(peaks.array)
    xs = np.geomspace(low, high, 200)
    ys = np.minimum(peak, xs * peaks.dram_gbps) if isfinite(peaks.dram_gbps) else np.full(200, peak)
    lanes = f"{peaks.array.peak_macs:,} lanes at {peaks.clock_mhz:g} MHz: {digits(peak)} G/s"
    roofs = axis.plot(xs, ys, color=BLACK, linewidth=1, label=f"{lanes}; {peaks.dram_text}")
    if peaks.fallback is not None and with_fallback:
        other = peaks.gops(peaks.fallback)
        roofs += axis.plot(
            [low, high], [other, other], "--", color=GREY, lw=0.8, label=f"fallback: {digits(other)} G/s"
        )
    return roofs


def _names(frame: Panel, rows: Sequence[Mapping[str, Any]], marks: Sequence[tuple[float, float]]) -> None:
    """Names beside the layers that take longest."""
    order = sorted(range(len(rows)), key=lambda i: -rows[i]["cycles"])
    annotate(frame, [marks[i] for i in order], [str(rows[i]["name"]) for i in order])


def _answer(
    data: StudyData, rows: Sequence[Mapping[str, Any]], marks: Sequence[tuple[float, float]], peaks: Peaks
) -> str:
    """How much of the roof the whole run reaches, and how many layers memory bounds."""
    done, cycles = (sum(row[key] for row in rows) for key in ("macs_executed", "cycles"))
    share = 100 * done / cycles / peaks.array.peak_macs
    memory = sum(row["bound"] != "compute" for row in rows)
    return (
        f"{lead(data)}{digits(share, 2)} % of the array's peak is reached; "
        f"memory bounds {memory} of {len(rows)} layers."
    )
