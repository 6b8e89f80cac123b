"""SCALE-Sim's topology files, convolutions or GEMMs, as workloads of shapes."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from accelsim.errors import FileFormatError, TraceError
from accelsim.files import read_text
from accelsim.trace.conv import ConvGeometry
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.workload import Workload

CSV_LIMIT_BYTES = 2**24
NUMBER_LIMIT = 2**31
CONV_COLUMNS = (
    *("Layer name", "IFMAP Height", "IFMAP Width", "Filter Height", "Filter Width"),
    *("Channels", "Num Filter", "Strides"),
)
GEMM_COLUMNS = ("Layer", "M", "N", "K")


def from_scalesim_csv(path: str | Path, batch: int = 1) -> Workload:
    """The layers of a topology file with the columns of CONV_COLUMNS or GEMM_COLUMNS, for `batch` inputs.

    SCALE-Sim pads nothing and lets the last window overhang: the ofmap has ⌈(H − R + stride) / stride⌉ rows, and an
    ifmap that ends before the last window does is taken as large as that window needs. A name that occurs again gets
    "#2" and so on. Raises MissingFileError, or FileFormatError naming line and column.
    """
    path = Path(path)
    where = f"topology {str(path)!r}"
    (_, header), *rows = _lines(read_text(path, "topology", CSV_LIMIT_BYTES), where)
    columns = _columns(header, where)
    lower = _conv if columns is CONV_COLUMNS else _gemm
    traces: list[GemmTrace] = []
    names: dict[str, int] = {}
    for line, cells in rows:
        name, numbers = _row(cells, columns, f"{where} line {line}")
        names[name] = names.get(name, 0) + 1
        label = name if names[name] == 1 else f"{name}#{names[name]}"
        traces.append(lower(label, numbers, batch, f"{where} line {line}"))
    if not traces:
        raise FileFormatError(f"{where} holds no layers below its header")
    try:
        return Workload(path.stem, traces, {"source": "scalesim", "file": path.name, "batch": batch})
    except TraceError as error:
        raise FileFormatError(f"{where}: {error}") from error


def _lines(text: str, where: str) -> list[tuple[int, list[str]]]:
    """(line number, cells) of every line that holds anything, the empty cell behind a last comma dropped."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True, skipinitialspace=True)
    lines = []
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                lines.append((reader.line_num, stripped[:-1] if stripped[-1] == "" else stripped))
    except csv.Error as error:
        raise FileFormatError(f"{where} line {reader.line_num}: not valid CSV: {error}") from error
    if not lines:
        raise FileFormatError(f"{where} is empty; a header and at least one layer are expected")
    return lines


def _columns(header: list[str], where: str) -> tuple[str, ...]:
    """Which of the two forms a header announces."""
    for columns in (CONV_COLUMNS, GEMM_COLUMNS):
        if [_plain(cell) for cell in header] == [_plain(column) for column in columns]:
            return columns
    shown = ", ".join(header)[:80]
    forms = " or ".join(repr(", ".join(columns)) for columns in (CONV_COLUMNS, GEMM_COLUMNS))
    raise FileFormatError(f"{where} line 1: the header is {shown!r}; {forms} is expected")


def _plain(cell: str) -> str:
    """A column's name in lower case, without spaces, the word "name" and a plural's s."""
    return re.sub(r"[^a-z]", "", cell.lower()).removesuffix("name").removesuffix("s")


def _row(cells: list[str], columns: tuple[str, ...], where: str) -> tuple[str, list[int]]:
    """A layer's name and its numbers."""
    if len(cells) != len(columns):
        missing = f", column {columns[len(cells)]!r} is missing" if len(cells) < len(columns) else ""
        raise FileFormatError(f"{where} has {len(cells)} columns{missing}; {len(columns)} are expected")
    if not cells[0]:
        raise FileFormatError(f"{where}: column {columns[0]!r} is empty; a name is expected")
    pairs = zip(columns[1:], cells[1:], strict=True)
    return cells[0], [_number(cell, f"{where}: column {column!r}") for column, cell in pairs]


def _number(cell: str, where: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", cell) or not 1 <= int(cell) <= NUMBER_LIMIT:
        raise FileFormatError(f"{where} is {cell[:40]!r}; a whole number from 1 to {NUMBER_LIMIT} is expected")
    return int(cell)


def _conv(name: str, numbers: list[int], batch: int, where: str) -> GemmTrace:
    height, width, rows, columns, channels, filters, stride = numbers
    for column, size, kernel in ((CONV_COLUMNS[3], height, rows), (CONV_COLUMNS[4], width, columns)):
        if kernel > size:
            raise FileFormatError(f"{where}: column {column!r} is {kernel}; at most the ifmap's {size} is expected")
    sizes = [reached(height, rows, stride), reached(width, columns, stride)]
    try:
        geometry = ConvGeometry(batch, channels, sizes[0], sizes[1], (rows, columns), (stride, stride))
        return GemmTrace(name, N=filters, conv=geometry, operation="mac", pruned=False)
    except TraceError as error:
        raise FileFormatError(f"{where}: {error}") from error


def reached(size: int, kernel: int, stride: int) -> int:
    """The ifmap size at which ⌈(size − kernel + stride) / stride⌉ windows end exactly."""
    windows = -(-(size - kernel + stride) // stride)
    return kernel + (windows - 1) * stride


def _gemm(name: str, numbers: list[int], batch: int, where: str) -> GemmTrace:
    rows, filters, reduction = numbers
    try:
        return GemmTrace(name, M=rows * batch, N=filters, K=reduction, operation="mac", pruned=False)
    except TraceError as error:
        raise FileFormatError(f"{where}: {error}") from error
