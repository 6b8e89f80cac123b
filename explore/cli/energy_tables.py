"""`accelsim hw show NAME --energy`: actions, areas, figures, SRAM laws and factors of the node as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from accelsim.technology.settings import USER

from .output import print_table

Row = tuple[str, ...]
COUNT = "count, as in a report's row"
UNKNOWN = "by layer"  # of an SRAM whose size follows from the layer


def print_energy(sheet: Mapping[str, Any]) -> None:
    """All tables of an energy sheet; sources are numbered, and listed at the end."""
    sources = _Sources()
    bits = f"{sheet['weight_bits']}-bit weights, {sheet['activation_bits']}-bit activations"
    print_table(
        f"energy of {sheet['hardware']} at {sheet['technology_nm']:g} nm, {bits}: a layer's energy is Σ count × pJ",
        ("component", "action", COUNT, "figure", ">pJ", ">node", ">source"),
        [_action(entry, sources) for entry in sheet["actions"]], ("action", COUNT, "figure"),
        f"{sheet['accounting']}\n{sheet['figures_line']}", keys=2,
    )  # fmt: skip
    total = sum(entry["um2"] for entry in sheet["area"])
    print_table(
        "area", ("part", "unit", ">count", "figure", ">value", ">µm²", ">source", "SRAM law"),
        [_area(entry, sources) for entry in sheet["area"]], "figure",
        f"{total:,.0f} µm² in all: count × value", keys=2,
    )  # fmt: skip
    print_table(
        "figures", ("figure", ">value", ">node", ">scaled by", ">at the machine's", ">source"),
        [(f["figure"], f"{f['value']:.6g}", _node(f["node_nm"]), _scale(f["scale"]), f"{f['scaled']:.6g}",
          sources.of([f["source"]])) for f in sheet["figures"]],
        "figure",
    )  # fmt: skip
    print_table(
        "SRAM", ("law", "formula", ">scaled by", ">source"),
        [(law["law"], law["formula"], _scale(law["scale"]), sources.of([law["source"]])) for law in sheet["sram"]],
        "formula",
    )  # fmt: skip
    print_table(
        "scaling between nodes, for logic and SRAM", ("of", ">factor", "nodes", ">source"),
        [(f["of"], f"{f['factor']:.6g}", f"{f['from_nm']:g} to {f['to_nm']:g} nm", sources.of([f["source"]]))
         for f in sheet["scaling"]], "of",
    )  # fmt: skip
    print_table("sources", (">", "source"), sources.rows(), "source")


class _Sources:
    """Numbers sources in the order in which they are asked for; a user's own figure is just that."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def of(self, sources: Iterable[str]) -> str:
        """Their numbers; the user's own figures are named."""
        return ",".join(source if source == USER else str(self._number(source)) for source in sources)

    def _number(self, source: str) -> int:
        return self.numbers.setdefault(source, len(self.numbers) + 1)

    def rows(self) -> list[Row]:
        """Number and text."""
        return [(str(number), text) for text, number in self.numbers.items()]


def _action(entry: Mapping[str, Any], sources: _Sources) -> Row:
    where = f" ({entry['array']})" if "array" in entry else ""
    known = entry["pj"] is not None
    pj = f"{entry['pj']:.6g}" if known else UNKNOWN
    place = _node(entry["node_nm"]), sources.of(entry["sources"])
    return entry["component"], entry["action"] + where, entry["count"], entry["formula"], pj, *place


def _area(entry: Mapping[str, Any], sources: _Sources) -> Row:
    um2 = f"{entry['figure_um2']:,.6g}", f"{entry['um2']:,.0f}"
    count, sources_of = f"{entry['count']:,.12g}", sources.of(entry["sources"])
    return entry["part"], entry["unit"], count, entry["formula"], *um2, sources_of, entry["beyond"]


def _scale(factor: float) -> str:
    return "" if factor == 1 else f"{factor:.4g}"


def _node(node_nm: float | None) -> str:
    return "own" if node_nm is None else f"{node_nm:g} nm"
