"""The page of a comparison: one workload on several machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...data_files.saved_reports import SavedComparison, fallback_layers
from ...numbers import digits
from ..columns import HARDWARE, LAYERS, RUNS, TERMS, amount, factor, marked_layers, whole
from ..figures import figures_part
from ..html import Page, Part
from ..provenance import provenance_part
from ..ratios import RATIO_TERMS
from ..run_axes import AXES, run_points
from ..scatter import scatter_part
from ..table import Row, table, told
from .run import notes_of

FIGURES = ("cycles", "losses", "energy", "traffic", "ppr", "roofline", "efficiency", "layers")
AGAINST_FIRST = (
    factor("β against\nthe first", "first_beta"),
    amount("PPR against\nthe first", "first_ppr"),
)
MEASURES = (("cycles", "fastest", "cycles"), ("energy_pj", "least energy", "pJ"), ("area_um2", "smallest", "µm²"))


def comparison_page(comparison: SavedComparison, facts: Mapping[str, Any]) -> Page:
    """The page; `facts` are command, versions and seeds where they are known."""
    reports, study = comparison.reports, comparison.study
    rows = [{**run, **row} for run, row in zip(study.runs, comparison.rows, strict=True)]
    remarks = (remark for report in reports for remark in report.get("remarks", []))
    opens = [f"run{number}" for number in range(len(rows))]
    caption = "A point a machine. Hover names it, a click opens its layers."
    return Page(
        title=f"{reports[0]['workload']} on {len(reports)} machines",
        answer=answer(rows),
        extent=f"{reports[0]['workload']} on {', '.join(report['hardware'] for report in reports)}.",
        warnings=list(dict.fromkeys([*study.not_simulated_lines, *remarks])),
        definitions={**RATIO_TERMS, **TERMS},
        parts=[
            scatter_part("tradeoff", "Cycles, energy, area", caption, run_points(rows, opens, group="hardware"), AXES,
                         start=("area_um2", "cycles")),
            figures_part(study, FIGURES),
            _machines_part(rows, opens),
            _layers_part(reports, opens),
            provenance_part(facts, [r["configuration"] for r in reports if r.get("configuration")], _notes(reports)),
        ],
    )  # fmt: skip


def answer(rows: Sequence[Row]) -> str:
    """The fastest machine and by how much, and which needs the least energy and area."""
    first = rows[0]["hardware"]
    best = {name: min(rows, key=lambda row: row[name]) for name, *_ in MEASURES}
    fastest = best["cycles"] if _same_clock(rows) else min(rows, key=lambda row: row["seconds"])
    speed = rows[0]["seconds"] / fastest["seconds"] if fastest["seconds"] else 1.0
    said = (
        f"{first}, the first, is the fastest" if fastest is rows[0]
        else f"{fastest['hardware']} is the fastest, {digits(speed)}× as fast as {first}"
    )  # fmt: skip
    gain = digits(rows[0]["energy_pj"] / best["energy_pj"]["energy_pj"]) if best["energy_pj"]["energy_pj"] else "1"
    least, smallest = best["energy_pj"], best["area_um2"]
    return (
        f"{said} ({whole(fastest['cycles'])} cycles); {least['hardware']} needs the least energy "
        f"({digits(least['energy_pj'] / 1e6)} µJ, {gain}× less than {first}); {smallest['hardware']} is the smallest "
        f"({digits(smallest['area_um2'] / 1e6)} mm²)."
    )


def _same_clock(rows: Sequence[Row]) -> bool:
    clocks = {round(row["cycles"] / row["seconds"]) for row in rows if row["seconds"]}
    return len(clocks) < 2


def _machines_part(rows: Sequence[Row], opens: Sequence[str]) -> Part:
    numbers = {id(row): name for row, name in zip(rows, opens, strict=True)}
    columns = [column for column in RUNS if column.heading != "network"] + [*AGAINST_FIRST]
    content = table(
        "Every machine; ratios are against its own dense baseline unless they say another",
        told(columns, rows), rows, opens=lambda row: numbers[id(row)],
    )  # fmt: skip
    return Part("machines", "Machines", content)


def _layers_part(reports: Sequence[Mapping[str, Any]], opens: Sequence[str]) -> Part:
    rows = [
        {**row, "hardware": report["hardware"], "of": name}
        for report, name in zip(reports, opens, strict=True)
        for row in marked_layers(report["layers"], frozenset(fallback_layers(report)))
    ]
    caption = "Every layer on every machine; report.json of each holds all columns"
    return Part("layers", "Layers", table(caption, [HARDWARE, *told(LAYERS, rows)], rows, of=lambda row: row["of"]))


def _notes(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """The notes of every machine, with its name where machines differ in them."""
    machines: dict[str, list[str]] = {}
    for report in reports:
        for note in notes_of(report):
            machines.setdefault(note, []).append(report["hardware"])
    everywhere = len(reports)
    return [note if len(of) == everywhere else f"{', '.join(of)}: {note}" for note, of in machines.items()]
