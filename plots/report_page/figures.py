"""Figures of a page: drawn here or read from a folder, each an image with its caption as its other text."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.errors import ConfigError

from ..registry import FIGURES
from ..saving import render
from .html import Part
from .text import shown

if TYPE_CHECKING:
    from ..data_files.data import StudyData


def figures_part(data: StudyData, names: Iterable[str]) -> Part:
    """The figures of these names that are registered and for which the data hold what they need, in this order.

    One that cannot be drawn from what the files say, those of an older version say, has a line in its place.
    """
    pictures, lines = [], ""
    for name in _drawn(data, names):
        try:
            pictures.append((FIGURES.get(name).caption, svg_of(data, name)))
        except ConfigError as error:
            lines += f"<p>{shown(str(error))}</p>\n"
    return Part("figures", "Figures", gallery(pictures) + lines)


def _drawn(data: StudyData, names: Iterable[str]) -> list[str]:
    known = FIGURES.names()
    return [name for name in names if name in known and getattr(data, FIGURES.get(name).needs, None)]


def svg_of(data: StudyData, name: str) -> bytes:
    """One figure as the bytes of an SVG file."""
    return render(FIGURES.get(name).draw(data), kinds=("svg",))["svg"]


def gallery(pictures: Sequence[tuple[str, bytes]]) -> str:
    """SVG pictures with their captions, beside each other where there is room; nothing of them can run."""
    if not pictures:
        return ""
    return f'<div class="figures">\n{"".join(_figure(*picture) for picture in pictures)}</div>'


def _figure(caption: str, svg: bytes) -> str:
    source = f"data:image/svg+xml;base64,{b64encode(svg).decode('ascii')}"
    return (
        f'<figure><div class="scroll" tabindex="0" role="region" aria-label="{shown(caption)}">'
        f'<img alt="{shown(caption)}" src="{source}"></div><figcaption>{shown(caption)}</figcaption></figure>\n'
    )


def saved_pictures(folder: Path) -> list[tuple[str, bytes]]:
    """The SVG files under `figures/` of a folder by name, each with its name as words."""
    return [(path.stem.replace("_", " "), path.read_bytes()) for path in sorted((folder / "figures").glob("*.svg"))]
