"""`accelsim demo`: the main job, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from accelsim.files import require_writable

from .output import Json, make_console


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the report, the figures and the networks go.")] = Path(
        "out/demo"
    ),
    fast: Annotated[
        bool, typer.Option("--fast", help="Fewer digits, epochs and less compression; under 90 s.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Of the split, the training and the batches.")] = 0,
    as_json: Json = False,
) -> None:
    """Train LeNet-5 on digits, compress it six ways, simulate it on dense and sparse machines, and say what wins.

    JSON: what report.json in the folder holds: accuracy by network, verdict, runs, storage and provenance.

    \b
    Example: accelsim demo --fast --out out/demo
    """
    require_writable(out)
    from ..demo.study import run_demo

    run_demo(out, fast, seed=seed, console=None if as_json else make_console())
    if as_json:
        typer.echo((out / "report.json").read_text(encoding="utf-8"), nl=False)
