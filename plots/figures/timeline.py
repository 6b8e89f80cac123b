"""One layer as a Gantt chart: what the array does while the DMA engines move operands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.errors import ConfigError

from ..data_files.timeline import timeline_of
from ..numbers import TIME, percent, unit_of
from ..style import BLACK, BLUE, OPERAND_COLOURS, PALE, WIDTH_IN
from .bars import shortened, single, ticks
from .figure import figure
from .panel import finished

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData
    from ..data_files.timeline import Timeline

ARRAY = "array"
COLOURS = {ARRAY: BLUE, **OPERAND_COLOURS}
TRACK_IN = 0.26


@figure("One layer in time: the array's tiles and the transfers.", needs="timeline", on=("study", "run"))
def draw(data: StudyData, ax: Axes | None = None, *, layer: str | None = None, width_in: float = WIDTH_IN) -> Axes:
    """A track for the array and one for each operand's reads and writes, over the time of one layer.

    `layer` names it; by default the one that shows most. UnknownNameError where the timeline has no such layer.
    """
    shown = data.timeline if layer is None else timeline_of(data.trace, "timeline", _run(data), layer)
    if shown is None:
        raise ConfigError("no timeline was recorded; a Report, or a folder with timeline.json, is expected")
    tracks = shown.tracks
    drawn, axis = single(TRACK_IN * len(tracks) + 0.45, ax, width_in)
    factor, unit = unit_of([shown.end_us], TIME)
    for y, track in enumerate(tracks):
        _draw_track(axis, shown, track, y, factor)
    axis.set_yticks(range(len(tracks)), [shortened(track) for track in tracks])
    axis.set_ylim(len(tracks) - 0.45, -0.55)
    axis.set_xlim(0, shown.end_us / factor)
    ticks(axis)
    axis.set_xlabel(f"time since the layer began ({unit})")
    return finished(drawn, axis, ax, _answer(shown), ())


def _run(data: StudyData) -> object:
    """The run that the timeline is of, as far as that is known."""
    named = data.provenance.get("timeline")
    return named if named else data.runs[0] if len(data.runs) == 1 else None


def _answer(timeline: Timeline) -> str:
    """The layer, and for how much of its time the array is at work."""
    run = f" of {shortened(timeline.run, 52)}" if timeline.run else ""
    busy = sum(bar.length_us for bar in timeline.bars if bar.track == ARRAY)
    told = f"the array is busy for {percent(busy, timeline.end_us)} of the time" if busy else "the array is not used"
    return f"Layer {shortened(timeline.layer)}{run}: {told}."


def _draw_track(axis: Axes, timeline: Timeline, track: str, y: int, factor: float) -> None:
    spans = [(bar.start_us / factor, bar.length_us / factor) for bar in timeline.bars if bar.track == track]
    colour = COLOURS.get(track.split(" ")[0], BLACK)
    axis.axhline(y, color=PALE, linewidth=0.5, zorder=0)
    axis.broken_barh(spans, (y - 0.36, 0.72), facecolor=colour, edgecolor="white", linewidth=0.25)
