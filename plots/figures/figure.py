"""What a figure is: a function that draws, its caption, and the part of the data without which it draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..style import styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..data_files.data import StudyData

Draw = Callable[..., "Figure"]


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


def figure(caption: str, needs: str = "runs") -> Callable[[Draw], Drawing]:
    """Decorator: the function as a Drawing, in the style of all figures whatever matplotlib's own settings are."""
    return lambda draw: Drawing(styled(draw), caption, needs)
