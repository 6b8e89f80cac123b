"""The page of a study that is in memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.files import write_text

from .kinds.study import study_page

if TYPE_CHECKING:
    from ..data_files.data import StudyData


def write_report(data: StudyData, path: str | Path) -> None:
    """Write the page, whole or not at all; the same data give the same bytes. OutputError where that cannot be."""
    write_text(Path(path), study_page(data).html())
