"""α, β and the actual pruning-to-performance ratio of two reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelsim.errors import TraceError, suggestion
from accelsim.results.report import Report

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]


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


def ppr(dense: Report, pruned: Report) -> PPR:
    """Compare a pruned network's report with its dense baseline's; layers match by name, aggregates are Σ/Σ.

    A layer that the pruned report lacks was removed and takes no time; one that the dense report lacks raises
    TraceError, unless it is an operator, which may run with a layer in one report and by itself in the other. GEMMs and
    operators without weights count in β alone. Clocks may differ: times are seconds. Source: DESIGN's definition after
    001 §I and §VI.
    """
    rows = [*dense.rows, *_fused_before(dense, pruned)]
    known = {row["name"]: row for row in rows}
    for row in pruned.rows:
        if row["name"] not in known:
            raise TraceError(f"layer {row['name']!r} is not in the dense report; {suggestion(row['name'], known)}")
    conv = [row for row in rows if row["kind"] == "conv"]
    by_name = {row["name"]: row for row in pruned.rows}
    clocks = dense.clock_mhz, pruned.clock_mhz
    return PPR(
        *_figures(rows, by_name, clocks),
        conv=PPR(*_figures(conv, by_name, clocks), conv=None, layers=None) if conv else None,
        layers=_table(rows, by_name, clocks),
    )


def _fused_before(dense: Report, pruned: Report) -> list[Row]:
    """Empty rows of the operators that ran with a layer in the dense report and by themselves in the other."""
    known = {row["name"] for row in dense.rows}
    apart = [row for row in pruned.rows if row["kind"] == "vector" and row["name"] not in known]
    return [{**row, "cycles": 0, "compute_cycles": 0, "energy_pj": 0.0} for row in apart]


def _figures(
    dense: list[Row], pruned: dict[str, Row], clocks: tuple[float, float]
) -> tuple[float, float, float, float, float]:
    """alpha, alpha_macs, beta, beta_compute, beta_energy of some layers."""
    now = [pruned[row["name"]] for row in dense if row["name"] in pruned]

    def gain(key: str, before: float = 1.0, after: float = 1.0) -> float:
        return _ratio(sum(row[key] for row in dense) * before, sum(row[key] for row in now) * after)

    alpha = _ratio(sum(row["weights_dense"] for row in dense), sum(row["weights_nonzero"] for row in now))
    weighted = sum(row["M"] * row["repeat"] * row["weights_nonzero"] for row in now)
    alpha_macs = _ratio(sum(row["macs_dense"] for row in dense if row["weights_dense"]), weighted)
    per_clock = (1 / clocks[0], 1 / clocks[1])
    return alpha, alpha_macs, gain("cycles", *per_clock), gain("compute_cycles", *per_clock), gain("energy_pj")


def _ratio(above: float, below: float) -> float:
    """above/below; infinite where nothing is left below, and 1 of nothing to nothing."""
    if below:
        return above / below
    return float("inf") if above else 1.0


def _table(dense: list[Row], pruned: dict[str, Row], clocks: tuple[float, float]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for row in dense:
        one = PPR(*_figures([row], pruned, clocks), conv=None, layers=None)
        figures = ("alpha", "alpha_macs", "beta", "ppr", "beta_compute", "ppr_compute", "beta_energy", "ppr_energy")
        rows.append({"name": row["name"], "kind": row["kind"], **{f: getattr(one, f) for f in figures}})
    return pd.DataFrame(rows)
