"""How a table fits a width: whole, as several tables that repeat its first columns, or row by row. No cell is cut."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import NamedTuple

TEXT_WIDTH = 24  # columns at least, where it has as many, for a text that is broken into lines
EDGES = 3  # columns beside a table
BETWEEN = 2  # columns between two of a table's

Row = tuple[str, ...]


class Column(NamedTuple):
    """A heading without its mark, how it stands, and how wide it is: at least, and where nothing is broken."""

    heading: str
    is_right: bool
    least: int
    natural: int


@dataclass(frozen=True)
class Table:
    """Columns and cells of a table; `keys` of its first columns say which row it is.

    >>> table = Table.of(("layer", ">cycles", ">stall"), [("conv1", "95,573", "1,204")], (), 1)
    >>> [[table.columns[place].heading for place in group] for group in table.groups(17)]
    [['layer', 'cycles'], ['layer', 'stall']]
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    keys: int

    @classmethod
    def of(cls, headings: Sequence[str], rows: Iterable[Sequence[object]], wraps: Collection[str], keys: int) -> Table:
        """Measured from its cells. Columns that `wraps` names are texts, which may be broken between words."""
        cells = tuple(tuple(map(str, row)) for row in rows)
        columns = tuple(
            _measured(heading, [row[i] for row in cells], heading in wraps) for i, heading in enumerate(headings)
        )
        return cls(columns, cells, keys)

    @property
    def least(self) -> int:
        """The width below which it has to be taken apart."""
        return _width([column.least for column in self.columns])

    def groups(self, width: int) -> list[list[int]]:
        """Places of its columns in tables that fit, the keys in each; empty where the keys and one more fit in none."""
        keys = list(range(self.keys))
        found: list[list[int]] = []
        for place in range(self.keys, len(self.columns)):
            if self._width([*keys, place]) > width:
                return []
            if found and self._width([*found[-1], place]) <= width:
                found[-1].append(place)
            else:
                found.append([*keys, place])
        return found or ([keys] if self._width(keys) <= width else [])

    def _width(self, group: Sequence[int]) -> int:
        return _width([self.columns[place].least for place in group])

    def stacked(self, width: int) -> Iterator[str]:
        """The table as text, a line a cell: heading and cell. Texts are broken between words, and words never."""
        indent = max((_length(column.heading) for column in self.columns), default=0) + BETWEEN
        for number, row in enumerate(self.rows):
            if number:
                yield ""
            for column, cell in zip(self.columns, row, strict=True):
                yield from _stacked_cell(column.heading, cell, indent, width)


def widths(group: Sequence[Column], width: int) -> list[int]:
    """The width of each column in a table of at most `width`: the least, and what is left for those that want more.

    >>> widths([Column("name", False, 4, 4), Column("text", False, 10, 90)], 30)
    [4, 21]
    """
    given = [column.least for column in group]
    for _ in range(width - _width(given)):
        lacking = [column.natural - now for column, now in zip(group, given, strict=True)]
        if max(lacking, default=0) <= 0:
            break
        given[lacking.index(max(lacking))] += 1
    return given


def _measured(heading: str, cells: Sequence[str], is_text: bool) -> Column:
    name = heading.removeprefix(">")
    natural = max(map(_length, [name, *cells]), default=0)
    words = (word for text in (name, *cells) for word in text.split())
    least = max(max(map(_length, words), default=0), min(natural, TEXT_WIDTH)) if is_text else natural
    return Column(name, heading.startswith(">"), least, natural)


def _stacked_cell(heading: str, cell: str, indent: int, width: int) -> Iterator[str]:
    room = max(width - indent, 1)
    lines = wrap(cell, room, break_long_words=False, break_on_hyphens=False) or [""]
    yield f"{heading}{' ' * (indent - _length(heading))}{lines[0]}".rstrip()
    yield from (f"{' ' * indent}{line}" for line in lines[1:])


def _width(columns: Sequence[int]) -> int:
    return sum(columns) + BETWEEN * max(len(columns) - 1, 0) + EDGES


def _length(text: str) -> int:
    """Columns that a terminal shows it in."""
    from rich.cells import cell_len

    return cell_len(text)
