"""The PPR study as a document: a template in explore/data, and numbers that all come from the rows."""

from __future__ import annotations

import inspect
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from math import isfinite
from string import Template
from typing import Any

from accelsim.analysis.ppr import EVEN
from accelsim.arrays import array_class

from .losses import CAUSES
from .ppr import PACKAGES, PprStudy
from .ppr_conclusion import Pair, conclusion, conclusion_sentence
from .ppr_curves import GAINS, at_rate, curve, nearest
from .ppr_designs import BYTES_A_MAC, DESIGNS
from .ppr_findings import break_evens, layer_set
from .ppr_knobs import KNOBS
from .ppr_layers import ACTIVATION_DENSITY, LAYERS, QUICK_LAYERS
from .ppr_pairs import FORMS
from .ppr_points import SEEDS

Row = Mapping[str, Any]
RATES = (2.0, 5.0, 10.0, 20.0, 50.0)
GAP_RATES = (2.0, 10.0, 50.0)
WIDE = 0.05  # a spread between seeds that is named
PPR_WORDS = "PPR of compute / total time / energy on chip and of DRAM access / energy with DRAM standby"
PPRS = ("ppr_compute", "ppr", "ppr_energy_active", "ppr_energy")  # energy without and with DRAM standby
COMPARED = {
    "mac": "equal MACs: the strongest dense array (os, ws or is by layer, folds overlapped, groups packed; zeros not "
    "gated, since the uncompressed layers are shapes) of the same peak MACs a cycle, buffers and DRAM (ddr4-2400)",
    "area": "equal area: the same with an array that makes the whole machine as large as the sparse one within 2 %",
    "bandwidth": f"equal bandwidth: both behind a DRAM of {BYTES_A_MAC:g} byte a cycle for each MAC of the sparse peak",
}


def text(study: PprStudy) -> str:
    """The document, in Markdown; it holds no time and no path."""
    template = (files("explore") / "data" / "ppr_template.md").read_text("utf-8")
    return Template(template).substitute(
        command="accelsim study ppr" + (" --quick" if study.quick else ""),
        assumed="; ".join(f"{d.name} {d.assumed[0]:g} to {d.assumed[1]:g} ({d.source})" for d in DESIGNS if d.assumed),
        compared=_bullets(COMPARED.values()),
        findings=_bullets(study.findings),
        verdict=study.verdict,
        rates="\n\n".join(_rates(study, comparison) for comparison in COMPARED if study.compared(comparison)),
        spread=_spread(study),
        validated=_bullets(_validated()),
        knobs=_knobs(study),
        resident=_resident(study),
        losses=_losses(study),
        break_even=_break_even(study),
        pruned=_pruned(study),
        activations=_activations(study),
        conclusions="\n\n".join(_conclusion(study, comparison) for comparison in ("mac", "area")),
        assumptions=_assumptions(),
        layers=_layers(study),
        seeds="0" if study.quick else ", ".join(map(str, SEEDS)) + " (0 at equal area and bandwidth)",
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


def _spread(study: PprStudy) -> str:
    """How far PPR of total time lies apart between the seeds of a row, and which rows are over 5 %."""
    rows = [row for row in study.rows if row.get("ppr_least")]
    spreads = {id(row): row["ppr_greatest"] / row["ppr_least"] - 1 for row in rows}
    if not rows:
        return "0 %"
    wide = [row for row in rows if spreads[id(row)] > WIDE]
    named = sorted({f"{row['design']} on {row['workload']} at {row['alpha']:.3g}x" for row in wide})
    more = f"; over {100 * WIDE:g} % at {', '.join(named)}" if named else ""
    return f"{100 * max(spreads.values()):.1f} % at most{more}"


def _validated() -> list[str]:
    """What each design's machine was held against."""
    return [
        f"{design.name}: {design.validated.sentence if design.validated else 'nothing published validates it'}"
        for design in DESIGNS
    ]


def _knobs(study: PprStudy) -> str:
    """PPR of total time under every setting, by rate."""
    lines = []
    for name, settings in KNOBS.items():
        for setting in settings:
            rows = [r for r in study.of("knob") if (r["design"], r["setting"]) == (name, setting)]
            if rows:
                lines.append([name, setting, *(f"{r['ppr']:.2f}" for r in sorted(rows, key=lambda r: -r["density"]))])
    densities = sorted({r["density"] for r in study.of("knob")}, reverse=True)
    return _table(["design", "setting", *(f"{1 / density:.2g}x" for density in densities)], lines)


def _resident(study: PprStudy) -> str:
    """Each network before and after compression by size of the filter buffer, per inference."""
    lines = [
        [row["workload"], row["design"], f"{row['filter_kib']:,} KiB", f"{row['warmup_bytes'] / 1024:,.0f}",
         *(f"{row[prefix + 'dram_bytes'] / 1024:,.0f}" for prefix in ("streamed_", "")),
         *(f"{row[prefix + 'energy_active_pj'] / 1e6:,.1f}" for prefix in ("streamed_", "")),
         *(f"{row[prefix + 'seconds'] * 1e6:,.0f}" for prefix in ("streamed_", ""))]
        for row in study.of("resident")
    ]  # fmt: skip
    head = ("DRAM KiB, streamed", "resident", "µJ, streamed", "resident", "µs, streamed", "resident")
    return _table(["network", "machine", "filter buffer", "stays, KiB", *head], lines)


def _conclusion(study: PprStudy, comparison: str) -> str:
    pairs = conclusion(study.rows, comparison)
    said = study.verdict if comparison == "mac" else conclusion_sentence(pairs)
    return f"At {COMPARED[comparison]}: {said}\n\n{_pair_table(pairs)}"


def _pair_table(pairs: Sequence[Pair]) -> str:
    """A line a pair and form."""
    designs = list(dict.fromkeys(pair.design for pair in pairs))
    lines = []
    for name in dict.fromkeys(pair.name for pair in pairs):
        for form in FORMS:
            of = {pair.design: pair for pair in pairs if (pair.name, pair.form) == (name, form)}
            first = next(iter(of.values()))
            rates = f"{first.structured['alpha']:.3g}x / {first.sparse['alpha']:.3g}x = {100 * first.ratio:.0f} %"
            lines.append([name, form, rates, *(_verdict(of[design]) for design in designs)])
    return _table(["pair", "structured", "structured / non-structured", *designs], lines)


def _verdict(pair: Pair) -> str:
    winner = "structured" if pair.structured_wins else pair.design
    return f"{100 * pair.turns_at:.0f} %: {winner} ({pair.speedup:.2f} / {pair.energy_gain:.2f})"


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
    """NaN where nothing was measured."""
    return [at_rate(points, rate, key) for key in keys]


def _triple(values: Iterable[float]) -> str:
    numbers = list(values)
    return " / ".join(f"{value:.2f}" for value in numbers) if all(map(isfinite, numbers)) else "–"


def _rate(value: float) -> str:
    return f"{value:.1f}x" if isfinite(value) else "not reached"
