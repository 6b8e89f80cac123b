"""Figures and the HTML report of a study, redrawn from the files that it left. Loaded on first use.

    data = plots.StudyData.from_folder("out/demo")
    plots.save_all(data, "out/demo")                     # figures/*.png and *.svg
    plots.write_report(data, "out/demo/report.html")     # one file, readable offline

Rooms: `data_files/` (what figures are drawn from), `figures/` (one a file), `report_page/` (the HTML page). A new
figure is a file in `figures/` and a line in `plots/registry.py`; one of your own comes by `plots.register_figure`.

Imports: accelsim.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data_files.data import StudyData
    from .drawing import plot
    from .registry import FIGURES, register_figure
    from .report_page.html import write_report
    from .saving import save_all

__all__ = ["FIGURES", "StudyData", "plot", "register_figure", "save_all", "write_report"]

_PLACES = {
    "FIGURES": "registry",
    "StudyData": "data_files.data",
    "plot": "drawing",
    "register_figure": "registry",
    "save_all": "saving",
    "write_report": "report_page.html",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
