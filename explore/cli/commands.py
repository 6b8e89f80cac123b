"""The `accelsim` command. Each command is a file of its name here and a line under "commands"."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

import accelsim

from . import (
    compare,
    compress,
    demo,
    diff,
    hw,
    pareto,
    plot,
    report,
    reproduce,
    run,
    schema,
    search,
    study,
    sweep,
    workload,
)
from .errors import OneLineErrors

app = typer.Typer(
    name="accelsim",
    cls=OneLineErrors,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# commands
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("compress")(compress.compress)
app.command("compare")(compare.compare)
app.command("diff")(diff.diff)
app.command("report")(report.report)
app.command("plot")(plot.plot)
app.command("study")(study.study)
app.command("sweep")(sweep.sweep)
app.command("search")(search.search)
app.command("pareto")(pareto.pareto)
app.command("reproduce")(reproduce.reproduce)
app.command("schema")(schema.schema)
app.add_typer(hw.app, name="hw")
app.add_typer(workload.app, name="workload")


@app.callback()
def accelsim_command(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Which compression pays on which accelerator: pruned and quantized networks on cycle-level hardware models.

    Sizes are in KiB and MiB (powers of 1024), bandwidths in GB/s (10⁹ bytes a second), energies in pJ to J.

    \b
    Example: accelsim run lenet5 --hw dense/os-32x32
    """
    if version:
        typer.echo(f"accelsim {accelsim.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """The entry point of the installed command."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that lacks a sign shows "?"
    try:
        app()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is said and written; only Python's own end is left
