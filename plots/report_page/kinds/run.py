"""The page of one run: where its cycles and its energy go, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...data_files.saved_reports import SavedRun, fallback_layers
from ...numbers import BYTES, ENERGY, TIME, digits, unit_of
from ..columns import LAYERS, RUNS, TERMS, marked_layers
from ..figures import figures_part
from ..html import Page, Part
from ..provenance import provenance_part
from ..table import table, told

FIGURES = ("layers", "losses", "cycles", "energy", "traffic", "roofline", "bandwidth", "timeline")


def run_page(run: SavedRun, facts: Mapping[str, Any]) -> Page:
    """The page; `facts` are command, versions and seeds where they are known."""
    report = run.report
    return Page(
        title=f"{report['workload']} on {report['hardware']}",
        answer=answer(report),
        extent=f"{len(report['layers'])} layers and operators, batch {report.get('batch', 1)}.",
        warnings=[*run.study.not_simulated_lines, *report.get("remarks", [])],
        definitions=TERMS,
        parts=[
            figures_part(run.study, FIGURES),
            Part("totals", "Totals", table("The whole run", told(RUNS, run.study.runs), run.study.runs)),
            layers_part(report),
            provenance_part(facts, machines_of(report), notes_of(report)),
        ],
    )


def answer(report: Mapping[str, Any]) -> str:
    """Cycles, energy and traffic, and which layer takes most of the cycles, in two sentences."""
    cycles, stalls = report["cycles"], report["stall_cycles"]
    time, traffic = in_unit(report["seconds"] * 1e6, TIME), in_unit(report["dram_bytes"], BYTES)
    energy, on_chip = (in_unit(report[name], ENERGY) for name in ("energy_pj", "energy_on_chip_pj"))
    said = (
        f"{report['workload']} takes {cycles:,} cycles ({time}) on {report['hardware']}, "
        f"{100 * stalls / max(1, cycles):.0f} % of them stalls; {energy}, of which {on_chip} on chip; {traffic} of "
        "DRAM traffic."
    )
    if not report["layers"]:
        return said
    longest = max(report["layers"], key=lambda row: row["cycles"])
    share = 100 * longest["cycles"] / max(1, cycles)
    return f"{said} Most of the cycles, {share:.0f} %, go into {longest['name']}, which is bound by {longest['bound']}."


def in_unit(value: float, units: Any) -> str:
    """A number in the unit that fits it."""
    factor, unit = unit_of([value], units)
    return f"{digits(value / factor)} {unit}"


def layers_part(report: Mapping[str, Any]) -> Part:
    """Every layer of the run."""
    rows = marked_layers(report["layers"], frozenset(fallback_layers(report)))
    return Part("layers", "Layers", table("Every layer; layers.csv holds all columns", told(LAYERS, rows), rows))


def machines_of(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The machine's configuration, in a list; none where the report lacks it."""
    return [report["configuration"]] if report.get("configuration") else []


def notes_of(report: Mapping[str, Any]) -> list[str]:
    """How energy is counted, how activations lie in DRAM, and what goes beyond what the laws were fitted to."""
    lines = [report.get("energy_accounting"), report.get("activation_storage")]
    beyond = report.get("extrapolated") or {}
    lines += [f"SRAM of {part.replace('_', ' ')}: {why}" for part, why in beyond.items()]
    if report.get("warmup_bytes"):
        lines.append(f"the first inference fetches {report['warmup_bytes']:,} B of weights more, which stay on chip")
    return [f"{line[0].upper()}{line[1:].rstrip('.')}." for line in lines if line]
