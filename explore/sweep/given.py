"""What a sweep file or a caller gives, checked: lists, values of a field, keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError, suggestion


def listed(value: Any, field: str, of: str, where: str) -> Sequence[Any]:
    """A list that is not empty, or ConfigError."""
    if isinstance(value, str | Path | Mapping) or not isinstance(value, Sequence):
        raise ConfigError(f"{where}: {field} is {value!r:.60}; a list of {of} is expected")
    if not value:
        raise ConfigError(f"{where}: {field} is empty; a list of {of} is expected")
    return value


def options(value: Any, where: str) -> list[Any]:
    """The values of one field: a list of different ones; a single value stands for a list of it."""
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        return [value]
    if not value:
        raise ConfigError(f"{where} is empty; a list of values is expected")
    (text, count), *_ = Counter(map(repr, value)).most_common(1)
    if count > 1:
        raise ConfigError(f"{where} holds {text:.60} twice; different values are expected")
    return list(value)


def require_keys(entry: Mapping[Any, Any], known: Sequence[str], where: str) -> None:
    """ConfigError for a key that nobody knows, with the nearest one."""
    for key in entry:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {str(key)[:60]!r}; {suggestion(str(key), known)}")


def placed(text: str, folder: Path | None) -> str:
    """Where a path that a sweep file names lies: beside the file where something is there, else where it says."""
    beside = folder / text if folder is not None else Path(text)
    return str(beside) if beside.exists() else text
