"""An axis of pruning-to-performance ratios with the band that 001 assumes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from accelsim.analysis.verdict import ASSUMED_PPR

from ..numbers import is_wide
from ..style import GREY, YELLOW
from .bars import log_ticks, ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAND_LABEL = f"assumed for non-structured pruning, {ASSUMED_PPR[0]:g} to {ASSUMED_PPR[1]:g}"


def ratio_axis(axis: Axes, values: Iterable[float], room: float = 0.06) -> None:
    """Limits around `values` (NaN is passed over), 1 and the band; logarithmic where they spread.

    `room` is the share of the axis kept on the right for text. Source of the band: 001 §VI.
    """
    shown = [value for value in values if value > 0 and value != float("inf")]
    known = [*shown, 1.0, *ASSUMED_PPR]
    low, high = min(known), max(known)
    if is_wide(known):
        axis.set_xscale("log")
        log_ticks(axis)
        axis.set_xlim(low / (high / low) ** 0.06, high * (high / low) ** room)
    else:
        ticks(axis)
        axis.set_xlim(0, high + (high - 0) * room)
    axis.axvspan(*ASSUMED_PPR, color=YELLOW, alpha=0.45, linewidth=0, label=BAND_LABEL)
    axis.axvline(1, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
