"""The page of a folder, whatever command left it there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from accelsim.errors import FileFormatError, MissingFileError
from accelsim.files import read_json, write_text

from ..data_files.data import StudyData
from ..data_files.saved_reports import TABLE, SavedComparison, SavedRun
from ..data_files.sweep_points import RESULTS, Points
from .html import Page
from .kinds.comparison import comparison_page
from .kinds.points_study import STUDY, SavedStudy, points_study_page
from .kinds.run import run_page
from .kinds.study import study_page
from .kinds.sweep import sweep_page

PAGE, PROVENANCE, REPORT = "report.html", "provenance.json", "report.json"
WRITERS = "`accelsim run`, `compare`, `sweep`, `search`, `demo` or `study`"


def write_page(folder: str | Path) -> Path:
    """Write `report.html` from the files of `folder` and return its path; nothing is run.

    The folder is one that `accelsim run`, `compare`, `sweep`, `search`, `demo` or `study` has written. Equal files
    give equal pages. Raises MissingFileError where it holds nothing of these, FileFormatError, naming file and field,
    where a file is not what they write, OutputError where the page cannot be written.

    >>> import plots
    >>> plots.write_page("out/demo")  # doctest: +SKIP
    """
    folder = Path(folder)
    text = page_of(folder).html()
    write_text(folder / PAGE, text)
    return folder / PAGE


def page_of(folder: Path) -> Page:
    """The page of a folder's files; raises as `write_page` does."""
    if not folder.is_dir():
        state = "a file" if folder.exists() else "not there"
        raise MissingFileError(f"folder {str(folder)!r} is {state}; name one that {WRITERS} has written")
    for name, page in KINDS.items():
        if (folder / name).exists():
            return page(folder)
    raise MissingFileError(
        f"folder {str(folder)!r} holds none of {', '.join(KINDS)}; name one that {WRITERS} has written"
    )


def is_study(folder: Path) -> bool:
    """Whether the folder's report.json is of networks on machines, as `accelsim demo` writes it."""
    if any((folder / name).exists() for name in KINDS if name != REPORT):
        return False
    content = read_json(folder / REPORT, "report") if (folder / REPORT).exists() else None
    return isinstance(content, dict) and "runs" in content


def _of_report(folder: Path) -> Page:
    content = read_json(folder / REPORT, "report")
    if isinstance(content, dict) and "layers" in content:
        return run_page(SavedRun.from_folder(folder), facts_of(folder))
    return study_page(StudyData.from_folder(folder))


def facts_of(folder: Path) -> Mapping[str, Any]:
    """Command, versions and seeds from provenance.json; nothing where an earlier version left no such file."""
    path = folder / PROVENANCE
    if not path.exists():
        return {}
    facts = read_json(path, "provenance")
    if not isinstance(facts, dict):
        raise FileFormatError(f"provenance {str(path)!r} holds a {type(facts).__name__}; a mapping is expected")
    return facts


KINDS: Mapping[str, Callable[[Path], Page]] = {  # the file that tells a kind, in the order in which they are tried
    RESULTS: lambda folder: sweep_page(Points.from_folder(folder), facts_of(folder)),
    TABLE: lambda folder: comparison_page(SavedComparison.from_folder(folder), facts_of(folder)),
    STUDY: lambda folder: points_study_page(SavedStudy.from_folder(folder), folder.resolve().name.replace("-", " ")),
    REPORT: _of_report,
}
