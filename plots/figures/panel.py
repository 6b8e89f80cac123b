"""A figure of one panel with its answer above it: the frame that figures of one report share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from accelsim.errors import ConfigError

from ..style import WIDTH_IN
from .bars import figure_of, footnote

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

TITLE_PT, LEGEND_PT, NOTE_PT = 8.0, 7.0, 6.5
MARGIN_IN, GAP_IN = 0.05, 0.04
UNIT = re.compile(r"(?<=[\d.,]) (?=%|[TGMkKmµnp]?(?:J|B|W|s|Hz|OPS)\b)")  # between a number and its unit
LEAST_IN, MOST_IN = 2.0, 20.0  # widths of a figure in which something can be read


@dataclass(frozen=True)
class Panel:
    """One Axes to draw in. `alone` where its figure was made for it; otherwise only the Axes is the drawing's own."""

    figure: Figure
    axis: Axes
    alone: bool

    @property
    def height_in(self) -> float:
        """The height of the Axes: before the layout where the figure is a user's."""
        return float(self.axis.get_position().height * self.figure.get_figheight())

    @property
    def width_in(self) -> float:
        """The width of the figure, or of the user's Axes."""
        width = self.figure.get_figwidth()
        return float(width if self.alone else width * self.axis.get_position().width)

    def finish(self, answer: str, handles: Sequence[Any] = (), note: str = "") -> Axes:
        """Write the answer and the legend above the Axes and the note below it; returns the Axes.

        A figure of its own grows by what they take. A user's figure keeps its size, and no note is written in it.
        """
        if self.alone:
            lines = _lines(self.figure, note, NOTE_PT, self.width_in)
            footnote(self.figure, "\n".join(lines))
            self.figure.set_figheight(self.figure.get_figheight() + len(lines) * NOTE_PT * 1.3 / 72)
            _head(self, answer, handles)
        else:
            _title(self, answer, handles)
        return self.axis


def finished(figure: Figure, axis: Axes, ax: Axes | None, answer: str, handles: Sequence[Any], note: str = "") -> Axes:
    """The same as `Panel.finish` for a figure of several panels, of which `axis` is the main one."""
    return Panel(figure, axis, ax is None).finish(answer, handles, note)


def panel(height_in: float, ax: Axes | None = None, width_in: float = WIDTH_IN) -> Panel:
    """A figure of one panel, or the panel that the user has. ConfigError for a width in which nothing can be read."""
    if ax is not None:
        return Panel(figure_of(ax), ax, False)
    if not LEAST_IN <= width_in <= MOST_IN:
        raise ConfigError(f"width_in is {width_in!r}; {LEAST_IN:g} to {MOST_IN:g} inches are expected")
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    return Panel(figure, figure.subplots(), True)


def _head(panel: Panel, answer: str, handles: Sequence[Any]) -> None:
    """The answer over the figure's whole width, the legend below it, and room for both."""
    figure, lines = panel.figure, _lines(panel.figure, answer, TITLE_PT, panel.width_in)
    title_in = len(lines) * TITLE_PT * 1.25 / 72 + GAP_IN
    legend = _legend(panel, handles, figure) if handles else None
    legend_in = legend.get_window_extent().height / figure.dpi if legend else 0.0
    height = figure.get_figheight() + title_in + legend_in
    figure.set_figheight(height)
    title = figure.suptitle("\n".join(lines), x=MARGIN_IN / panel.width_in, y=1 - GAP_IN / height, ha="left", va="top",
                            fontsize=TITLE_PT)  # fmt: skip
    title.set_in_layout(False)
    if legend:
        legend.set_bbox_to_anchor((0, 1 - (title_in + GAP_IN) / height), figure.transFigure)
    figure.get_layout_engine().set(  # type: ignore[union-attr,call-arg]  # a constrained one, which every figure here has
        rect=(0, 0, 1, 1 - (title_in + legend_in + GAP_IN) / height)
    )


def _title(panel: Panel, answer: str, handles: Sequence[Any]) -> None:
    """The answer and the legend just above the user's Axes."""
    axis, lines = panel.axis, _lines(panel.figure, answer, TITLE_PT, panel.width_in)
    legend = _legend(panel, handles, axis) if handles else None
    high_pt = legend.get_window_extent().height / panel.figure.dpi * 72 if legend else 0.0
    axis.set_title("\n".join(lines), fontsize=TITLE_PT, loc="left", pad=high_pt + 4)


def _legend(panel: Panel, handles: Sequence[Any], owner: Any) -> Any:
    """In as few lines as the width allows."""
    place = {"bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "fontsize": LEGEND_PT}
    loc = "upper left" if panel.alone else "lower left"
    legend = None
    for columns in range(len(handles), 0, -1):
        if legend is not None:
            legend.remove()
        legend = owner.legend(handles=[*handles], ncols=columns, loc=loc, **place)
        if legend.get_window_extent().width <= panel.width_in * panel.figure.dpi:
            break
    if legend is not None:
        legend.set_in_layout(not panel.alone)
    return legend


def _lines(figure: Figure, text: str, size_pt: float, width_in: float) -> list[str]:
    """`text` broken where it would leave the width; a line break in it stays."""
    if not text:
        return []
    probe = figure.text(0, 0, "", fontsize=size_pt)
    room = (width_in - 2 * MARGIN_IN) * figure.dpi
    lines = [line for paragraph in text.split("\n") for line in _broken(probe, paragraph, room)]
    probe.remove()
    return lines


def _broken(probe: Text, text: str, room: float) -> list[str]:
    lines: list[str] = []
    for word in UNIT.sub("\N{NO-BREAK SPACE}", text).split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        probe.set_text(longer)
        if lines and probe.get_window_extent().width <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
