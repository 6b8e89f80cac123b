"""SCALE-Sim's topology files, convolutions or GEMMs, as workloads of shapes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError, FileFormatError, TraceError
from accelsim.files import read_text
from accelsim.trace.conv import ConvGeometry
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.not_simulated import NotSimulated
from accelsim.trace.operand import Pattern
from accelsim.trace.workload import Workload

from .topology_lines import CONV_COLUMNS, Line, Row, columns_of, is_layer, lines_of, row_of

CSV_LIMIT_BYTES = 2**24
DEPTHWISE = "DP"  # in a layer's name
PARTIAL = ("refuse", "allow")
NUMBER = re.compile(
    r"[-+]?[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?\s*%?(\s*[:/x*]\s*[0-9]+)*", re.IGNORECASE
)  # 0.5, 50%, 2/4 too


def from_scalesim_csv(path: str | Path, batch: int = 1, *, partial: str = "refuse") -> Workload:
    """The layers of a topology file for `batch` inputs, read as SCALE-Sim 2 and 3 read it.

    The first line is a header, whatever it says; a layer's cells count by position: name, ifmap height and width,
    filter height and width, channels, filters and stride of a convolution, or name, M, N and K. Commas separate them,
    or tabs. A further cell "n:m" is the layer's sparsity: n of every m weights along K, drawn by seed; a ninth number
    of a convolution is its horizontal stride. A convolution with "DP" in its name is depthwise: each channel by itself,
    under as many filters as the row says. SCALE-Sim pads nothing and lets the last window overhang: the ofmap has
    ⌈(H − R + stride) / stride⌉ rows, and an ifmap that ends before the last window does is taken as large as that
    window needs. A name that occurs again gets "#2" and so on.

    Columns of remarks, and of ones (a batch of 1; zeros of padding), are named in `provenance["columns_not_read"]`. A
    column of further numbers, or a header that reads as a layer, is refused by name; with `partial` "allow" it is left
    out and named in `not_simulated`. Source:
    `topology_utils.py` of scalesim-project/scale-sim-v2 (versions 2 and 3). Raises MissingFileError, ConfigError for
    another `partial`, or FileFormatError naming line and column.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "net.csv"
    >>> _ = path.write_text("Layer, H, W, R, S, C, K, Stride, Sparsity,\\nconv_DP, 16, 16, 3, 3, 32, 1, 1, 1:2,\\n")
    >>> layer = from_scalesim_csv(path)["conv_DP"]
    >>> layer.shape, layer.groups, layer.pruned
    (Shape(M=196, N=1, K=9), 32, True)
    """
    if partial not in PARTIAL:
        raise ConfigError(f"partial is {partial!r:.60}; 'refuse' or 'allow' is expected")
    path = Path(path)
    where = f"topology {str(path)!r}"
    header, lines = _parts(read_text(path, "topology", CSV_LIMIT_BYTES), where)
    columns = columns_of(header, lines[0])
    rows = [row_of(line, columns, header, f"{where} line {line.number}") for line in lines]
    lost = (*_headless(header, columns, where), *_numbers_beyond(rows, lines, where))
    if lost and partial == "refuse":
        raise FileFormatError(lost[0][1])
    lower = _conv if columns is CONV_COLUMNS else _gemm
    labels = _labels(rows)
    traces = [
        lower(replace(row, name=label), batch, seed, f"{where} line {line.number}")
        for seed, (row, label, line) in enumerate(zip(rows, labels, lines, strict=True))
    ]
    facts = {"source": "scalesim", "file": path.name, "batch": batch, **_remarks(rows)}
    try:
        return Workload(path.stem, traces, facts, not_simulated=tuple(record for record, _ in lost))
    except TraceError as error:
        raise FileFormatError(f"{where}: {error}") from error


def _parts(text: str, where: str) -> tuple[Line, list[Line]]:
    """The header and the lines of layers."""
    lines = lines_of(text, where)
    if not lines:
        raise FileFormatError(f"{where} is empty; a header and at least one layer are expected")
    header, *rest = lines
    if not rest:
        raise FileFormatError(f"{where} holds no layers below its header")
    return header, rest


Lost = tuple[NotSimulated, str]  # a record, and the message that refuses it


def _headless(header: Line, columns: Sequence[str], where: str) -> list[Lost]:
    """A header that is a layer, which SCALE-Sim skips."""
    if not is_layer(header):
        return []
    name = header.cells[0] or f"line {header.number}"
    said = f"{where} line {header.number} reads as a layer, {name[:60]!r}; a header is expected, which is skipped"
    return [(NotSimulated(name, "layer in the place of the header"), said)]


def _numbers_beyond(rows: Sequence[Row], lines: Sequence[Line], where: str) -> list[Lost]:
    """Columns of numbers that no version of SCALE-Sim reads, by name, each once."""
    lost: dict[str, Lost] = {}
    for row, line in zip(rows, lines, strict=True):
        for column, cell in row.more:
            if _counts(column, cell) and column not in lost:
                said = f"{where} line {line.number}: column {column!r} is {cell[:40]!r}, a number that is not read"
                hint = "remove the column, or take the file without it by partial='allow'"
                lost[column] = (NotSimulated(column, "column that is not read"), f"{said}; {hint}")
    return list(lost.values())


def _remarks(rows: Sequence[Row]) -> dict[str, Any]:
    """The columns of words and of ones, for the provenance; nothing where there are none."""
    names = dict.fromkeys(column for row in rows for column, cell in row.more if not _counts(column, cell))
    return {"columns_not_read": list(names)} if names else {}


def _counts(column: str, cell: str) -> bool:
    """Whether a cell may stand for work: a number, but 1, and but 0 where the column is one of padding."""
    if NUMBER.fullmatch(cell) is None:
        return False
    neutral = {"0", "0:0"} if "pad" in column.lower() else {"1", "1.0", "100%"}
    return cell not in neutral


def _labels(rows: Sequence[Row]) -> list[str]:
    """Each layer's own name."""
    taken = {row.name for row in rows}
    count: dict[str, int] = {}
    labels = []
    for row in rows:
        count[row.name] = count.get(row.name, 0) + 1
        label = row.name
        while count[row.name] > 1 and label in taken:
            label = f"{row.name}#{count[row.name]}"
            count[row.name] += label in taken
        taken.add(label)
        labels.append(label)
    return labels


def _conv(row: Row, batch: int, seed: int, where: str) -> GemmTrace:
    height, width, rows, columns, channels, filters, stride = row.numbers
    for column, size, kernel in ((CONV_COLUMNS[3], height, rows), (CONV_COLUMNS[4], width, columns)):
        if kernel > size:
            raise FileFormatError(f"{where}: column {column!r} is {kernel}; at most the ifmap's {size} is expected")
    across = row.stride_width or stride
    sizes = [reached(height, rows, stride), reached(width, columns, across)]
    groups = channels if DEPTHWISE in row.name else 1
    try:
        geometry = ConvGeometry(batch, channels // groups, sizes[0], sizes[1], (rows, columns), (stride, across))
        return _sparse(
            GemmTrace(row.name, N=filters, groups=groups, conv=geometry, operation="mac", pruned=False), row, seed
        )
    except TraceError as error:
        raise FileFormatError(f"{where}: {error}") from error


def reached(size: int, kernel: int, stride: int) -> int:
    """The ifmap size at which ⌈(size − kernel + stride) / stride⌉ windows end exactly."""
    windows = -(-(size - kernel + stride) // stride)
    return kernel + (windows - 1) * stride


def _gemm(row: Row, batch: int, seed: int, where: str) -> GemmTrace:
    rows, filters, reduction = row.numbers
    try:
        shape = GemmTrace(row.name, M=rows * batch, N=filters, K=reduction, operation="mac", pruned=False)
        return _sparse(shape, row, seed)
    except TraceError as error:
        raise FileFormatError(f"{where}: {error}") from error


def _sparse(trace: GemmTrace, row: Row, seed: int) -> GemmTrace:
    """The layer with seeded random weights of its n:m, or as the shape that it is where n = m."""
    n, m = row.sparsity
    sparse: dict[str, Any] = {"weight": Pattern(1.0, 2 * seed, f"{n}:{m}"), "pruned": True}
    return trace if n == m else replace(trace, **sparse)
