"""Text on its way into a page: the one place where names become HTML or data of a script."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

# Controls but tab and newline, marks that turn the direction of writing, and halves of a character's pair.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def visible(value: object) -> str:
    r"""The text of `value` with a code in place of each character that cannot be seen or written in UTF-8.

    >>> visible("a\x1b[31m")
    'a\\x1b[31m'
    """
    return _UNSEEN.sub(_code, str(value))


def _code(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def shown(value: object) -> str:
    """`value` as text of an element, or of an attribute within double quotes: no markup is left in it.

    >>> shown("<b>7 & 8</b>")
    '&lt;b&gt;7 &amp; 8&lt;/b&gt;'
    """
    return escape(visible(value), quote=True)


def data_block(identifier: str, value: object) -> str:
    """Plain values as a block of JSON that no browser runs; nothing in it can end the block."""
    text = json.dumps(_visible_values(value), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return f'<script type="application/json" id="{shown(identifier)}">{text}</script>'


def _visible_values(value: object) -> Any:
    """The same values with every text made visible; numbers stay as they are."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {visible(key): _visible_values(entry) for key, entry in value.items()}
    if isinstance(value, Sequence):
        return [_visible_values(entry) for entry in value]
    return value
