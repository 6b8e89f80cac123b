"""One page: what was found in a sentence, what its words mean, then its parts. One file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from .text import shown

# A picture is within the page (data:) or made by it, when a reader saves a figure (blob:).
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"
PLOTLY = "vendor/plotly-basic.min.js"
SCRIPTS, INTERACTIVE = ("sort.js", "filter.js", "choose.js"), (PLOTLY, "scatter.js")


@dataclass(frozen=True)
class Part:
    """A section of a page: its `name` is its identifier, `content` HTML in which every name is escaped.

    `interactive` asks for the plotting library, which no other page carries.
    """

    name: str
    title: str
    content: str
    interactive: bool = False


@dataclass(frozen=True)
class Page:
    """A whole page: its answer in a sentence or more, its extent in a line, what its words mean, and its parts.

    `warnings` stand below the answer, a paragraph each: what is not simulated, what is assumed. Parts without content
    are left out. The same parts give the same bytes: no time stands in a page.
    """

    title: str
    answer: str
    parts: Sequence[Part]
    extent: str = ""
    definitions: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    def html(self) -> str:
        """The text. Style, scripts and figures are inside, and its policy forbids it to fetch anything."""
        parts = [part for part in self.parts if part.content]
        links = "".join(f'<a href="#{shown(part.name)}">{shown(part.title)}</a>' for part in parts)
        scripts = (*SCRIPTS, *(INTERACTIVE if any(part.interactive for part in parts) else ()))
        return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{shown(self.title)}</title>
<style>
{asset("report.css")}</style>
</head>
<body>
<header>
<h1>{shown(self.title)}</h1>
<p class="verdict">{shown(self.answer)}</p>
{self._head()}<nav aria-label="Sections">{links}</nav>
</header>
<main>
{"".join(map(_section, parts))}</main>
{"".join(f"<script>{_newline}{asset(name)}</script>{_newline}" for name in scripts)}</body>
</html>
"""

    def _head(self) -> str:
        """Warnings, extent and definitions."""
        lines = [f'<p class="warning">{shown(warning)}</p>' for warning in self.warnings]
        lines += [f'<p class="soft">{shown(self.extent)}</p>'] if self.extent else []
        if self.definitions:
            terms = "".join(
                f"<dt>{shown(term)}</dt><dd>{shown(words)}</dd>" for term, words in self.definitions.items()
            )
            lines.append(
                f'<details class="words" open><summary>What the words mean</summary><dl>{terms}</dl></details>'
            )
        return "".join(f"{line}\n" for line in lines)


_newline = "\n"  # Python 3.11 has no backslash within an f-string's braces


def _section(part: Part) -> str:
    return f'<section id="{shown(part.name)}">\n<h2>{shown(part.title)}</h2>\n{part.content}\n</section>\n'


def asset(name: str) -> str:
    """The text of a file beside this one."""
    place = files(__package__)
    for step in name.split("/"):
        place = place / step
    return place.read_text("utf-8")
