"""What a recipe file may hold: each value checked, each refusal one line with the key, the value and what would do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from accelsim.errors import ConfigError, suggestion
from accelsim.validation import is_number, is_whole

EPOCHS_LIMIT, SEED_LIMIT, BATCH_LIMIT, STEPS_LIMIT = 10_000, 2**31, 100_000, 1000
PARTS = ("elements", "filters", "channels", "columns")

Check = Callable[[Any, str], Any]  # (the value, the words that name its place) -> the value as it is used


def checked(content: Mapping[str, Any], checks: Mapping[str, Check], where: str) -> dict[str, Any]:
    """Every value of `content` through the check of its key; ConfigError for a key that has none."""
    require_known(content, checks, where)
    return {key: checks[key](value, f"{where}: {key}") for key, value in content.items()}


def require_known(content: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """ConfigError, with the nearest right name, for a key that is not among `known`."""
    known = list(dict.fromkeys(known))
    for key in content:
        if key not in known:
            raise ConfigError(f"{where} has no key {key[:60]!r}; {suggestion(key[:60], known)}")


def mapping(value: Any, where: str, expected: str = "a mapping") -> dict[str, Any]:
    """A mapping with text keys."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{where} is {value!r:.60}; {expected} is expected")
    return value


def text(value: Any, where: str) -> str:
    """A name."""
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where} is {value!r:.60}; a name is expected")
    return value


def named(value: Any, where: str) -> dict[str, Any]:
    """A name alone, or a mapping of `name` and settings."""
    if isinstance(value, str):
        return {"name": text(value, where)}
    entries = mapping(value, where, "a name, or a mapping with a name,")
    text(entries.get("name"), f"{where}: name")
    return entries


def settings(value: Any, where: str) -> dict[str, Any]:
    """What goes to a method by keyword."""
    return mapping(value, where, "a mapping of the method's settings")


def flag(value: Any, where: str) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ConfigError(f"{where} is {value!r:.60}; true or false is expected")
    return value


def epochs(value: Any, where: str) -> int:
    """An integer from 0."""
    return integer(value, 0, EPOCHS_LIMIT, where)


def seed(value: Any, where: str) -> int:
    """An integer from 0."""
    return integer(value, 0, SEED_LIMIT, where)


def batch(value: Any, where: str) -> int:
    """An integer from 1."""
    return integer(value, 1, BATCH_LIMIT, where)


def steps(value: Any, where: str) -> int:
    """An integer from 1."""
    return integer(value, 1, STEPS_LIMIT, where)


def integer(value: Any, least: int, most: int, where: str) -> int:
    """An integer between two bounds, both included."""
    if not is_whole(value, least, most):
        raise ConfigError(f"{where} is {value!r:.60}; an integer from {least} to {most} is expected")
    return value


def rate(value: Any, where: str) -> float:
    """A learning rate, or the share of one: above 0 and up to 1."""
    return number(value, 0, 1, where)


def number(value: Any, above: float, most: float, where: str) -> float:
    """A number above a bound and up to another."""
    if not is_number(value) or not above < value <= most:
        raise ConfigError(f"{where} is {value!r:.60}; a number above {above} and up to {most} is expected")
    return float(value)


def keep(value: Any, where: str) -> dict[str, Any]:
    """How much of each layer remains: elements, or a mapping of parts, each a count or a share (001 §IV-A)."""
    layers = mapping(value, where, "a mapping of layers to what they keep, such as {conv1: 50, fc1: {columns: 0.5}}")
    return {name: _parts(entry, f"{where}: {name[:60]}") for name, entry in layers.items()}


def _parts(value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        return _count_or_share(value, where)
    require_known(mapping(value, where), PARTS, where)
    if not value:
        raise ConfigError(f"{where} is empty; one or more of {', '.join(PARTS)} are expected")
    return {part: _count_or_share(entry, f"{where}: {part}") for part, entry in value.items()}


def _count_or_share(value: Any, where: str) -> int | float:
    if is_whole(value, 1):
        return value
    if isinstance(value, float) and 0 < value < 1:
        return value
    raise ConfigError(
        f"{where} is {value!r:.60}; a count of at least 1, or a share strictly between 0 and 1, is expected"
    )
