"""What a figure is: a function that draws, its caption, and the part of the data without which it draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from ..style import WIDTH_IN, styled
from .bars import figure_of, footnote

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Draw = Callable[..., "Axes | Figure"]
LINE = 120  # characters of a note, so that it is no wider than a figure
STUDY, POINTS, MATRICES = "study", "points", "matrices"  # what a figure may be drawn from
PAGES = ("study", "run", "compare", "sweep")


@dataclass(frozen=True)
class Drawing:
    """A figure. `draw(data, ax=None, **options)` returns a new Figure; where it is given an Axes, it draws into that
    alone and returns the Axes' figure.

    `takes` says what `data` is: `study` a StudyData, whose attribute that `needs` names must hold something; `points` a
    DataFrame with a row a design; `matrices` a list of (name, matrix). `on` names the pages that show it unasked:
    those of a `study`, of a single `run`, of a `compare`, of a `sweep`.
    """

    draw: Callable[..., Figure]
    caption: str
    needs: str = "runs"
    takes: str = STUDY
    on: tuple[str, ...] = ("study",)

    def __call__(self, data: Any, ax: Axes | None = None, **options: Any) -> Figure:
        """The same as `draw`."""
        return self.draw(data, ax, **options)


def _complete(draw: Draw) -> Callable[..., Figure]:
    """`draw`, with a line below the figure, or above the Axes that it was given, on what is not simulated."""

    @wraps(draw)
    def drawn(data: Any, ax: Axes | None = None, **options: Any) -> Figure:
        made = draw(data, ax, **options)
        result = made if isinstance(made, Figure) else figure_of(made)
        lines = getattr(data, "not_simulated_lines", ())
        text = "\n".join(part for line in lines for part in wrap(_short(line), _letters(result)))
        if text and ax is None:
            footnote(result, "\n".join(filter(None, [result.get_supxlabel(), text])))
        elif text and ax is not None:
            ax.annotate(text, (1, 0), (0, -24), "axes fraction", "offset points", ha="right", va="top", fontsize=6)
        return result

    return drawn


def _letters(figure: Figure) -> int:
    """How many characters a line of a note has at this figure's width."""
    return max(30, round(LINE * min(1.0, figure.get_figwidth() / WIDTH_IN)))


def _short(line: str) -> str:
    """A line of many names without those in its middle; how much it is stands at its end."""
    return line if len(line) <= 4 * LINE else f"{line[: 3 * LINE]} ... {line[-LINE:]}"


def figure(
    caption: str, needs: str = "runs", *, takes: str = STUDY, on: tuple[str, ...] = ("study",)
) -> Callable[[Draw], Drawing]:
    """Decorator: the function as a Drawing, in the style of all figures whatever matplotlib's own settings are.

    The function returns the Axes that it drew into, or its Figure.
    """
    return lambda draw: Drawing(styled(_complete(draw)), caption, needs, takes, on)
