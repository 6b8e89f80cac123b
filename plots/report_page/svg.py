"""SVG files made fit to stand inside an HTML page, several beside each other."""

from __future__ import annotations

import re
from html import escape

_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_NAMESPACE = re.compile(r'\s+xmlns(:\w+)?="[^"]*"')
_SIZE = re.compile(r'\s(width|height)="[^"]*"')
_IDENTIFIER = re.compile(r'(\bid="|href="#|url\(#)')


def inline_svg(text: str, name: str, caption: str) -> str:
    """The `svg` element of an SVG file: no prolog, metadata or fixed size, its identifiers behind `name`.

    Two figures define the same glyphs under the same names; behind their own names they no longer clash.
    """
    start = text.index("<svg")
    head, rest = text[start:].split(">", 1)
    head = _SIZE.sub("", _NAMESPACE.sub("", head))
    body = _IDENTIFIER.sub(lambda match: f"{match[0]}{name}-", _METADATA.sub("", rest))
    return f'{head} role="img" aria-label="{escape(caption)}">{body.strip()}'
