"""The `accelsim` command. Each command is a file `cli_<name>.py` and a line under "commands" here."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

import accelsim
from explore.cli import compare as cli_compare
from explore.cli import compress as cli_compress
from explore.cli import demo as cli_demo
from explore.cli import diff as cli_diff
from explore.cli import hw as cli_hw
from explore.cli import report as cli_report
from explore.cli import reproduce as cli_reproduce
from explore.cli import run as cli_run
from explore.cli import study as cli_study
from explore.cli import workload as cli_workload
from explore.cli.errors import OneLineErrors

app = typer.Typer(
    name="accelsim",
    cls=OneLineErrors,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# commands
app.command("demo")(cli_demo.demo)
app.command("run")(cli_run.run)
app.command("compress")(cli_compress.compress)
app.command("compare")(cli_compare.compare)
app.command("diff")(cli_diff.diff)
app.command("report")(cli_report.report)
app.command("study")(cli_study.study)
app.command("reproduce")(cli_reproduce.reproduce)
app.add_typer(cli_hw.app, name="hw")
app.add_typer(cli_workload.app, name="workload")


@app.callback()
def accelsim_command(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Which compression pays on which accelerator: pruned and quantized networks on cycle-level hardware models.

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
