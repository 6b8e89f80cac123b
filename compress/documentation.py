"""docs/compression.md from the methods' own docstrings: `python -m compress.documentation PATH` writes it."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, get_type_hints

from accelsim.files import write_text

from .base import Compressor
from .registry import Method, factory, methods

PAPERS = {
    "000": "Duke, efficient and robust networks (000)",
    "001": "ADMM-NN-S (001)",
    "003": "the survey of pruning and quantization (003)",
    "004": "differentiable mask pruning (004)",
    "ext": "other papers",
}
HEAD = """# Compression methods

Written by `make docs-compression` from the docstrings; edit those.

Every method goes through the same loop: `method = compress.create(NAME, model, example_input=x, **settings)`.
"""


def document() -> str:
    """The whole page: the methods' common contract, a table of all, then each with its settings."""
    parts = [HEAD, _contract(), _table(methods())]
    by_paper = sorted(methods(), key=lambda method: list(PAPERS).index(method.paper))  # stable: their order stays
    for paper, listed in groupby(by_paper, key=lambda method: method.paper):
        parts += [f"## From {PAPERS[paper]}\n", *(_section(method) for method in listed)]
    parts += ["## The classes behind them\n", *_classes()]
    return "\n".join(parts).rstrip() + "\n"


def _contract() -> str:
    return f"{_text(Compressor)}\n"


def _table(listed: list[Method]) -> str:
    rows = [f"| [{m.name}](#{m.name}) | {m.family} | {m.paper} | {m.where} |" for m in listed]
    return "\n".join(["| method | family | paper | where |", "|---|---|---|---|", *rows, ""])


def _section(method: Method) -> str:
    maker = factory(method.name)
    lines = [f"### {method.name}", "", f"{method.family}; paper {method.paper}, {method.where}.", "", _text(maker), ""]
    if not isinstance(maker, type):  # a function over a class, where the mechanism stands
        name = _class_of(maker).__name__
        lines += [f"Its class is [`{name}`](#{name.lower()}).", ""]
    settings = list(_settings(maker))
    return "\n".join([*lines, "| setting | default |", "|---|---|", *settings, ""]) if settings else "\n".join(lines)


def _classes() -> Iterator[str]:
    """The classes that functions make, each once."""
    classes = dict.fromkeys(_class_of(factory(m.name)) for m in methods() if not isinstance(factory(m.name), type))
    for kind in classes:
        yield f"### {kind.__name__}\n\n{_text(kind)}\n"


def _class_of(maker: Any) -> type[Compressor]:
    """What a factory says that it returns."""
    kind: type[Compressor] = get_type_hints(maker, vars(sys.modules[maker.__module__]))["return"]
    return kind


def _settings(maker: Any) -> Iterator[str]:
    for name, parameter in inspect.signature(maker).parameters.items():
        if name not in ("model", "example_input"):
            yield f"| `{name}` | `{parameter.default!r}` |"


def _text(thing: Any) -> str:
    """A docstring as Markdown: its paragraphs, and its examples as code."""
    return "\n\n".join(map(_paragraph, (inspect.getdoc(thing) or "").split("\n\n")))


def _paragraph(text: str) -> str:
    """Signs that Markdown would take for its own are escaped, but in code."""
    if text.startswith(">>>"):
        return f"```python\n{text}\n```"
    text = re.sub(r"(?<!`)([*_|<])(?!`)", r"\\\1", text)
    return re.sub(r"`[^`]*`", lambda code: code[0].replace("\\", ""), text)


if __name__ == "__main__":
    write_text(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/compression.md"), document())
