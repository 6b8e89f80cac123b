"""The DRAM's bandwidth over the time of a run, layer after layer, below the peak."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from accelsim.errors import AccelSimError

from ..data_files.bandwidth import LayerBandwidth
from ..data_files.peaks import Peaks, peaks_of
from ..numbers import TIME, digits, percent, unit_of
from ..style import BLUE, GREY, PALE, SKY, VERMILLION, WIDTH_IN
from .bars import shortened, ticks
from .figure import figure
from .layer_bars import lead
from .panel import Panel, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData

HEIGHT_IN = 1.7
NAME_SHARE = 0.045  # of the time, from which on a layer has room for its name
NAME_IN = 0.11
NOTE = "A write counts when the DRAM's queue takes it, which may be faster than the peak."


@figure("DRAM bandwidth over time, layer after layer, and the DRAM's peak.", needs="bandwidth", on=("run",))
def draw(data: StudyData, ax: Axes | None = None, *, width_in: float = WIDTH_IN) -> Axes:
    """10⁹ bytes a second over the time of the first run, in 64 parts a layer; its layers stand above, in two colours.

    The dashed line is the DRAM's peak, where the machine is known and its DRAM has one.
    """
    layers = data.bandwidth
    frame = panel(HEIGHT_IN, ax, width_in)
    factor, unit = unit_of([layers[-1].end_us], TIME)
    for number, layer in enumerate(layers):
        frame.axis.stairs(layer.gbps, layer.edges_us / factor, fill=True, color=(BLUE, SKY)[number % 2], linewidth=0)
    peaks = _peaks(data)
    handles = []
    if peaks is not None and isfinite(peaks.dram_gbps):
        handles = [frame.axis.axhline(peaks.dram_gbps, color=VERMILLION, linewidth=0.9, linestyle=(0, (3, 2)),
                                      label=f"peak: {peaks.dram_text}")]  # fmt: skip
    highest = max([float(layer.gbps.max()) for layer in layers] + ([peaks.dram_gbps] if handles and peaks else []))
    frame.axis.set_xlim(layers[0].start_us / factor, layers[-1].end_us / factor)
    frame.axis.set_ylim(0, highest * 1.05 or 1.0)
    ticks(frame.axis)
    frame.axis.grid(axis="y", color=PALE, linewidth=0.5)
    frame.axis.set_xlabel(f"time ({unit})")
    frame.axis.set_ylabel("DRAM (GB/s)")
    _names(frame, layers, factor)
    return frame.finish(_answer(data, layers, peaks), handles, NOTE)


def _peaks(data: StudyData) -> Peaks | None:
    """The machine's peaks; None where its configuration is not known or is of another version."""
    try:
        return peaks_of(data.configuration(data.runs[0]))
    except (AccelSimError, IndexError):
        return None


def _names(frame: Panel, layers: Sequence[LayerBandwidth], factor: float) -> None:
    """A name above each layer that is wide enough for it to stand upright; a line where the layer ends."""
    axis, whole = frame.axis, layers[-1].end_us - layers[0].start_us
    least = max(NAME_SHARE * 0.5, NAME_IN / max(1.0, frame.width_in - 0.5))
    top = axis.get_ylim()[1]
    for layer in layers:
        share = (layer.end_us - layer.start_us) / (whole or 1.0)
        if share >= least:
            middle = (layer.start_us + layer.end_us) / 2 / factor
            name = axis.text(middle, top * 0.97, shortened(layer.layer, 21), rotation=90, ha="center", va="top",
                             fontsize=6, color="black")  # fmt: skip
            name.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.65})
        axis.axvline(layer.end_us / factor, color=GREY, linewidth=0.3, alpha=0.5)


def _answer(data: StudyData, layers: Sequence[LayerBandwidth], peaks: Peaks | None) -> str:
    """The mean of the whole run against the peak, and the layer that comes nearest to it."""
    whole = sum(layer.size_bytes for layer in layers)
    mean = whole / 1e3 / (layers[-1].end_us - layers[0].start_us)
    means = [float(np.mean(layer.gbps)) for layer in layers]
    most = max(range(len(layers)), key=means.__getitem__)
    of = lead(data) if len(data.runs) == 1 else ""
    share = f" ({percent(mean, peaks.dram_gbps)} of the peak)" if peaks and isfinite(peaks.dram_gbps) else ""
    return f"{of}{digits(mean)} GB/s on average{share}; {layers[most].layer} has most, {digits(means[most])} GB/s."
