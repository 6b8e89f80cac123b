"""Reading the fields of a JSON object that anybody may have written: each is checked, and what is wrong is named."""

from __future__ import annotations

from typing import Any

from ..errors import FileFormatError
from ..validation import is_number, is_whole
from .shape import SIZE_LIMIT


class RecordReader:
    """Fields of a JSON object, each checked as it is read."""

    def __init__(self, record: Any, where: str) -> None:
        self.where = where
        if not isinstance(record, dict):
            raise FileFormatError(f"{where} is {_short(record)}; an object is expected")
        self.record = record

    def value(self, key: str) -> Any:
        """Anything that is there."""
        if key not in self.record:
            raise FileFormatError(f"{self.where}: {key} is missing")
        return self.record[key]

    def part(self, key: str) -> RecordReader:
        """An object within the object."""
        return RecordReader(self.value(key), f"{self.where}: {key}")

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self.value(key)
        if not isinstance(value, str) or not value:
            raise self._wrong(key, value, "a text")
        return value

    def whole(self, key: str, least: int, most: int = SIZE_LIMIT) -> int:
        """An integer within bounds."""
        value: Any = self.record.get(key)
        if is_whole(value, least, most):
            return value
        raise self._wrong(key, self.value(key), f"an integer from {least} to {most}")

    def wholes(self, key: str, count: int, least: int) -> tuple[int, ...]:
        """So many integers of at least `least`."""
        value = self.value(key)
        if not isinstance(value, list) or len(value) != count or not all(is_whole(v, least, SIZE_LIMIT) for v in value):
            raise self._wrong(key, value, f"{count} integers of at least {least}")
        return tuple(value)

    def pair(self, key: str, least: int) -> tuple[int, ...]:
        """Two integers of at least `least`, (vertical, horizontal), or one that stands for both."""
        if isinstance(self.record.get(key), list):
            return self.wholes(key, 2, least)
        return (self.whole(key, least),) * 2

    def flag(self, key: str) -> bool:
        """true or false."""
        value = self.value(key)
        if not isinstance(value, bool):
            raise self._wrong(key, value, "true or false")
        return value

    def fraction(self, key: str) -> float:
        """A number from 0 to 1."""
        value = self.value(key)
        if not is_number(value) or not 0 <= value <= 1:
            raise self._wrong(key, value, "a number from 0 to 1")
        return float(value)

    def _wrong(self, key: str, value: Any, expected: str) -> FileFormatError:
        return FileFormatError(f"{self.where}: {key} is {_short(value)}; {expected} is expected")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
