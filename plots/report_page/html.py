"""The report of a study as one HTML file that needs no network: verdict first, then tables, figures and provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.analysis.verdict import ASSUMED_PPR
from accelsim.files import write_text

from .sections import (
    figures_section,
    layers_section,
    networks_section,
    provenance_section,
    runs_section,
)

if TYPE_CHECKING:
    from ..data_files.data import StudyData

TITLE = "Which compression pays on which accelerator"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
WORDS = (
    "α is the weight reduction (weights of the uncompressed network ÷ nonzero weights now; the zeros of a layer that "
    "nobody pruned are weights), β the speedup over the "
    "dense baseline (the uncompressed network at the same bits on a dense array with the same peak and DRAM), and "
    "PPR = α/β: the smaller, the more of the pruning turns into speed. β unpruned is the speedup of the uncompressed "
    "network on the same two machines; where it is outside 0.9 to 1.1, PPR corrected is α ÷ (β ÷ β unpruned). "
    "For non-structured pruning "
    f"{ASSUMED_PPR[0]:g} to {ASSUMED_PPR[1]:g} is what ADMM-NN-S (section VI) takes from the synthesis results of "
    "earlier accelerators. KB are 1000 bytes."
)
SECTIONS = {
    "networks": networks_section,
    "figures": figures_section,
    "runs": runs_section,
    "layers": layers_section,
    "provenance": provenance_section,
}


def write_report(data: StudyData, path: str | Path) -> None:
    """Write the page, whole or not at all; the same data give the same bytes. OutputError where that cannot be."""
    write_text(Path(path), page(data))


def page(data: StudyData) -> str:
    """The text of the page. Style, script and figures are inside, and its policy forbids it to fetch anything."""
    sections = {name: f'<div class="{name}">\n{section(data)}\n</div>' for name, section in SECTIONS.items()}
    return document(TITLE, data.verdict, _extent(data), sections, WORDS, data.not_simulated_lines)


def document(
    title: str, verdict: str, extent: str, sections: Mapping[str, str], words: str, warnings: Sequence[str] = ()
) -> str:
    """A whole page: what it found, its extent in a line, sections of HTML by name, and what its words mean.

    `warnings` stand below the verdict, a paragraph each: what is not simulated.
    """
    warned = "".join(f'<p class="verdict">{escape(warning)}</p>\n' for warning in warnings)
    links = "".join(f'<a href="#{name}">{name}</a>' for name in sections)
    body = "\n".join(
        f'<section id="{name}">\n<h2>{name.capitalize()}</h2>\n{content}\n</section>'
        for name, content in sections.items()
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>
{_asset("report.css")}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="verdict">{escape(verdict)}</p>
{warned}<p class="soft">{escape(extent)}</p>
<nav aria-label="Sections">{links}</nav>
</header>
<main>
{body}
</main>
<footer><p class="soft">{escape(words)}</p></footer>
<script>
{_asset("sort.js")}</script>
</body>
</html>
"""


def _extent(data: StudyData) -> str:
    return f"{len(data.runs)} runs: {len(data.networks)} networks on {len(data.machines)} machines."


def _asset(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")
