"""Figures as PNG and SVG, the same bytes from the same data."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.formats.files import written_whole
from plots.registry import drawable
from plots.style import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from plots.data import StudyData

DPI = 200
METADATA = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}  # neither times nor versions


def render(figure: Figure, kind: str) -> bytes:
    """The bytes of a figure as `png` or `svg`."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=kind, dpi=DPI if kind == "png" else 72, metadata=METADATA[kind])
    return buffer.getvalue()


def svg_texts(data: StudyData) -> dict[str, str]:
    """The SVG text of every figure that `data` allows, by name."""
    return {name: render(drawing.draw(data), "svg").decode("utf-8") for name, drawing in drawable(data).items()}


def save_all(data: StudyData, folder: str | Path) -> list[Path]:
    """Write `figures/NAME.png` and `.svg` under `folder` and return their paths.

    Every figure is drawn before the first file is written, and each file is written whole or not at all; OutputError
    where `folder` cannot be written.
    """
    files: dict[Path, bytes] = {}
    for name, drawing in drawable(data).items():
        figure = drawing.draw(data)
        for kind in METADATA:
            files[Path(folder) / "figures" / f"{name}.{kind}"] = render(figure, kind)
    for path, content in files.items():
        with written_whole(path) as temporary:
            temporary.write_bytes(content)
    return [*files]
