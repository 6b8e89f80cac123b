"""Figures as PNG and SVG, the same bytes from the same data."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.files import written_whole

from .registry import drawable
from .style import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .data_files.data import StudyData

DPI = 200
METADATA = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}  # neither times nor versions


def save_all(data: StudyData, folder: str | Path) -> list[Path]:
    """Write `figures/NAME.png` and `.svg` under `folder` and return their paths.

    Every figure is drawn before the first file is written, and each file is written whole or not at all; OutputError
    where `folder` cannot be written.
    """
    files = {Path(folder) / "figures" / name: content for name, content in rendered(data).items()}
    for path, content in files.items():
        with written_whole(path) as temporary:
            temporary.write_bytes(content)
    return [*files]


def save(figure: Figure, place: str | Path) -> list[Path]:
    """Write a figure as `place`.png and `place`.svg, the same bytes from the same data; their paths.

    OutputError where they cannot be written.
    """
    paths = []
    for kind, content in render(figure).items():
        paths.append(Path(place).with_name(f"{Path(place).name}.{kind}"))
        with written_whole(paths[-1]) as temporary:
            temporary.write_bytes(content)
    return paths


@lru_cache(maxsize=1)
def rendered(data: StudyData) -> Mapping[str, bytes]:
    """File name: content, for every figure that `data` allows. The last study's stay in memory for files and page."""
    return {
        f"{name}.{kind}": content
        for name, drawing in drawable(data).items()
        for kind, content in render(drawing.draw(data)).items()
    }


def render(figure: Figure, kinds: Sequence[str] = ("png", "svg")) -> dict[str, bytes]:
    """The figure in these kinds of file, laid out once."""
    contents = {}
    with style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a name's sign; the page shows it
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for kind in kinds:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=DPI, metadata=METADATA[kind])
            contents[kind] = buffer.getvalue()
    return contents
