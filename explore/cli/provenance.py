"""What made a folder: the command, the versions and what the workload says of itself, in provenance.json."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from accelsim.files import write_json

if TYPE_CHECKING:
    from accelsim.trace.workload import Workload

PROVENANCE = "provenance.json"
PACKAGES = ("accelsim", "numpy", "numba", "simpy")  # those that numbers depend on
WHERE_TO = ("out", "as_json", "html")  # options that change no number


def command_of(context: typer.Context) -> str:
    """The command line that asks for the same numbers, made of what was parsed."""
    words = [word for parameter in context.command.params for word in _words(parameter, context)]
    return shlex.join(["accelsim", str(context.info_name), *words])


def _words(parameter: Any, context: typer.Context) -> Iterator[str]:
    """An argument, or an option that is not at its default, as it is written on a command line."""
    value = context.params.get(parameter.name)
    if parameter.name in WHERE_TO or value is None or value == parameter.default:
        return
    if parameter.param_type_name == "argument":
        yield str(value)
    elif isinstance(value, bool):
        yield from [parameter.opts[0]] if value else []
    else:
        for one in value if isinstance(value, list | tuple) else [value]:
            yield from (parameter.opts[0], str(one))


def write_provenance(out: Path, command: str, workload: Workload) -> None:
    """Write provenance.json: command, versions, and the workload's own provenance with its seeds; no time."""
    versions = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    write_json(out / PROVENANCE, {"command": command, "versions": versions, "workload": dict(workload.provenance)})
