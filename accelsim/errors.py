"""Every error that the project raises, one class a failure; each is also the standard type that callers expect."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST_NAME = 80  # shown in a message


class AccelSimError(Exception):
    """Root of all errors below. A message is one line: what, where, what would be right."""


class ConfigError(AccelSimError, ValueError):
    """A hardware, recipe or sweep configuration has an unknown key, a wrong type or a value out of range.

    `faults` are all that is wrong with it, a sentence each, where a whole configuration was read; the message has one.
    """

    faults: tuple[str, ...] = ()


class UnknownNameError(AccelSimError, LookupError):
    """No workload, hardware, array, method or layer has this name; the message holds the nearest one."""


class MissingFileError(AccelSimError, FileNotFoundError):
    """A file or folder that the user named is not there."""


class FileFormatError(AccelSimError, ValueError):
    """A file is there, but its content is not what its kind promises."""


class OutputError(AccelSimError, OSError):
    """The place to write to is no folder, or cannot be written."""


class TraceError(AccelSimError, ValueError):
    """A GEMM trace's shapes, values or bits contradict each other."""


class UnsupportedLayerError(AccelSimError, ValueError):
    """An array cannot run this layer, and the hardware declares no fallback."""


class MappingError(AccelSimError, ValueError):
    """No tile of the layer fits the buffers; the message says what would."""


class CompressionError(AccelSimError, ValueError):
    """A compression setting or a model that the method cannot work on."""


class VerificationError(AccelSimError, ArithmeticError):
    """The functional datapath and the exact integer GEMM disagree."""


class InternalError(AccelSimError, RuntimeError):
    """An invariant of the simulator does not hold: our fault, never the user's."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, or None where nothing is close."""
    options = {k.lower(): k for k in known}
    matches = difflib.get_close_matches(name.lower(), options, n=1, cutoff=0.5)
    return options[matches[0]] if matches else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or the list of what is known where nothing is close."""
    known = sorted(known)
    close = nearest(name, known)
    return f"did you mean {close!r}?" if close else f"known: {', '.join(known)}"


def unknown_name(what: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for a `what` (workload, hardware, layer ...) that nobody knows."""
    name = shortened(name)
    return UnknownNameError(f"unknown {what} {name!r}; {suggestion(name, known)}")


def shortened(text: str, most: int = LONGEST_NAME) -> str:
    """The text, or its beginning and "..." where it has more than `most` characters.

    >>> shortened("x" * 5, 3)
    'xxx...'
    """
    return text if len(text) <= most else f"{text[:most]}..."
