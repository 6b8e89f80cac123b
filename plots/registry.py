"""Every figure by name; one that ships is a file in `figures/` and a line here.

A figure of anybody's own comes by `plots.register_figure`, or by an entry point of the group `accelsim.figures` in an
installed package (value = what the decorator returns).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from accelsim.registry import Registry

from .figures.figure import Draw, Drawing, figure

if TYPE_CHECKING:
    from .data_files.data import StudyData

SHIPPED = {  # name -> "module:figure", in the order of the page
    "cycles": f"{__package__}.figures.cycles:draw",
    "ppr": f"{__package__}.figures.ppr:draw",
    "storage": f"{__package__}.figures.storage:draw",
    "energy": f"{__package__}.figures.energy:draw",
    "traffic": f"{__package__}.figures.traffic:draw",
    "timeline": f"{__package__}.figures.timeline:draw",
    "accuracy_rate": f"{__package__}.figures.accuracy_rate:draw",
    "layers": f"{__package__}.figures.layers:draw",
    "losses": f"{__package__}.figures.losses:draw",
    "roofline": f"{__package__}.figures.roofline:draw",
    "bandwidth": f"{__package__}.figures.bandwidth:draw",
    "bits": f"{__package__}.figures.bits:draw",
    "ppr_rate": f"{__package__}.figures.ppr_rate:draw",
    "pareto": f"{__package__}.figures.pareto:draw",
    "heatmap": f"{__package__}.figures.heatmap:draw",
    "density": f"{__package__}.figures.density:draw",
    "accuracy_cost": f"{__package__}.figures.accuracy_cost:draw",
    "efficiency": f"{__package__}.figures.efficiency:draw",
}


def _check(_name: str, value: object) -> str | None:
    expected = "a function under `@plots.register_figure(name, caption)` is expected"
    return None if isinstance(value, Drawing) else expected


FIGURES: Registry[Drawing] = Registry("figure", "accelsim.figures", SHIPPED, check=_check)


def register_figure(
    name: str, caption: str, *, needs: str = "runs", takes: str = "study", on: tuple[str, ...] = ("study",)
) -> Callable[[Draw], Drawing]:
    """Decorator: make a function `draw(data, ax=None, **options) -> Axes` known to `accelsim.plot` and to the page.

        @plots.register_figure("area", "Area of every machine.")
        def area(data: plots.StudyData, ax: Axes | None = None) -> Axes: ...

    `data` is a StudyData, or a DataFrame of points or a list of (network, layer, matrix) where the figure `takes`
    "points" or "matrices". `needs` names the attribute of StudyData that must hold something, so that there is
    something to draw, and `on` the pages that show it unasked. Raises ConfigError where the name already stands for
    another figure.
    """
    return lambda draw: FIGURES.add(name, figure(caption, needs, takes=takes, on=on)(draw))


def drawable(data: StudyData, page: str = "study") -> dict[str, Drawing]:
    """The figures of a page (of a `study`, or of a single `run`) for which `data` holds what they need."""
    drawings = {name: FIGURES.get(name) for name in FIGURES.names()}
    return {
        name: drawing
        for name, drawing in drawings.items()
        if page in drawing.on and drawing.takes == "study" and getattr(data, drawing.needs)
    }
