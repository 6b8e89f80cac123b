"""The PPR study as a document: a template in explore/data, and numbers that all come from the rows."""

from __future__ import annotations

import inspect
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from math import isfinite, nan
from string import Template
from typing import Any

from accelsim.analysis.ppr import EVEN
from accelsim.arrays import array_class

from .losses import CAUSES
from .ppr import PACKAGES, PprStudy
from .ppr_curves import GAINS, at_rate, curve, nearest
from .ppr_designs import BYTES_A_MAC, DESIGNS
from .ppr_findings import Pair, break_evens, conclusion, conclusion_sentence, layer_set
from .ppr_layers import ACTIVATION_DENSITY, LAYERS, QUICK_LAYERS
from .ppr_points import SEEDS

Row = Mapping[str, Any]
RATES = (2.0, 5.0, 10.0, 20.0, 50.0)
GAP_RATES = (2.0, 10.0, 50.0)
PPR_WORDS = "PPR of compute / total time / energy on chip and of DRAM access / energy with DRAM standby"
PPRS = ("ppr_compute", "ppr", "ppr_energy_active", "ppr_energy")  # energy without and with DRAM standby
COMPARED = {
    "mac": "equal MACs: the dense `os` array has the same peak MACs a cycle and the same DRAM (ddr4-2400)",
    "area": "equal area: the dense array is as large as the sparse one, by the same energy and area table",
    "bandwidth": f"equal bandwidth: both behind a DRAM of {BYTES_A_MAC:g} byte a cycle for each MAC of the sparse peak",
}


def text(study: PprStudy) -> str:
    """The document, in Markdown; it holds no time and no path."""
    template = (files("explore") / "data" / "ppr_template.md").read_text("utf-8")
    spread = max((row["ppr_greatest"] / row["ppr_least"] - 1 for row in study.of("random")), default=0.0)
    return Template(template).substitute(
        command="accelsim study ppr" + (" --quick" if study.quick else ""),
        assumed="; ".join(f"{d.name} {d.assumed[0]:g} to {d.assumed[1]:g} ({d.source})" for d in DESIGNS if d.assumed),
        compared=_bullets(COMPARED.values()),
        findings=_bullets(study.findings),
        verdict=study.verdict,
        rates="\n\n".join(_rates(study, comparison) for comparison in COMPARED if study.compared(comparison)),
        spread=f"{100 * spread:.1f} %",
        losses=_losses(study),
        break_even=_break_even(study),
        pruned=_pruned(study),
        activations=_activations(study),
        conclusions="\n\n".join(_conclusion(study, comparison) for comparison in ("mac", "area")),
        assumptions=_assumptions(),
        layers=_layers(study),
        seeds="0" if study.quick else ", ".join(map(str, SEEDS)) + " (0 at equal bandwidth)",
        activation_density=f"{ACTIVATION_DENSITY:g}",
        points=len(study.rows),
        versions=", ".join([f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)]),
    )


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _rates(study: PprStudy, comparison: str) -> str:
    lines = []
    for design in DESIGNS:
        for layers in ("conv", "fc"):
            points = curve(study.rows, design.name, layers, comparison)
            if points:
                own = [f"{design.name}, {layers}", unpruned_text(points[0])]
                lines.append([*own, *(_triple(_at(points, rate, PPRS)) for rate in RATES)])
    head = f"{PPR_WORDS} at {COMPARED[comparison]}:"
    return f"{head}\n\n{_table(['design, layers', 'β unpruned', *(f'{rate:g}x' for rate in RATES)], lines)}"


def unpruned_text(row: Row) -> str:
    """β of the unpruned layers; where it is far from 1, what it multiplies a PPR with to correct it."""
    own = row["beta_unpruned"]
    if own is None:
        return "–"
    return f"{own:.2f}" if EVEN[0] <= own <= EVEN[1] else f"**{own:.2f}**"


def _losses(study: PprStudy) -> str:
    lines = []
    for design in DESIGNS:
        points = curve(study.rows, design.name, layer_set(design))
        for row in {id(r): r for r in (nearest(points, rate) for rate in GAP_RATES)}.values():
            parts = [row["gap_" + cause.replace(" ", "_")] for cause in CAUSES]
            lines.append([design.name, f"{row['alpha']:.2g}x", *(f"{part:+.2f}" for part in [*parts, row["ppr"] - 1])])
    return _table(["design", "rate", *CAUSES, "PPR − 1"], lines)


def _break_even(study: PprStudy) -> str:
    gains = tuple(GAINS)
    lines = [[row["design"], row["workload"], *(_rate(row[gain]) for gain in gains)] for row in break_evens(study.rows)]
    return _table(["design", "layers", *gains], lines)


def _pruned(study: PprStudy) -> str:
    lines = [
        [row["workload"], row["design"], f"{row['layers']} of {row['layers_of']}", f"{row['alpha']:.1f}x",
         unpruned_text(row), _triple([row[key] for key in PPRS]), _corrected(row)]
        for row in study.of("pruned")
    ]  # fmt: skip
    return _table(["network", "design", "layers", "rate", "β unpruned", "PPR", "total, corrected"], lines)


def _corrected(row: Row) -> str:
    return "" if row["ppr_corrected"] is None else f"{row['ppr_corrected']:.2f}"


def _activations(study: PprStudy) -> str:
    lines = []
    for design in [d for d in DESIGNS if d.skips_activations]:
        for density in (1.0, ACTIVATION_DENSITY):
            points = curve(study.rows, design.name, layer_set(design), activation_density=density)
            values = [f"{_at(points, rate, ('ppr_compute',))[0]:.2f}" for rate in RATES]
            lines.append([design.name, f"{density:g}", *values])
    return _table(["design", "activation density", *(f"{rate:g}x" for rate in RATES)], lines)


def _conclusion(study: PprStudy, comparison: str) -> str:
    pairs = conclusion(study.rows, comparison)
    return f"At {COMPARED[comparison]}: {conclusion_sentence(pairs)}\n\n{_pair_table(pairs)}"


def _pair_table(pairs: Sequence[Pair]) -> str:
    designs = list(dict.fromkeys(pair.design for pair in pairs))
    lines = []
    for name in dict.fromkeys(pair.name for pair in pairs):
        of = {pair.design: pair for pair in pairs if pair.name == name}
        first = next(iter(of.values()))
        rates = f"{first.structured_rate:g}x / {first.sparse_rate:g}x = {100 * first.ratio:.0f} %"
        turns = [f"{100 * of[d].turns_at:.0f} %: {'structured' if of[d].structured_wins else d}" for d in designs]
        lines.append([name, rates, *turns])
    return _table(["pair", "structured / non-structured", *(f"{d}: turns at, faster" for d in designs)], lines)


def _assumptions() -> str:
    """The cycle rules that no publication settles, as the arrays' own docstrings say them."""
    said = {design.name: inspect.getdoc(array_class(design.name)) or "" for design in DESIGNS}
    return "\n\n".join(f"### {name}\n\n{words}" for name, words in said.items() if "assumption" in words.lower())


def _layers(study: PprStudy) -> str:
    sets = QUICK_LAYERS if study.quick else LAYERS
    return "; ".join(
        f"{name}: " + ", ".join(f"{network} {', '.join(names)}" for network, names in of.items())
        for name, of in sets.items()
    )


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [list(head), ["---"] * len(head), *(list(line) for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _at(points: Sequence[Row], rate: float, keys: Iterable[str]) -> list[float]:
    """NaN beyond the highest measured rate."""
    return [at_rate(points, rate, key) if rate <= points[-1]["alpha"] * 1.05 else nan for key in keys]


def _triple(values: Iterable[float]) -> str:
    numbers = list(values)
    return " / ".join(f"{value:.2f}" for value in numbers) if all(map(isfinite, numbers)) else "–"


def _rate(value: float) -> str:
    return f"{value:.1f}x" if isfinite(value) else "not reached"
