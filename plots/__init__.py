"""Figures and the HTML report of a study, redrawn from the files that it left. Loaded on first use.

    data = plots.StudyData.from_folder("out/demo")
    plots.save_all(data, "out/demo")                     # figures/*.png and *.svg
    plots.write_report(data, "out/demo/report.html")     # one file, readable offline

A new figure is a file with a function `draw(data) -> Figure` and a line in `plots/registry.py`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plots.data_files.data import StudyData
    from plots.registry import FIGURES
    from plots.report_page.html import write_report
    from plots.saving import save_all

__all__ = ["FIGURES", "StudyData", "save_all", "write_report"]

_PLACES = {
    "FIGURES": "registry",
    "StudyData": "data_files.data",
    "save_all": "saving",
    "write_report": "report_page.html",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
