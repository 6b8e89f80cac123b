"""The page of networks on machines, as `accelsim demo` leaves them: every run once, and what follows from all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...numbers import digits
from ..columns import HARDWARE, LAYERS, NETWORK, RUNS, TERMS, marked_layers, whole
from ..figures import figures_part
from ..heatmap import Measure, heat_map
from ..html import Page, Part
from ..networks import networks_table
from ..provenance import provenance_part
from ..ratios import RATIO_TERMS
from ..run_axes import AXES, run_points
from ..scatter import scatter_part
from ..table import Row, table, told

if TYPE_CHECKING:
    from ...data_files.data import StudyData

TITLE = "Which compression pays on which accelerator"
FIGURES = ("storage", "timeline", "accuracy_rate")  # those with a row a run would say the table of runs again
ROWS_OF_A_FIGURE = 12  # runs up to which a figure with a row for each is shown too
BY_RUN = ("cycles", "energy", "traffic", "ppr")


def study_page(data: StudyData) -> Page:
    """The page of a study."""
    runs = [
        {**run, "accuracy": data.accuracy.get(run["network"])} for name in data.networks for run in data.runs_of(name)
    ]
    opens = [f"run{number}" for number in range(len(runs))]
    by_run = BY_RUN if len(runs) <= ROWS_OF_A_FIGURE else ()
    return Page(
        title=TITLE,
        answer=data.verdict,
        extent=f"{len(data.runs)} runs: {len(data.networks)} networks on {len(data.machines)} machines.",
        warnings=data.not_simulated_lines,
        definitions={**RATIO_TERMS, **TERMS},
        parts=[
            Part("heatmap", "Every network on every machine", _heat(data, runs, opens)),
            scatter_part("accuracy", "Accuracy against cost", _caption(runs), run_points(runs, opens, group="network"),
                         AXES, start=("cycles", "accuracy")),
            Part("networks", "Networks", networks_table(data)),
            figures_part(data, (*by_run, *FIGURES)),
            runs_part(runs, opens),
            layers_part(data, runs, opens),
            provenance_part(*_facts(data), _accountings(data)),
        ],
    )  # fmt: skip


def _caption(runs: Sequence[Row]) -> str:
    return f"A point a run, {len(runs)} in all. Hover names it, a click opens its layers; dominated points are faint."


def _heat(data: StudyData, runs: Sequence[Row], opens: Sequence[str]) -> str:
    pairs = {(run["hardware"], run["network"]): run for run in runs}
    wanted = (
        ("cycles", "cycles", 1.0, whole),
        ("energy_pj", "energy, µJ", 1e6, digits),
        ("ppr", "PPR of total time", 1.0, digits),
        ("dram_bytes", "DRAM traffic, KiB", 2.0**10, digits),
    )
    measures = [
        Measure(key, heading, {p: run[key] / by for p, run in pairs.items() if run.get(key) is not None}, show)
        for key, heading, by, show in wanted
    ]
    names = dict(zip(pairs, opens, strict=True))
    return heat_map("Networks by machine", data.machines, data.networks, [m for m in measures if m.values], names)


def runs_part(runs: Sequence[Row], opens: Sequence[str]) -> Part:
    """Every run with its totals, and which layers ran on a fallback array."""
    names = {(run["network"], run["hardware"]): name for run, name in zip(runs, opens, strict=True)}
    rows = table(
        "Every network on every machine; a name opens the run's layers", told(RUNS, runs), runs,
        opens=lambda run: names[run["network"], run["hardware"]],
    )  # fmt: skip
    return Part("runs", "Runs", rows)


def layers_part(data: StudyData, runs: Sequence[Row], opens: Sequence[str]) -> Part:
    """Every layer of every run."""
    names = {(run["network"], run["hardware"]): name for run, name in zip(runs, opens, strict=True)}
    fallback = {(run["network"], run["hardware"]): frozenset(run.get("fallback_layers", [])) for run in runs}
    rows = [
        marked
        for row in data.layers.to_dict("records")
        for marked in marked_layers([{str(k): v for k, v in row.items()}], fallback.get(_pair(row), frozenset()))
    ]
    caption = "Every layer of every run; layers.csv holds all columns"
    columns = [NETWORK, HARDWARE, *told(LAYERS, rows)]
    return Part("layers", "Layers", table(caption, columns, rows, of=lambda row: names.get(_pair(row), "none")))


def _pair(row: Mapping[Any, Any]) -> tuple[str, str]:
    return row["network"], row["hardware"]


def _facts(data: StudyData) -> tuple[dict[str, Any], list[Mapping[str, Any]]]:
    """Provenance without the machines, and those apart."""
    facts = dict(data.provenance)
    machines = facts.pop("machines", {})
    if not isinstance(machines, Mapping) or not all(isinstance(one, Mapping) for one in machines.values()):
        return dict(data.provenance), []
    return facts, [{"name": name, **one} for name, one in machines.items()]


def _accountings(data: StudyData) -> list[str]:
    """How the energy of which machines is accounted, a line each way; and which layers ran on a fallback array."""
    machines: dict[str, dict[str, None]] = {}
    for run in data.runs:
        if run.get("energy_accounting"):
            machines.setdefault(run["energy_accounting"], {})[run["hardware"]] = None
    alone = len(machines) < 2
    lines = [f"{text}." if alone else f"{text}: {', '.join(names)}." for text, names in machines.items()]
    return [*lines, _fallback(data)]


def _fallback(data: StudyData) -> str:
    machines: dict[str, list[str]] = {}
    for run in data.runs:
        if run.get("fallback_layers"):
            layers = f"{', '.join(run['fallback_layers'])} of {run['network']}"
            machines.setdefault(run["hardware"], []).append(layers)
    if not machines:
        return "Every layer ran on its machine's own array."
    said = "; ".join(f"on {machine}: {' and '.join(layers)}" for machine, layers in machines.items())
    return f"Layers that the array cannot run and that ran on the machine's fallback array: {said}."
