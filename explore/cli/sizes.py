"""Open sizes of a model on the command line: the option --dim, and what is said of sizes that nobody gave."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from accelsim.errors import ConfigError

Dimensions = Annotated[
    list[str],
    typer.Option(
        "--dim",
        metavar="NAME=SIZE",
        help="Size of an open dimension of an .onnx model: H=224; image:2=224 by input and axis, 2=224 by axis, "
        "-1=224 of those without a name. May be repeated.",
    ),
]


def parse_dimensions(texts: Iterable[str]) -> dict[str, int]:
    """{name: size} from NAME=SIZE texts; ConfigError for anything else.

    >>> parse_dimensions(["H=224", "image:3=320", "-1=10"])
    {'H': 224, 'image:3': 320, '-1': 10}
    """
    sizes: dict[str, int] = {}
    for text in texts:
        name, equals, size = text.rpartition("=")
        if not equals or not size.strip().isdecimal():
            raise ConfigError(f"--dim {text[:100]!r} is no NAME=SIZE; H=224, for example, is expected")
        sizes[name.strip()] = int(size)
    return sizes


def tell_assumed(provenance: Mapping[str, Any]) -> None:
    """A line on stderr that names the sizes that were assumed, and how to give them; often none."""
    sizes = provenance.get("assumed_sizes")
    if sizes:
        told = ", ".join(f"{name} is {size}" for name, size in sizes.items())
        option = " ".join(f"--dim {name}=..." for name in sizes)
        print(f"open sizes that were not given: {told} here; {option} sets them", file=sys.stderr)
