"""α, β and the actual pruning-to-performance ratio of two reports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import TraceError, suggestion
from ..results.layer import ReportedLayer
from ..results.report import Report

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PPR:
    """α = weights of the uncompressed layers ÷ nonzero weights now; β = time of the dense baseline ÷ time now.

    PPR = α/β (001 §I). `beta` is of total time, `beta_compute` of compute time, `beta_energy` of energy; `alpha_macs`
    weighs α by M. `conv` is the same for the conv layers alone (None where there are none); `layers` has a row a layer.
    """

    alpha: float
    alpha_macs: float
    beta: float
    beta_compute: float
    beta_energy: float
    conv: PPR | None
    layers: pd.DataFrame | None

    @property
    def ppr(self) -> float:
        """α over the speedup in total time."""
        return _ratio(self.alpha, self.beta)

    @property
    def ppr_compute(self) -> float:
        """α over the speedup in compute time."""
        return _ratio(self.alpha, self.beta_compute)

    @property
    def ppr_energy(self) -> float:
        """α over the gain in energy."""
        return _ratio(self.alpha, self.beta_energy)


@dataclass(frozen=True)
class _Layer:
    """What of a layer enters the ratios."""

    name: str
    kind: str
    cycles: int
    compute_cycles: int
    energy_pj: float
    weights_dense: int
    weights_nonzero: int
    rows: int  # output pixels that each weight is used for, M of all repeats
    macs_dense: int

    @classmethod
    def of(cls, layer: ReportedLayer) -> _Layer:
        result, shape = layer.result, layer.result.shape
        return cls(
            shape.name, shape.kind, result.cycles, result.compute_cycles, layer.energy.total_pj, result.weights.dense,
            result.weights.nonzero, shape.M * shape.repeat, result.macs_dense,
        )  # fmt: skip


@dataclass(frozen=True)
class _Sides:
    """Layers of the dense baseline, those that are left of them, and the two clocks in MHz."""

    dense: list[_Layer]
    pruned: list[_Layer]
    dense_mhz: float
    pruned_mhz: float

    def of(self, dense: list[_Layer]) -> _Sides:
        """Some layers of the baseline, and what is left of these."""
        names = {layer.name for layer in dense}
        return replace(self, dense=dense, pruned=[layer for layer in self.pruned if layer.name in names])


def ppr(dense: Report, pruned: Report) -> PPR:
    """Compare a pruned network's report with its dense baseline's; layers match by name, aggregates are Σ/Σ.

    A layer that the pruned report lacks was removed and takes no time; one that the dense report lacks raises
    TraceError, unless it is an operator, which may run with a layer in one report and by itself in the other. GEMMs and
    operators without weights count in β alone. Clocks may differ: times are seconds. Source: DESIGN's definition after
    001 §I and §VI.

    >>> import accelsim
    >>> dense = accelsim.simulate(accelsim.GemmTrace("fc", M=64, N=64, K=64), "dense/os-16x16")
    >>> thin = accelsim.GemmTrace.random("fc", M=64, N=64, K=64, weight_density=0.25, activation_density=0.5)
    >>> ratio = accelsim.ppr(dense, accelsim.simulate(thin, "sparse/csr-rows-16x16"))
    >>> round(ratio.alpha, 2)
    4.05
    """
    before = [*map(_Layer.of, dense.results), *_fused_before(dense, pruned)]
    now = list(map(_Layer.of, pruned.results))
    names = {layer.name for layer in before}
    for layer in now:
        if layer.name not in names:
            raise TraceError(f"layer {layer.name!r} is not in the dense report; {suggestion(layer.name, names)}")
    sides = _Sides(before, now, dense.clock_mhz, pruned.clock_mhz)
    conv = [layer for layer in before if layer.kind == "conv"]
    return PPR(
        *_figures(sides),
        conv=PPR(*_figures(sides.of(conv)), conv=None, layers=None) if conv else None,
        layers=_table(sides),
    )


def _fused_before(dense: Report, pruned: Report) -> list[_Layer]:
    """Operators that ran with a layer in the dense report and by themselves in the other: there they cost nothing."""
    known = {layer.name for layer in dense.results}
    apart = [layer for layer in pruned.results if layer.result.is_operator and layer.name not in known]
    return [replace(_Layer.of(layer), cycles=0, compute_cycles=0, energy_pj=0.0) for layer in apart]


def _figures(sides: _Sides) -> tuple[float, float, float, float, float]:
    """alpha, alpha_macs, beta, beta_compute, beta_energy of some layers."""
    dense, now = sides.dense, sides.pruned
    a_cycle, a_cycle_now = 1 / sides.dense_mhz, 1 / sides.pruned_mhz
    weighted = sum(layer.rows * layer.weights_nonzero for layer in now)
    return (
        _ratio(sum(layer.weights_dense for layer in dense), sum(layer.weights_nonzero for layer in now)),
        _ratio(sum(layer.macs_dense for layer in dense if layer.weights_dense), weighted),
        _ratio(sum(layer.cycles for layer in dense) * a_cycle, sum(layer.cycles for layer in now) * a_cycle_now),
        _ratio(
            sum(layer.compute_cycles for layer in dense) * a_cycle,
            sum(layer.compute_cycles for layer in now) * a_cycle_now,
        ),
        _ratio(sum(layer.energy_pj for layer in dense), sum(layer.energy_pj for layer in now)),
    )


def _ratio(above: float, below: float) -> float:
    """above/below; infinite where nothing is left below, and 1 of nothing to nothing."""
    if below:
        return above / below
    return float("inf") if above else 1.0


def _table(sides: _Sides) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for layer in sides.dense:
        one = PPR(*_figures(sides.of([layer])), conv=None, layers=None)
        figures = ("alpha", "alpha_macs", "beta", "ppr", "beta_compute", "ppr_compute", "beta_energy", "ppr_energy")
        rows.append({"name": layer.name, "kind": layer.kind, **{f: getattr(one, f) for f in figures}})
    return pd.DataFrame(rows)
