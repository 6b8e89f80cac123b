"""The `accelsim` command: a file a command, and what they share."""

from .commands import app, main

__all__ = ["app", "main"]
