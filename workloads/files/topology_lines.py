"""The lines of a SCALE-Sim topology file, by position: what each cell of a layer is, whatever the header calls it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accelsim.errors import FileFormatError

NUMBER_LIMIT = 2**31
CONV_COLUMNS = (
    *("Layer name", "IFMAP Height", "IFMAP Width", "Filter Height", "Filter Width"),
    *("Channels", "Num Filter", "Strides"),
)
GEMM_COLUMNS = ("Layer", "M", "N", "K")
RATIO = re.compile(r"([0-9]{1,4})\s*:\s*([0-9]{1,4})")


@dataclass(frozen=True)
class Line:
    """One line that holds anything: its number from 1, and its cells."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A layer by position: its numbers in the order of the columns, and what stands behind them.

    `stride_width` is a ninth number of a conv row, `sparsity` (n, m) of a cell "n:m"; `more` are the other cells that
    are not empty, by the name that the header has for their column.
    """

    name: str
    numbers: tuple[int, ...]
    stride_width: int | None = None
    sparsity: tuple[int, int] = (1, 1)
    more: tuple[tuple[str, str], ...] = ()


def lines_of(text: str, where: str) -> list[Line]:
    """Every line with a cell that is not empty. A line is cut at its commas, or at tabs where it has none.

    Empty cells at its end are none, as spreadsheets write them, nor is a remark there ("#dw"). Lines below the
    first that are a remark altogether are left out.
    """
    lines = list(_lines(text, where))
    return lines[:1] + [line for line in lines[1:] if is_layer(line) or not line.cells[0].startswith("#")]


def _lines(text: str, where: str) -> Iterator[Line]:
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        separator = "," if "," in line else "\t"
        try:
            cells = next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True), [])
        except csv.Error as error:
            raise FileFormatError(f"{where} line {number}: not valid CSV: {error}") from error
        stripped = [cell.strip() for cell in cells]
        if len(stripped) > 1 and stripped[-1].startswith("#"):
            stripped.pop()
        while stripped and not stripped[-1]:
            stripped.pop()
        if stripped:
            yield Line(number, tuple(stripped))


def columns_of(header: Line, first: Line) -> tuple[str, ...]:
    """The form of a file: convolutions where the header or the first layer has eight cells or more, else GEMMs."""
    return CONV_COLUMNS if max(len(header.cells), len(first.cells)) >= len(CONV_COLUMNS) else GEMM_COLUMNS


def is_layer(line: Line) -> bool:
    """Whether a line holds a name and numbers, as a layer does and a header does not."""
    return len(line.cells) >= len(GEMM_COLUMNS) and all(cell.isdecimal() for cell in line.cells[1:4])


def row_of(line: Line, columns: Sequence[str], header: Line, where: str) -> Row:
    """A layer's cells as numbers; FileFormatError with the column where one is missing or no number."""
    cells, count = line.cells, len(columns)
    if len(cells) < count:
        missing = f"column {columns[len(cells)]!r} is missing"
        raise FileFormatError(f"{where} has {len(cells)} columns, {missing}; {count} are expected")
    if not cells[0]:
        raise FileFormatError(f"{where}: column {columns[0]!r} is empty; a name is expected")
    pairs = zip(columns[1:], cells[1:count], strict=True)
    numbers = tuple(number_of(cell, f"{where}: column {column!r}") for column, cell in pairs)
    named = [(_name(header, place), cells[place]) for place in range(count, len(cells)) if cells[place]]
    ratios = [cell for _, cell in named if RATIO.fullmatch(cell)]
    if len(ratios) > 1:
        raise FileFormatError(f"{where} holds more than one sparsity, {', '.join(ratios)[:60]}; one is expected")
    more = [entry for entry in named if entry[1] not in ratios]
    width = None
    if columns is CONV_COLUMNS and _holds_stride(cells, header):
        column, cell = more.pop(0)
        width = number_of(cell, f"{where}: column {column!r}")
    return Row(cells[0], numbers, width, _ratio(ratios, where), tuple(more))


def number_of(cell: str, where: str) -> int:
    """A whole number from 1."""
    if not re.fullmatch(r"[0-9]{1,10}", cell) or not 1 <= int(cell) <= NUMBER_LIMIT:
        raise FileFormatError(f"{where} is {cell[:40]!r}; a whole number from 1 to {NUMBER_LIMIT} is expected")
    return int(cell)


def _ratio(ratios: Sequence[str], where: str) -> tuple[int, int]:
    """(n, m) of "n:m", 1:1 where there is none."""
    n, m = map(int, ratios[0].split(":")) if ratios else (1, 1)
    if not 1 <= n <= m:
        raise FileFormatError(f"{where}: the sparsity is {ratios[0]!r}; n:m with 1 <= n <= m is expected")
    return n, m


def _holds_stride(cells: Sequence[str], header: Line) -> bool:
    """Whether the ninth cell of a conv row is the horizontal stride: a number that the header calls nothing else."""
    place = len(CONV_COLUMNS)
    if len(cells) <= place or not cells[place].isdecimal():
        return False
    return len(header.cells) <= place or "stride" in header.cells[place].lower()


def _name(header: Line, place: int) -> str:
    """What the header calls a column, or its number from 1."""
    named = header.cells[place] if place < len(header.cells) else ""
    return named[:60] or f"column {place + 1}"
