"""Workload: the ordered traces of one network, kept in one .npz file that loads without pickle and without torch."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FileFormatError, TraceError, shortened, suggestion
from ..files import read_bytes, written_whole
from ..validation import is_integer
from .coverage import not_simulated_line, not_simulated_share
from .float_format import float_format
from .gemm import GemmTrace
from .graph import checked_graph, graph_from_record
from .not_simulated import NotSimulated, not_simulated_from_records, not_simulated_records
from .operator import Operator, operator_from_record
from .remarks import remarks_on
from .serialization import Arrays, describe, restore
from .shape import SIZE_LIMIT

FORMAT, VERSION = "accelsim-workload", 1
MANIFEST = "workload"  # the array that holds the JSON text as UTF-8 bytes; all others are operands
FILE_LIMIT_BYTES = 2**32
ARRAYS_LIMIT_BYTES = 2**33
LONGEST_LINE = 600  # characters of what is not simulated in a `repr`
_BROKEN = (ValueError, OSError, EOFError, KeyError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, eq=False)
class Workload:
    """The layers of a network as GEMM traces, in the order in which they run. `len`, `for` and `[name]` work on them.

    `provenance` says where they come from; it holds what JSON holds. `operators` are the network's work that is no
    GEMM, each after a trace or an operator listed before it. `graph` says of each trace and operator which others'
    outputs it reads, "" being the network's input, and under "" what the network returns; where it does not speak of
    all of them, who reads whom is inferred from sizes. `not_simulated` names the matrix work that is in none of them.
    Sequences are kept as tuples, and `dataclasses.replace` makes another workload with some of the six changed. Raises
    TraceError where there is no trace, where two have the same name (reports match layers by name), or where an
    operator's `after` is neither.

    >>> network = Workload("net", [GemmTrace("fc1", M=1, N=8, K=4), GemmTrace("fc2", M=1, N=2, K=8)])
    >>> len(network), network["fc2"].K, network.macs
    (2, 8, 48)
    """

    name: str
    traces: Sequence[GemmTrace]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    operators: Sequence[Operator] = ()
    graph: Mapping[str, Sequence[str]] = field(default_factory=dict)
    not_simulated: tuple[NotSimulated, ...] = ()

    def __post_init__(self) -> None:
        kinds = (("traces", tuple), ("provenance", dict), ("operators", tuple), ("not_simulated", tuple))
        for name, own in kinds:
            object.__setattr__(self, name, own(getattr(self, name) or ()))
        if not self.traces:
            raise TraceError(f"workload {self.name!r} has no traces; at least one is expected")
        _check_names(self.name, self.traces, self.operators)
        names = [*(trace.name for trace in self.traces), *(operator.name for operator in self.operators)]
        object.__setattr__(self, "graph", checked_graph(self.graph or {}, names, self.name))

    def __repr__(self) -> str:
        """One line: a network has many traces, and `manifest` has all that they hold."""
        sizes = f"{len(self.traces)} traces, {len(self.operators)} operators, {self.macs:,} MACs"
        left_out = f"; {shortened(self.not_simulated_line, LONGEST_LINE)}" if self.not_simulated else ""
        return f"Workload({shortened(self.name)!r}: {sizes}; .traces and .operators list them{left_out})"

    def __len__(self) -> int:
        return len(self.traces)

    def __iter__(self) -> Iterator[GemmTrace]:
        return iter(self.traces)

    def __getitem__(self, name: str) -> GemmTrace:
        for trace in self.traces:
            if trace.name == name:
                return trace
        raise KeyError(name)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all dense GEMMs, groups and repeats included."""
        return sum(trace.macs for trace in self.traces)

    @property
    def not_simulated_line(self) -> str:
        """What of the network its traces and operators leave out, and its share of the MACs; "" where nothing is."""
        return not_simulated_line(self.not_simulated, not_simulated_share(self.not_simulated, self.macs))

    @property
    def remarks(self) -> tuple[str, ...]:
        """A line each on what its provenance says that a reader of its numbers should know; often none."""
        return remarks_on(self.provenance)

    @property
    def batch(self) -> int:
        """How many inputs one run takes: the batch of its first convolution, else `batch` in its provenance, else 1.

        >>> Workload("net", [GemmTrace.from_conv("conv1", weight=(20, 1, 5, 5), ifmap=(4, 1, 28, 28))]).batch
        4
        """
        first = next((trace.conv for trace in self.traces if trace.conv is not None), None)
        if first is not None:
            return first.batch
        stated = self.provenance.get("batch", 1)
        return stated if is_integer(stated, 1, SIZE_LIMIT) else 1

    def in_float(self, name: str) -> Workload:
        """The same network in a floating-point format: fp32, fp16, bf16, fp8_e4m3, fp8_e5m2, or e<bits>m<bits>.

        Integers stand for what is zero alone. Raises TraceError for a format that is not known.

        >>> network = Workload("net", [GemmTrace("fc", M=1, N=8, K=4)]).in_float("bf16")
        >>> network["fc"].weight_coding, network["fc"].weight_bits, network.name
        ('float', 16, 'net')
        """
        bits = float_format(name).bits
        traces = [replace(trace, weight_coding="float", float_format=name) for trace in self.traces]
        operators = [replace(operator, activation_bits=bits) for operator in self.operators]
        return replace(self, traces=traces, operators=operators)

    def manifest(self) -> tuple[dict[str, Any], Arrays]:
        """All but the integers as a JSON object, and the integers by name; `from_manifest` takes both back."""
        arrays: Arrays = {}
        layers = [describe(trace, f"{i}.", arrays) for i, trace in enumerate(self.traces)]
        head = {"format": FORMAT, "version": VERSION, "name": self.name, "provenance": dict(self.provenance)}
        operators = {"operators": [operator.to_record() for operator in self.operators]} if self.operators else {}
        graph = {"graph": {reader: list(sources) for reader, sources in self.graph.items()}} if self.graph else {}
        left_out = {"not_simulated": not_simulated_records(self.not_simulated)} if self.not_simulated else {}
        return {**head, "layers": layers, **operators, **graph, **left_out}, arrays

    @classmethod
    def from_manifest(cls, manifest: Any, arrays: Mapping[str, NDArray[Any]], where: str) -> Workload:
        """The workload that `manifest()` described. FileFormatError, which begins with `where`, for anything else."""
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
            raise FileFormatError(f"{where} does not describe an {FORMAT} of version {VERSION}")
        name, layers, provenance = (manifest.get(key) for key in ("name", "layers", "provenance"))
        if not isinstance(name, str) or not isinstance(layers, list) or not isinstance(provenance, dict):
            raise FileFormatError(f"{where} lacks a name, a list of layers or an object of provenance")
        others = manifest.get("operators", [])  # files of networks without any have no such key
        if not isinstance(others, list):
            raise FileFormatError(f"{where}: operators is {repr(others)[:60]}; a list is expected")
        operators = [operator_from_record(entry, f"{where}: operator {i}") for i, entry in enumerate(others)]
        graph = graph_from_record(manifest.get("graph", {}), where)  # nor have those that know none
        left_out = not_simulated_from_records(manifest.get("not_simulated", []), where)
        left = dict(arrays)
        traces = [restore(entry, f"{i}.", left, f"{where}: layer {i}") for i, entry in enumerate(layers)]
        if left:
            raise FileFormatError(f"{where} holds an array {min(left)!r} that belongs to no layer")
        try:
            return cls(name, traces, provenance, operators, graph, left_out)
        except TraceError as error:
            raise FileFormatError(f"{where}: {error}") from error

    def save(self, path: str | Path) -> None:
        """Write one .npz, whole or not at all; the same workload gives the same bytes.

        Raises OutputError where it cannot be written, TraceError where the provenance holds more than JSON can.
        """
        manifest, arrays = self.manifest()
        try:
            text = json.dumps(manifest, sort_keys=True, allow_nan=False, default=_plain)
        except (TypeError, ValueError) as error:
            raise TraceError(f"provenance of workload {self.name!r} cannot be written as JSON: {error}") from error
        with written_whole(Path(path)) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file, allow_pickle=False, **{MANIFEST: np.frombuffer(text.encode(), np.uint8), **arrays}
            )

    @classmethod
    def load(cls, path: str | Path) -> Workload:
        """The workload that `save` wrote. MissingFileError or, for a file that is cut or foreign, FileFormatError."""
        where = f"workload {str(path)!r}"
        arrays = _arrays(read_bytes(Path(path), "workload", FILE_LIMIT_BYTES), where)
        text = arrays.pop(MANIFEST, None)
        if text is None or text.dtype != np.uint8 or text.ndim != 1:
            raise FileFormatError(f"{where} holds no {MANIFEST!r} text; a file written by Workload.save is expected")
        try:
            manifest = json.loads(text.tobytes())
        except (ValueError, RecursionError) as error:
            raise FileFormatError(f"{where}: its {MANIFEST!r} text is not valid JSON") from error
        return cls.from_manifest(manifest, arrays, where)


def _check_names(workload: str, traces: Sequence[GemmTrace], operators: Sequence[Operator]) -> None:
    names = [trace.name for trace in traces] + [operator.name for operator in operators]
    twice = [layer for layer, count in Counter(names).items() if count > 1]
    if twice:
        what = "trace" if twice[0] not in {operator.name for operator in operators} else "layer"
        raise TraceError(f"workload {workload!r} has more than one {what} named {twice[0]!r}; each needs its own name")
    known = {"", *(trace.name for trace in traces)}
    for operator in operators:
        if operator.after not in known:
            raise TraceError(
                f"operator {operator.name!r} of workload {workload!r} runs after {operator.after!r}, which is no trace "
                f"and no operator listed before it; {suggestion(operator.after, known - {''})}"
            )
        known.add(operator.name)


def _plain(value: Any) -> int | float:
    """numpy's numbers as JSON's."""
    if isinstance(value, np.integer | np.floating):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _arrays(content: bytes, where: str) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz; pickled objects are refused unread, and so is what would not fit in memory."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > ARRAYS_LIMIT_BYTES:
            raise FileFormatError(f"{where} unpacks to {size} bytes; at most {ARRAYS_LIMIT_BYTES} are read")
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: np.asarray(stored[name]) for name in stored.files}
    except FileFormatError:
        raise
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise FileFormatError(f"{where} is no .npz that Workload.save wrote: {reason}") from error
