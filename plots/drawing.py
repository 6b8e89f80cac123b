"""One figure of a report, of several, or of a study: `accelsim.plot`, `accelsim.plots`, `Report.plot`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError, suggestion

from .data_files.reports import study_data
from .registry import FIGURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .figures.figure import Drawing


def plot(name: str, data: object, ax: Axes | None = None, **options: Any) -> Axes:
    """Draw the figure `name` of `data` and return its Axes, the main one where it has several.

    `data` is a Report, a list of them, a StudyData, or the folder of a study. Where `ax` is given, the figure is drawn
    into it alone: its main panel, without footnotes. Nothing is shown or saved: `plot(...).figure.savefig(path)`.
    `options` are the figure's own. Raises UnknownNameError for a figure that nobody knows, and ConfigError for data
    that hold nothing to draw or an option that the figure does not take.

    >>> import accelsim
    >>> layer = accelsim.GemmTrace("fc", M=1, N=500, K=800)
    >>> axes = accelsim.plot("energy", accelsim.simulate(layer, "dense/os-16x16"))
    >>> axes.figure.savefig("energy.svg")  # doctest: +SKIP
    """
    drawing = FIGURES.get(name)
    _check_options(name, drawing, options)
    study = study_data(data, timeline=drawing.needs == "timeline")
    if not getattr(study, drawing.needs):
        raise ConfigError(f"figure {name!r} needs {drawing.needs!r}, of which this {type(data).__name__} holds nothing")
    drawn = drawing(study, ax, **options)
    return drawn.axes[0] if ax is None else ax


def plots() -> list[str]:
    """The names that `plot` takes, those of installed packages included.

    >>> plots()[:3]
    ['cycles', 'ppr', 'storage']
    """
    return FIGURES.names()


def _check_options(name: str, drawing: Drawing, options: dict[str, Any]) -> None:
    """ConfigError for an option that a figure does not take."""
    parameters = inspect.signature(drawing.draw).parameters
    known = [p for p in parameters if p not in {"data", "ax"}]
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for option in options:
        if option not in known:
            hint = suggestion(option, known) if known else "it takes none"
            raise ConfigError(f"figure {name!r} has no option {option!r}; {hint}")
