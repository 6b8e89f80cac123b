"""`accelsim schema`: what a machine's YAML may hold, for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from accelsim.files import write_text

from .output import Json
from .run import require_free_file


def schema(
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there instead of printing it.")] = None,
    as_json: Json = False,
) -> None:
    """Print the JSON schema of a machine's YAML: every part, every kind of array and every DRAM model, with bounds.

    Editors complete and check a YAML by it: its first line `# yaml-language-server: $schema=machine.schema.json` names
    it. The schema is JSON with and without --json.

    \b
    Example: accelsim schema --out machine.schema.json
    """
    from accelsim.hardware.schema import hardware_schema

    if out is not None:
        require_free_file(out)
    text = json.dumps(hardware_schema(), indent=1, allow_nan=False)
    if out is None or as_json:
        typer.echo(text)
    if out is not None:
        write_text(out, text + "\n")
    if out is not None and not as_json:
        typer.echo(f"wrote {out}")
