"""α, β and the actual pruning-to-performance ratio of two reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Any

from ..engine.layer_result import VECTOR
from ..errors import TraceError, shortened, suggestion
from ..results.layer import ReportedLayer
from ..results.report import Report
from ..trace.coverage import not_simulated_line, united
from ..trace.not_simulated import NotSimulated
from ..trace.workload import LONGEST_LINE

if TYPE_CHECKING:
    import pandas as pd


EVEN = (0.9, 1.1)  # β of the unpruned layers within which two machines are as fast as each other


@dataclass(frozen=True)
class PPR:
    """α = weights of the uncompressed layers ÷ nonzero weights now; β = time of the dense baseline ÷ time now.

    PPR = α/β (001 §I). `beta` is of total time, `beta_compute` of compute time, `beta_energy` of all energy and
    `beta_energy_active` of the energy on chip and of DRAM access, without DRAM standby, which follows time;
    `alpha_macs` weighs α by M. In both a layer that nobody pruned counts its dense weights before and now: the zeros
    that rounding left there are bits. `alpha_pruned` is α of the pruned layers alone and enters no PPR. `beta_unpruned`
    is the speedup of the uncompressed layers on the two machines, β at α = 1 (None where it was not measured). `conv`
    is the same for the conv layers alone (None where there are none); `layers` has a row a layer. `not_simulated` is
    what either network has beyond its report's layers, which no ratio counts.
    """

    alpha: float
    alpha_macs: float
    beta: float
    beta_compute: float
    beta_energy: float
    beta_energy_active: float
    conv: PPR | None
    layers: pd.DataFrame | None
    alpha_pruned: float = 1.0
    beta_unpruned: float | None = None
    not_simulated: tuple[NotSimulated, ...] = ()

    def __repr__(self) -> str:
        """α, β and every PPR in one line; the conv layers' PPR, and what is not simulated where something is not."""
        own = "" if self.beta_unpruned is None else f" (unpruned {self.beta_unpruned:.3g})"
        energies = f"{self.ppr_energy_active:.3g} on chip and DRAM access, {self.ppr_energy:.3g} with DRAM standby"
        conv = "" if self.conv is None else f"; conv layers: PPR {self.conv.ppr:.3g}"
        table = "" if self.layers is None else "; .layers has a row a layer"
        left_out = shortened(not_simulated_line(self.not_simulated, None), LONGEST_LINE)
        return (
            f"PPR({self.ppr:.3g} = α {self.alpha:.3g} / β {self.beta:.3g}{own}; compute {self.ppr_compute:.3g}; "
            f"energy {energies}{conv}{table}{f'; {left_out}' if left_out else ''})"
        )

    @property
    def ppr(self) -> float:
        """α over the speedup in total time."""
        return _ratio(self.alpha, self.beta)

    @property
    def ppr_corrected(self) -> float | None:
        """α over the speedup that pruning alone brings, β divided by `beta_unpruned`.

        None where `beta_unpruned` is within 0.9 to 1.1, so that the PPR says the same, or was not measured.
        """
        own = self.beta_unpruned
        if own is None or EVEN[0] <= own <= EVEN[1]:
            return None
        return _ratio(self.alpha * own, self.beta)

    @property
    def ppr_compute(self) -> float:
        """α over the speedup in compute time."""
        return _ratio(self.alpha, self.beta_compute)

    @property
    def ppr_energy(self) -> float:
        """α over the gain in energy, DRAM standby included."""
        return _ratio(self.alpha, self.beta_energy)

    @property
    def ppr_energy_active(self) -> float:
        """α over the gain in energy on chip and of DRAM access, without DRAM standby."""
        return _ratio(self.alpha, self.beta_energy_active)


@dataclass(frozen=True)
class _Layer:
    """What of a layer enters the ratios."""

    name: str
    kind: str
    cycles: int
    compute_cycles: int
    energy_pj: float
    active_pj: float
    weights_dense: int
    weights_now: int  # the nonzero ones of a pruned layer, all of one that nobody pruned
    pruned: bool
    rows: int  # output pixels that each weight is used for, M of all repeats
    macs_dense: int

    @classmethod
    def of(cls, layer: ReportedLayer) -> _Layer:
        result, shape = layer.result, layer.result.shape
        return cls(
            shape.name, shape.kind, result.cycles, result.compute_cycles, layer.energy.total_pj,
            layer.energy.active_pj, result.weights.dense, result.weights.remaining, result.weights.pruned,
            shape.M * shape.repeat, result.macs_dense,
        )  # fmt: skip


@dataclass(frozen=True)
class _Sides:
    """Layers of the dense baseline, those that are left of them, and the two clocks in MHz.

    `unpruned` are the baseline's layers on the pruned network's machine, None where it did not run them.
    """

    dense: list[_Layer]
    pruned: list[_Layer]
    dense_mhz: float
    pruned_mhz: float
    unpruned: list[_Layer] | None = None

    def of(self, dense: list[_Layer]) -> _Sides:
        """Some layers of the baseline, and what is left of these."""
        names = {layer.name for layer in dense}
        unpruned = None if self.unpruned is None else [layer for layer in self.unpruned if layer.name in names]
        return replace(
            self, dense=dense, pruned=[layer for layer in self.pruned if layer.name in names], unpruned=unpruned
        )


def ppr(dense: Report, pruned: Report, unpruned: Report | None = None) -> PPR:
    """Compare a pruned network's report with its dense baseline's; layers match by name, aggregates are Σ/Σ.

    `unpruned` is the report of the uncompressed network on the pruned one's machine: it says how the two machines
    compare before anything is pruned, `beta_unpruned` = seconds of `dense` ÷ seconds of `unpruned`.

    A layer that the pruned report lacks was removed and takes no time; one that the dense report lacks raises
    TraceError, unless it is an operator, which may run with a layer in one report and by itself in the other. GEMMs and
    operators without weights count in β alone. A layer that the pruned report names as not simulated was not removed:
    that raises TraceError too. Clocks may differ: times are seconds. Source: DESIGN's definition after 001 §I and §VI.

    >>> import accelsim
    >>> dense = accelsim.simulate(accelsim.GemmTrace("fc", M=64, N=64, K=64), "dense/os-16x16")
    >>> thin = accelsim.GemmTrace.random("fc", M=64, N=64, K=64, weight_density=0.25, activation_density=0.5)
    >>> ratio = accelsim.ppr(dense, accelsim.simulate(thin, "sparse/csr-rows-16x16"))
    >>> round(ratio.alpha, 2)
    4.05
    """
    before = [*map(_Layer.of, dense.results), *_fused_before(dense, pruned)]
    now = list(map(_Layer.of, pruned.results))
    _require_known(now, before)
    _require_simulated(dense, pruned)
    sides = _Sides(before, now, dense.clock_mhz, pruned.clock_mhz, _unpruned_layers(dense, pruned, unpruned))
    conv = [layer for layer in before if layer.kind == "conv"]
    return PPR(
        *_figures(sides),
        conv=_alone(sides.of(conv)) if conv else None,
        layers=_table(sides),
        not_simulated=united(pruned.not_simulated, dense.not_simulated),
        **_pruning(sides),
    )


def with_unpruned(ratio: PPR, before: Report | None, now: Report | None) -> PPR:
    """The ratio of two machines with `beta_unpruned` of the uncompressed network on both, `before` and `now`.

    It stays as it is where either could not run that.
    """
    if before is None or now is None:
        return ratio
    own = ppr(before, now, now)
    conv = ratio.conv
    if conv is not None and own.conv is not None:
        conv = replace(conv, beta_unpruned=own.conv.beta_unpruned)
    return replace(ratio, beta_unpruned=own.beta_unpruned, conv=conv)


def _alone(sides: _Sides) -> PPR:
    """The ratios of some layers."""
    return PPR(*_figures(sides), conv=None, layers=None, **_pruning(sides))


def _require_known(layers: Sequence[_Layer], dense: Sequence[_Layer]) -> None:
    names = {layer.name for layer in dense}
    for layer in layers:
        if layer.name not in names:
            raise TraceError(f"layer {layer.name!r} is not in the dense report; {suggestion(layer.name, names)}")


def _require_simulated(dense: Report, pruned: Report) -> None:
    """TraceError where the dense report has a layer that is not simulated in the pruned one: it takes time there."""
    ran = {layer.name for layer in dense.results} - {layer.name for layer in pruned.results}
    for part in pruned.not_simulated:
        if part.name in ran:
            raise TraceError(
                f"layer {part.name!r} ({part.operation[:80]}) is not simulated in the pruned network, and the dense "
                "one has it; taken for a layer that was removed it would count as speed"
            )


def _unpruned_layers(dense: Report, pruned: Report, unpruned: Report | None) -> list[_Layer] | None:
    """The layers of `unpruned`; TraceError unless it ran each GEMM of the dense report, at the clock of the pruned."""
    if unpruned is None:
        return None
    layers = list(map(_Layer.of, unpruned.results))
    _require_known([layer for layer in layers if layer.kind != VECTOR], list(map(_Layer.of, dense.results)))
    known = {layer.name for layer in layers}
    for layer in dense.results:
        if layer.name not in known and not layer.result.is_operator:
            raise TraceError(f"layer {layer.name!r} is not in the unpruned report; {suggestion(layer.name, known)}")
    if unpruned.clock_mhz != pruned.clock_mhz:
        raise TraceError(
            f"the unpruned report's clock is {unpruned.clock_mhz:g} MHz; that of the pruned one's machine, "
            f"{pruned.clock_mhz:g} MHz, is expected"
        )
    return layers


def _fused_before(dense: Report, pruned: Report) -> list[_Layer]:
    """Operators that ran with a layer in the dense report and by themselves in the other: there they cost nothing."""
    known = {layer.name for layer in dense.results}
    apart = [layer for layer in pruned.results if layer.result.is_operator and layer.name not in known]
    return [replace(_Layer.of(layer), cycles=0, compute_cycles=0, energy_pj=0.0, active_pj=0.0) for layer in apart]


def _figures(sides: _Sides) -> tuple[float, float, float, float, float, float]:
    """alpha, alpha_macs, beta, beta_compute, beta_energy, beta_energy_active of some layers."""
    dense, now = sides.dense, sides.pruned
    a_cycle, a_cycle_now = 1 / sides.dense_mhz, 1 / sides.pruned_mhz
    weighted = sum(layer.rows * layer.weights_now for layer in now)
    return (
        _ratio(sum(layer.weights_dense for layer in dense), sum(layer.weights_now for layer in now)),
        _ratio(sum(layer.macs_dense for layer in dense if layer.weights_dense), weighted),
        _ratio(sum(layer.cycles for layer in dense) * a_cycle, sum(layer.cycles for layer in now) * a_cycle_now),
        _ratio(
            sum(layer.compute_cycles for layer in dense) * a_cycle,
            sum(layer.compute_cycles for layer in now) * a_cycle_now,
        ),
        _ratio(sum(layer.energy_pj for layer in dense), sum(layer.energy_pj for layer in now)),
        _ratio(sum(layer.active_pj for layer in dense), sum(layer.active_pj for layer in now)),
    )


def _pruning(sides: _Sides) -> dict[str, Any]:
    """alpha_pruned and beta_unpruned of some layers. A layer that is gone was pruned."""
    others = {layer.name for layer in sides.pruned if not layer.pruned}
    before = sum(layer.weights_dense for layer in sides.dense if layer.name not in others)
    now = sum(layer.weights_now for layer in sides.pruned if layer.pruned)
    unpruned = None
    if sides.unpruned is not None:
        seconds = [
            sum(layer.cycles for layer in layers) / (mhz * 1e6)
            for layers, mhz in ((sides.dense, sides.dense_mhz), (sides.unpruned, sides.pruned_mhz))
        ]
        unpruned = _ratio(*seconds)
    return {"alpha_pruned": _ratio(before, now), "beta_unpruned": unpruned}


def finite(value: float | None) -> float | None:
    """A ratio as JSON holds it: None where it is infinite or was not measured."""
    return value if value is not None and isfinite(value) else None


def _ratio(above: float, below: float) -> float:
    """above/below; infinite where nothing is left below, and 1 of nothing to nothing."""
    if below:
        return above / below
    return float("inf") if above else 1.0


def _table(sides: _Sides) -> pd.DataFrame:
    import pandas as pd

    figures = (
        "alpha", "alpha_macs", "beta", "ppr", "beta_compute", "ppr_compute", "beta_energy", "ppr_energy",
        "beta_energy_active", "ppr_energy_active", "beta_unpruned", "ppr_corrected",
    )  # fmt: skip
    others = {layer.name for layer in sides.pruned if not layer.pruned}
    rows = []
    for layer in sides.dense:
        one, pruned = _alone(sides.of([layer])), layer.weights_dense > 0 and layer.name not in others
        row = {"name": layer.name, "kind": layer.kind, "pruned": pruned}
        rows.append(row | {f: getattr(one, f) for f in figures})
    return pd.DataFrame(rows)
