"""Figures of any report and the HTML report of a study, also from the files that they left. Loaded on first use.

    data = plots.StudyData.from_folder("out/demo")
    plots.save_all(data, "out/demo")                     # figures/*.png and *.svg
    plots.write_report(data, "out/demo/report.html")     # one file, readable offline
    plots.write_page("out/run")                          # the page of a folder that any command has left

Rooms: `data_files/` (what figures are drawn from), `figures/` (one a file), `report_page/` (the HTML page). A new
figure is a file in `figures/` and a line in `plots/registry.py`; one of your own comes by `plots.register_figure`.

Imports: accelsim.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data_files.data import StudyData
    from .data_files.opening import opened
    from .data_files.reports import study_data
    from .drawing import parameters, plot
    from .registry import FIGURES, register_figure
    from .report_page.folder import write_page
    from .report_page.study import write_report
    from .saving import render, save, save_all

__all__ = [
    "FIGURES",
    "StudyData",
    "opened",
    "parameters",
    "plot",
    "register_figure",
    "render",
    "save",
    "save_all",
    "study_data",
    "write_page",
    "write_report",
]

_PLACES = {
    "FIGURES": "registry",
    "StudyData": "data_files.data",
    "opened": "data_files.opening",
    "parameters": "drawing",
    "plot": "drawing",
    "register_figure": "registry",
    "render": "saving",
    "save": "saving",
    "save_all": "saving",
    "study_data": "data_files.reports",
    "write_page": "report_page.folder",
    "write_report": "report_page.study",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
