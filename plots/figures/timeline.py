"""One layer as a Gantt chart: what the array does while the DMA engines move operands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..numbers import TIME, unit_of
from ..style import BLACK, BLUE, OPERAND_COLOURS, PALE
from .bars import shortened, single, ticks
from .figure import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..data_files.data import StudyData
    from ..data_files.timeline import Timeline

COLOURS = {"array": BLUE, **OPERAND_COLOURS}
TRACK_IN = 0.26


@figure("One layer in time: the array's tiles and the transfers.", needs="timeline")
def draw(data: StudyData, ax: Axes | None = None) -> Figure:
    """A track for the array and one for each operand's reads and writes; ValueError where no timeline was recorded."""
    if data.timeline is None:
        raise ValueError("this study holds no timeline")
    tracks = data.timeline.tracks
    drawn, axis = single(TRACK_IN * len(tracks) + 0.85, ax)
    factor, unit = unit_of([data.timeline.end_us], TIME)
    for y, track in enumerate(tracks):
        _draw_track(axis, data.timeline, track, y, factor)
    axis.set_yticks(range(len(tracks)), [shortened(track) for track in tracks])
    axis.set_ylim(len(tracks) - 0.45, -0.55)
    axis.set_xlim(0, data.timeline.end_us / factor)
    ticks(axis)
    axis.set_xlabel(f"time since the layer began ({unit})")
    if ax is None:
        drawn.suptitle(_title(data.timeline), x=0.01, ha="left", fontsize=8)
    else:
        ax.set_title(_title(data.timeline))
    return drawn


def _title(timeline: Timeline) -> str:
    run = f" of {shortened(timeline.run, 52)}" if timeline.run else ""
    return f"layer {shortened(timeline.layer)}{run}"


def _draw_track(axis: Axes, timeline: Timeline, track: str, y: int, factor: float) -> None:
    spans = [(bar.start_us / factor, bar.length_us / factor) for bar in timeline.bars if bar.track == track]
    colour = COLOURS.get(track.split(" ")[0], BLACK)
    axis.axhline(y, color=PALE, linewidth=0.5, zorder=0)
    axis.broken_barh(spans, (y - 0.36, 0.72), facecolor=colour, edgecolor="white", linewidth=0.25)
