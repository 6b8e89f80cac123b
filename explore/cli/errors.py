"""How the command line ends: one line on stderr, and 2 for the user's errors, 1 for ours, 130 when interrupted."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from accelsim.errors import AccelSimError, InternalError

OURS, USERS, INTERRUPTED = 1, 2, 130
MESSAGE_LIMIT = 900
UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # what every wrong option, argument or command raises


class OneLineErrors(TyperGroup):
    """A group of commands whose errors are one line on stderr, never wrapped, with no traceback where the user erred.

    A command raises AccelSimError (but InternalError), OSError or MemoryError for what the user can mend, and
    KeyboardInterrupt, whose message says how to go on, where it was interrupted.
    """

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command; ends the process, or the CliRunner's call, with SystemExit."""
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except Exception as error:
            code = report_error(error)
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Read the command line; an interruption is told as during the command."""
        with _interruption_told():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        with _interruption_told():
            return super().invoke(ctx)


@contextmanager
def _interruption_told() -> Iterator[None]:
    """Turn an interruption into one line on stderr and its exit code."""
    try:
        yield
    except KeyboardInterrupt as stop:
        typer.echo(_one_line(str(stop) or "interrupted"), err=True)
        raise typer.Exit(INTERRUPTED) from stop


def report_error(error: Exception) -> int:
    """Say what went wrong in one line on stderr, after a traceback where it is our fault; the exit code."""
    message = user_message(error)
    if message is None:
        traceback.print_exception(error)
        typer.echo(_one_line(f"internal error, please report it: {type(error).__name__}: {error}"), err=True)
        return OURS
    typer.echo(f"error: {_one_line(message)}", err=True)
    return USERS


def user_message(error: Exception) -> str | None:
    """What the user should read, or None where the error is ours."""
    if isinstance(error, UsageError):
        return f"{getattr(error, 'format_message', error.__str__)()} ({_help_command(error)} explains)"
    if isinstance(error, AccelSimError):
        return None if isinstance(error, InternalError) else str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {str(error.filename)[:200]!r}" if error.filename else str(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory for sizes like these; smaller ones are expected"
    return "aborted" if isinstance(error, typer.Abort) else None


def _help_command(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context is not None else 'accelsim'} --help"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MESSAGE_LIMIT else f"{line[: MESSAGE_LIMIT - 3]}..."
