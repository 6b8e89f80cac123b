"""Tables VIII to XIV of 001: every storage cell from the row's other printed figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from typing import Any, NamedTuple

import workloads
from accelsim.files import parse_yaml
from accelsim.formats.arithmetic import absolute_store_bits, best_relative_width, relative_store_bits

from .cell import Cell, Interval, Printed

BASELINE_BITS = 32
Row = Mapping[str, Any]
Matrices = list[tuple[int, int]]  # (filters, reduction) of each CONV layer


@lru_cache(maxsize=1)
def published_tables() -> dict[str, dict[str, Any]]:
    """The tables as printed, by number."""
    text = (files("explore") / "data" / "admm_nn_s_tables.yaml").read_text("utf-8")
    return dict(parse_yaml(text, "the tables of 001"))


class Paired(NamedTuple):
    """Two rows of ADMM-NN-S at the same accuracy.

    `name`: table and network, with the pair's number where the table has several.
    """

    table: str
    name: str
    sparse: Row
    structured: Row


def paired_rows() -> list[Paired]:
    """Every pair of a non-structured and a structured row that the tables compare."""
    rows = []
    for number, table in published_tables().items():
        pairs: dict[int, dict[str, Row]] = {}
        for row in table["rows"]:
            if "pair" in row:
                pairs.setdefault(row["pair"], {})[row["branch"]] = row
        for pair, of in pairs.items():
            name = f"{number} {table['network']}" + (f" ({pair})" if len(pairs) > 1 else "")
            rows.append(Paired(number, name, of["non-structured"], of["structured"]))
    return rows


def row_name(row: Row) -> str:
    """What a row's cells are called: branch and method."""
    return f"{row['branch']}: {row['method']}"


def storage_table(number: str) -> list[Cell]:
    """All cells of one table that follow, or should, from others of it."""
    table = published_tables()[number]
    baseline = table["rows"][0]
    return [cell for row in table["rows"] for cell in _Row(number, table, row, baseline).cells()]


@dataclass(frozen=True)
class _Row:
    """One row of a table and what its cells are computed from."""

    number: str
    table: Mapping[str, Any]
    row: Row
    baseline: Row

    def cells(self) -> Iterator[Cell]:
        """The row's cells from left to right."""
        steps = {
            "weights": self._weights,
            "weight_store": self._weight_store,
            "relative": self._relative if self.is_sparse else partial(self._same_as_weights, "relative"),
            "absolute": self._absolute if self.is_sparse else partial(self._same_as_weights, "absolute"),
            "compress": self._compress,
        }
        for column, step in steps.items():
            if column in self.row and not (column == "weights" and self.row is self.baseline):
                yield step()
        if self.row["branch"] == "structured" and "compress" in self.row:
            yield self._compress_by_rate()

    @property
    def is_sparse(self) -> bool:
        """Whether the row stores indices."""
        return bool(self.row["branch"] == "non-structured")

    @property
    def name(self) -> str:
        """Branch and method."""
        return row_name(self.row)

    def _at(self, column: str, row: Row | None = None) -> Printed:
        return Printed.read((row or self.row)[column])

    def _cell(self, column: str, ours: Interval, value: float, rule: str, bound: bool = False, note: str = "") -> Cell:
        return Cell(self.number, self.name, column, self._at(column), ours, value, rule, bound, note)

    def _weights(self) -> Cell:
        rate, other = self._at("rate"), self.row.get("rate_of")
        if other:
            whole = float(_parameters(other))
            return self._cell(
                "weights", Interval(whole, whole) / rate.interval, whole / rate.value, "N / rate", note=f"N of {other}"
            )
        before = self._at("weights", self.baseline)
        return self._cell("weights", before.interval / rate.interval, before.value / rate.value, "N / rate")

    def _weight_store(self) -> Cell:
        weights, bits = self._at("weights"), float(self.row["bits"])
        return self._cell("weight_store", weights.interval * bits, weights.value * bits, "n · b")

    def _same_as_weights(self, column: str) -> Cell:
        store = self._at("weight_store")
        return self._cell(column, store.interval, store.value, "weight store")

    def _relative(self) -> Cell:
        weights, whole, bits = self._at("weights"), self._at("weights", self.baseline), int(self.row["bits"])
        given = self.row.get("index_bits")
        width = int(given or best_relative_width(weights.value, weights.value / whole.value, bits))

        def store(n: float) -> float:
            return relative_store_bits(n, n / whole.value, bits, width)

        origin = "printed" if given else "the best"
        rule = f"n / (1 − (1 − d)^(2^k)) · (b + k), k = {width}"
        return self._cell(
            "relative", weights.interval.increasing(store), store(weights.value), rule, True, f"k is {origin}"
        )

    def _absolute(self) -> Cell:
        weights, bits = self._at("weights"), int(self.row["bits"])
        extents = sum(absolute_store_bits(0, rows, columns, bits) for rows, columns in self._matrices())

        def store(n: float) -> float:
            return absolute_store_bits(int(n), 0, 1, bits) + extents

        rule = "n · (b + 6) + 13 a matrix row of each 64-wide block column"
        source = self.table.get("shapes_source") or f"shapes of the zoo's {self.table['shapes']}"
        return self._cell("absolute", weights.interval.increasing(store), store(weights.value), rule, note=str(source))

    def _matrices(self) -> Matrices:
        shapes = self.table["shapes"]
        return _conv_matrices(shapes) if isinstance(shapes, str) else [(n, k) for n, k in shapes]

    def _compress(self) -> Cell:
        before, now = self._at("relative", self.baseline), self._at("relative")
        rule = "baseline ÷ relative storage"
        return self._cell("compress", before.interval / now.interval, before.value / now.value, rule)

    def _compress_by_rate(self) -> Cell:
        rate, fewer_bits = self._at("rate"), BASELINE_BITS / int(self.row["bits"])
        return self._cell("compress", rate.interval * fewer_bits, rate.value * fewer_bits, "rate · 32 / b")


@lru_cache(maxsize=8)
def _conv_matrices(network: str) -> Matrices:
    traces = workloads.load(network).traces
    return [(trace.groups * trace.N, trace.K) for trace in traces if trace.kind == "conv"]


@lru_cache(maxsize=4)
def _parameters(network: str) -> int:
    """All weights of a network's layers; biases and norms are not among them."""
    return sum(trace.groups * trace.N * trace.K for trace in workloads.load(network).traces)
