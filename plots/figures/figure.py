"""What a figure is: a function that draws, its caption, and the part of the data without which it draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from ..style import styled
from .bars import footnote

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..data_files.data import StudyData

Draw = Callable[..., "Figure"]
LINE = 120  # characters of a note, so that it is no wider than a figure


@dataclass(frozen=True)
class Drawing:
    """A figure. `draw(data, ax=None, **options)` returns a new Figure; where it is given an Axes, it draws into that
    alone and returns the Axes' figure. `needs` names the attribute of StudyData without which there is nothing to draw.
    """

    draw: Draw
    caption: str
    needs: str = "runs"

    def __call__(self, data: StudyData, ax: Axes | None = None, **options: Any) -> Figure:
        """The same as `draw`."""
        return self.draw(data, ax, **options)


def _complete(draw: Draw) -> Draw:
    """`draw`, with a line below the figure, or above the Axes that it was given, on what is not simulated."""

    @wraps(draw)
    def drawn(data: StudyData, ax: Axes | None = None, **options: Any) -> Figure:
        result = draw(data, ax, **options)
        lines = getattr(data, "not_simulated_lines", ())
        text = "\n".join(part for line in lines for part in wrap(_short(line), LINE))
        if text and ax is None:
            footnote(result, "\n".join(filter(None, [result.get_supxlabel(), text])))
        elif text and ax is not None:
            ax.annotate(text, (1, 0), (0, -24), "axes fraction", "offset points", ha="right", va="top", fontsize=6)
        return result

    return drawn


def _short(line: str) -> str:
    """A line of many names without those in its middle; how much it is stands at its end."""
    return line if len(line) <= 4 * LINE else f"{line[: 3 * LINE]} ... {line[-LINE:]}"


def figure(caption: str, needs: str = "runs") -> Callable[[Draw], Drawing]:
    """Decorator: the function as a Drawing, in the style of all figures whatever matplotlib's own settings are."""
    return lambda draw: Drawing(styled(_complete(draw)), caption, needs)
