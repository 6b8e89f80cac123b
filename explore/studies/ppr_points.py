"""One point of the PPR study: a workload on a design and on its dense baseline, and what of the gap has which cause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from accelsim.analysis.comparison import uncompressed
from accelsim.analysis.dense_baseline import dense_workload
from accelsim.analysis.ppr import ppr
from accelsim.analysis.unpruned import unpruned_report
from accelsim.hardware.accelerator import Accelerator
from accelsim.results.report import ENERGY_PARTS, Report
from accelsim.trace.workload import Workload

from ..cache import simulate_cached
from .losses import explains, gap_by_cause
from .ppr_designs import COMPARISONS, DESIGNS, SHAPES_OF_NM, Design, design
from .ppr_layers import ACTIVATION_DENSITY, Pattern, random_layers

DENSITIES = (1.0, 0.7, 0.5, 0.4, 0.3, 0.25, 0.18, 0.125, 0.09, 0.0625, 0.045, 0.03, 0.02)
QUICK_DENSITIES = (1.0, 0.5, 0.25, 0.125, 0.0625, 0.02)
SEEDS, ONE_SEED = (0, 1, 2), (0,)
QUICK_COMPARISONS = ("mac", "area")


class Measurable(Protocol):
    """Anything that becomes a row of the study."""

    def label(self) -> dict[str, Any]:
        """What tells it from others; the first columns of its row."""

    def measure(self) -> dict[str, Any]:
        """Its figures."""


@dataclass(frozen=True)
class Point:
    """Random layers of a set on one design, compared in one way."""

    design: str
    layer_set: str
    comparison: str
    pattern: Pattern
    quick: bool = False

    def measure(self) -> dict[str, Any]:
        """α, β and PPR by compute, total and energy, the gap by cause, and storage."""
        machine = design(self.design).machine(self.pattern.density)
        return against_dense(self.workload(), *COMPARISONS[self.comparison](machine))

    def workload(self) -> Workload:
        """The layers with their patterns."""
        return random_layers(self.layer_set, design(self.design), self.pattern, self.quick)

    def label(self) -> dict[str, Any]:
        """What tells this point from others; the first columns of its row."""
        return {
            "design": self.design, "workload": self.layer_set, "comparison": self.comparison, "pattern": "random",
            "density": self.pattern.density, "activation_density": self.pattern.activation_density,
            "mode": design(self.design).mode(self.pattern.density),
        }  # fmt: skip


def points(quick: bool = False) -> list[Point]:
    """All points of the random sweep, the cheap ones of each design first."""
    return [point for design in DESIGNS for point in _points_of(design, quick)]


def _points_of(design: Design, quick: bool) -> Iterator[Point]:
    for layer_set, studied in (("conv", design.conv), ("fc", design.linear)):
        for comparison in _comparisons(quick) if studied else ():
            seeds = SEEDS if comparison == "mac" and not quick else ONE_SEED
            for density in _densities(design, quick):
                for activation_density in (1.0, ACTIVATION_DENSITY) if design.skips_activations else (1.0,):
                    pattern = Pattern(density, activation_density, seeds)
                    yield Point(design.name, layer_set, comparison, pattern, quick)


def _comparisons(quick: bool) -> Iterable[str]:
    return QUICK_COMPARISONS if quick else COMPARISONS


def _densities(design: Design, quick: bool) -> tuple[float, ...]:
    if design.pattern == "n:m":
        return (1.0, *SHAPES_OF_NM)
    return QUICK_DENSITIES if quick else DENSITIES


def measure(point: Measurable) -> dict[str, Any]:
    """A point's row."""
    return point.label() | point.measure()


def against_dense(
    workload: Workload, dense: Accelerator, machine: Accelerator, original: Workload | None = None
) -> dict[str, Any]:
    """A workload on a machine, and its uncompressed layers at its bits on the dense one and on the machine.

    `original` are these layers where the workload's own record of their shapes does not hold them.
    """
    now = simulate_cached(workload, machine)
    layers = dense_workload(original or uncompressed(workload), workload)
    before = simulate_cached(layers, dense)
    unpruned = unpruned_report(layers, workload, machine, simulate_cached)
    return figures(before, now, unpruned, machine.array.peak_macs)


def figures(dense: Report, now: Report, unpruned: Report | None, peak_macs: int) -> dict[str, Any]:
    """PPR and its parts of the reports, with units in the names; ratios have none."""
    ratio = ppr(dense, now, unpruned)
    kinds = (
        "alpha", "alpha_macs", "beta", "beta_compute", "beta_energy", "beta_energy_active", "beta_unpruned", "ppr",
        "ppr_corrected", "ppr_compute", "ppr_energy", "ppr_energy_active",
    )  # fmt: skip
    clocks = dense.clock_mhz / now.clock_mhz
    gaps = gap_by_cause(dense.rows, now.rows, peak_macs, clocks) if explains(now) else {}
    weights = [layer.result.weights for layer in now.results]
    storage = {
        "storage_weight_bits": sum(w.value_bits for w in weights),
        "storage_index_bits": sum(w.index_bits for w in weights),
    }
    dense_bits = sum(layer.result.weights.value_bits for layer in dense.results)
    return {
        "hardware": now.name, "dense_hardware": dense.name, "fallback_layers": now.fallback_layers,
        **{kind: getattr(ratio, kind) for kind in kinds}, **seed_spread(dense, now),
        "cycles": now.cycles, "compute_cycles": now.compute_cycles, "dense_cycles": dense.cycles,
        "seconds": now.seconds, "dense_seconds": dense.seconds,
        "energy_pj": now.energy_pj, "dense_energy_pj": dense.energy_pj,
        **{part: getattr(now, part) for part in ENERGY_PARTS},
        "area_um2": now.area_um2, "dense_area_um2": dense.area_um2,
        **storage, "dense_weight_bits": dense_bits,
        **{f"gap_{cause.replace(' ', '_')}": share for cause, share in gaps.items()},
    }  # fmt: skip


def seed_spread(dense: Report, now: Report) -> dict[str, float]:
    """Least and greatest PPR of total time among the seeds, whose layers are `layer@seed`; nothing for other layers."""
    seeds = sorted({layer.name.partition("@")[2] for layer in now.results} - {""})
    ratios = [ppr(_of_seed(dense, seed), _of_seed(now, seed)).ppr for seed in seeds]
    return {"ppr_least": min(ratios), "ppr_greatest": max(ratios)} if ratios else {}


def _of_seed(report: Report, seed: str) -> Report:
    return replace(report, results=tuple(r for r in report.results if r.name.partition("@")[2] == seed))
