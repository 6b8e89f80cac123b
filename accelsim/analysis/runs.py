"""Networks × machines: every pair simulated and set against the dense baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..hardware.accelerator import Accelerator
from ..results.report import Report
from ..simulate import runs_natively, simulate
from ..trace.workload import Workload
from .dense_baseline import dense_pair
from .ppr import PPR, ppr

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """One network on one machine, and the dense baseline that it is measured against."""

    network: str
    hardware: str
    report: Report
    dense: Report
    ppr: PPR

    def summary(self) -> dict[str, Any]:
        """Totals, PPR, and storage as this machine holds the weights. Plain values, units in the names."""
        report, ratio = self.report, self.ppr
        totals = {
            key: getattr(report, key) for key in ("cycles", "compute_cycles", "stall_cycles", "energy_pj", "dram_bytes")
        }
        weights = [layer.result.weights for layer in report.results]
        storage = {
            "storage_weight_bits": sum(w.value_bits for w in weights),
            "storage_index_bits": sum(w.index_bits for w in weights),
        }
        ratios = {
            "alpha": ratio.alpha, "alpha_macs": ratio.alpha_macs, "beta": ratio.beta, "ppr": ratio.ppr,
            "ppr_compute": ratio.ppr_compute, "ppr_energy": ratio.ppr_energy,
            "ppr_conv": ratio.conv.ppr if ratio.conv else None,
            "ppr_conv_compute": ratio.conv.ppr_compute if ratio.conv else None,
        }  # fmt: skip
        return {
            "network": self.network, "hardware": self.hardware, **totals, "area_um2": report.area_um2,
            "seconds": report.seconds, **ratios, **storage, "baseline_hardware": self.dense.name,
            "fallback_layers": report.fallback_layers,
        }  # fmt: skip


@dataclass(frozen=True)
class Study:
    """Runs of several networks, their accuracies (fractions, the uncompressed one first) and how they came to be."""

    runs: list[Run]
    accuracy: Mapping[str, float]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def summaries(self) -> list[dict[str, Any]]:
        """One dict a run."""
        return [run.summary() for run in self.runs]

    def layer_rows(self) -> list[dict[str, Any]]:
        """Every report's layer rows behind `network` and `hardware`."""
        return [
            {"network": run.network, "hardware": run.hardware, **row} for run in self.runs for row in run.report.rows
        ]


def compare(
    networks: Mapping[str, Workload],
    machines: Iterable[Accelerator],
    *,
    verify: bool = False,
    progress: Progress | None = None,
) -> list[Run]:
    """Every network on every machine that it fits; the first network is the uncompressed one.

    A network fits where the machine's own array, and not only its fallback, runs a layer of it. Dense baselines are
    simulated once.
    """
    uncompressed = next(iter(networks.values()))
    known: dict[str, Report] = {}
    runs = []
    for machine in machines:
        for name, workload in networks.items():
            if not any(runs_natively(machine, trace) for trace in workload.traces):
                continue
            if progress:
                progress(f"{name} on {machine.name}")
            report = simulate(workload, machine, verify=verify)
            dense = _dense_report(uncompressed, workload, machine, known)
            ratio = ppr(dense, report)
            runs.append(Run(name, machine.name, report, dense, unpruned(ratio) if workload is uncompressed else ratio))
    return runs


def unpruned(ratio: PPR) -> PPR:
    """The ratio of the uncompressed network: α is 1, for the zeros that rounding left are bits and no pruning."""
    conv = unpruned(ratio.conv) if ratio.conv else None
    return replace(ratio, alpha=1.0, alpha_macs=1.0, conv=conv)


def _dense_report(uncompressed: Workload, workload: Workload, machine: Accelerator, known: dict[str, Report]) -> Report:
    shapes, baseline = dense_pair(uncompressed, workload, machine)
    bits = [(t.name, t.weight_bits, t.activation_bits) for t in shapes.traces]
    key = repr((baseline.to_dict(), bits, shapes.operators))
    if key not in known:
        known[key] = simulate(shapes, baseline)
    return known[key]
