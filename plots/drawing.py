"""One figure of a report, of several, or of a study: `accelsim.plot`, `accelsim.plots`, `Report.plot`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError, suggestion

from .data_files.matrices import matrices_of
from .data_files.points_of import points_of
from .data_files.reports import study_data
from .figures.figure import MATRICES, POINTS
from .registry import FIGURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .figures.figure import Drawing

OF_TIME = "a Report, or a folder with the timeline.json of `Report.to_timeline`, has one"
WHERE = {  # what a figure needs -> where it comes from
    "timeline": OF_TIME,
    "bandwidth": OF_TIME,
    "ratios": "a Comparison, or what `accelsim compare` and `accelsim demo` leave, has them",
    "accuracy_rate": "StudyData.of_accuracy_rate makes them of points",
}


def plot(name: str, data: object, ax: Axes | None = None, **options: Any) -> Axes:
    """Draw the figure `name` of `data` and return its Axes, the main one where it has several.

    `data` is a Report, a list of them, a Comparison, a StudyData, or the folder or file of a run, a comparison, a demo
    or a study. Figures of points (pareto, heatmap, ppr_rate, accuracy_cost) take a DataFrame with a row a point or a
    sweep's folder too, and `density` workloads, layers or matrices. Where `ax` is given, the figure is drawn into it
    alone: its main panel, without footnotes. Nothing is shown or saved: `plot(...).figure.savefig(path)`. `options` are
    the figure's own, of which `width_in` (3.3 is a column) is of nearly all. Raises UnknownNameError for a figure that
    nobody knows, and ConfigError for data that hold nothing to draw or an option that the figure does not take.

    >>> import accelsim
    >>> layer = accelsim.GemmTrace("fc", M=1, N=500, K=800)
    >>> axes = accelsim.plot("energy", accelsim.simulate(layer, "dense/os-16x16"))
    >>> axes.figure.savefig("energy.svg")  # doctest: +SKIP
    """
    drawing = FIGURES.get(name)
    _check_options(name, drawing, options)
    drawn = drawing(_readable(name, drawing, data), ax, **options)
    return drawn.axes[0] if ax is None else ax


def _readable(name: str, drawing: Drawing, data: object) -> Any:
    """`data` as what the figure is drawn from."""
    if drawing.takes == MATRICES:
        return matrices_of(data)
    if drawing.takes == POINTS:
        return points_of(data)
    study = study_data(data, needs=drawing.needs)
    if not getattr(study, drawing.needs):
        what = repr(str(data)) if isinstance(data, str | Path) else f"this {type(data).__name__}"
        where = f"; {WHERE[drawing.needs]}" if drawing.needs in WHERE else ""
        raise ConfigError(f"figure {name!r} needs {drawing.needs!r}, of which {what} holds nothing{where}")
    return study


def plots() -> list[str]:
    """The names that `plot` takes, those of installed packages included.

    >>> plots()[:3]
    ['cycles', 'ppr', 'storage']
    """
    return FIGURES.names()


def parameters(name: str) -> list[str]:
    """The options that a figure takes by name. Raises UnknownNameError for a figure that nobody knows.

    >>> parameters("layers")
    ['layers', 'width_in']
    """
    known = inspect.signature(FIGURES.get(name).draw).parameters
    return [p for p in [*known][1:] if p != "ax" and known[p].kind is not inspect.Parameter.VAR_KEYWORD]


def _check_options(name: str, drawing: Drawing, options: dict[str, Any]) -> None:
    """ConfigError for an option that a figure does not take."""
    given = inspect.signature(drawing.draw).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in given):
        return
    known = parameters(name)
    for option in options:
        if option not in known:
            hint = suggestion(option, known) if known else "it takes none"
            raise ConfigError(f"figure {name!r} has no option {option!r}; {hint}")
