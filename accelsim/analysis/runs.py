"""Networks × machines: every pair simulated and set against the dense baseline.

Beside it runs the uncompressed network on the same machine, so that a verdict about pruning is none about machines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import shortened
from ..hardware.accelerator import Accelerator
from ..results.report import ENERGY_PARTS, Report
from ..simulate import runs_natively, simulate
from ..trace.coverage import not_simulated_fields, not_simulated_line, not_simulated_share
from ..trace.workload import Workload
from .dense_baseline import dense_pair
from .ppr import PPR, finite, ppr
from .unpruned import unpruned_report

Progress = Callable[[str], None]
RATIOS = ("alpha", "alpha_pruned", "alpha_macs", "beta", "beta_unpruned", "ppr", "ppr_corrected", "ppr_compute",
          "ppr_energy", "ppr_energy_active")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One network on one machine, and the dense baseline that it is measured against.

    `unpruned` is the uncompressed network on the same machine, None where that cannot run it.
    """

    network: str
    hardware: str
    report: Report
    dense: Report
    ppr: PPR
    unpruned: Report | None = None

    def __repr__(self) -> str:
        """One line; `summary` has all totals."""
        ratio = f"PPR {self.ppr.ppr:.3g} against {shortened(self.dense.name)!r}"
        return f"Run({shortened(self.network)!r}, {self.report!r}, {ratio}; .summary() has all totals)"

    @property
    def not_simulated_line(self) -> str:
        """What of the network, or of the one that it is measured against, no number counts; "" where all is."""
        return not_simulated_line(self.ppr.not_simulated, self._not_simulated_share)

    @property
    def _not_simulated_share(self) -> float | None:
        return not_simulated_share(self.ppr.not_simulated, self.report.macs)

    def summary(self) -> dict[str, Any]:
        """Totals, PPR, and storage as this machine holds the weights. Plain values, units in the names.

        A ratio that is infinite, or that there is none of, is None.
        """
        report, ratio = self.report, self.ppr
        totals = {
            key: getattr(report, key)
            for key in ("cycles", "compute_cycles", "stall_cycles", "energy_pj", *ENERGY_PARTS, "dram_bytes")
        }
        weights = [layer.result.weights for layer in report.results]
        storage = {
            "storage_weight_bits": sum(w.value_bits for w in weights),
            "storage_index_bits": sum(w.index_bits for w in weights),
        }
        ratios = {key: finite(getattr(ratio, key)) for key in RATIOS}
        ratios |= {
            "ppr_conv": finite(ratio.conv.ppr) if ratio.conv else None,
            "ppr_conv_compute": finite(ratio.conv.ppr_compute) if ratio.conv else None,
        }
        return {
            "network": self.network, "hardware": self.hardware, **totals, "area_um2": report.area_um2,
            "seconds": report.seconds, **ratios, **storage, "baseline_hardware": self.dense.name,
            "fallback_layers": report.fallback_layers, "energy_accounting": report.accounting.sentence,
            **not_simulated_fields(ratio.not_simulated, self._not_simulated_share),
        }  # fmt: skip


@dataclass(frozen=True)
class Study:
    """Runs of several networks, their accuracies (fractions, the uncompressed one first) and how they came to be."""

    runs: list[Run]
    accuracy: Mapping[str, float]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line; `summaries` has a dict a run."""
        pairs = {run.network for run in self.runs}, {run.hardware for run in self.runs}
        sizes = f"{len(self.runs)} runs of {len(pairs[0])} networks on {len(pairs[1])} machines"
        return f"Study({sizes}; .runs lists them, .summaries() has a dict a run)"

    def summaries(self) -> list[dict[str, Any]]:
        """One dict a run."""
        return [run.summary() for run in self.runs]

    @property
    def not_simulated_lines(self) -> list[str]:
        """A line each network of which something is not simulated: the network, what it is, its share."""
        lines = ((run.network, run.not_simulated_line) for run in self.runs)
        return list(dict.fromkeys(f"{network}: {line}" for network, line in lines if line))

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

    A network fits where the machine's own array, and not only its fallback, runs a layer of it. Nobody pruned the
    uncompressed one, whatever its traces say: its α is 1. Dense baselines and the uncompressed network on each machine
    are simulated once.
    """
    first, uncompressed = next(iter(networks.items()))
    uncompressed = replace(uncompressed, traces=[replace(trace, pruned=False) for trace in uncompressed.traces])
    known = _Known()
    runs = []
    for name, machine in pairs(networks, machines):
        workload = uncompressed if name == first else networks[name]
        if progress:
            progress(f"{name} on {machine.name}")
        report = simulate(workload, machine, verify=verify)
        layers, baseline = dense_pair(uncompressed, workload, machine)
        dense = known.report(layers, baseline)
        unpruned = unpruned_report(layers, workload, machine, known.report)
        runs.append(Run(name, machine.name, report, dense, ppr(dense, report, unpruned), unpruned))
    return runs


def pairs(networks: Mapping[str, Workload], machines: Iterable[Accelerator]) -> list[tuple[str, Accelerator]]:
    """Each network's name with each machine whose own array, and not only its fallback, runs a layer of it."""
    return [
        (name, machine)
        for machine in machines
        for name, workload in networks.items()
        if any(runs_natively(machine, trace) for trace in workload.traces)
    ]


class _Known:
    """Reports of the uncompressed network, by its bits and the machine: each is simulated once."""

    def __init__(self) -> None:
        self.reports: dict[str, Report] = {}

    def report(self, layers: Workload, machine: Accelerator) -> Report:
        """The report of these layers on this machine."""
        bits = [(t.name, t.weight_bits, t.activation_bits, t.weight_coding, t.operation) for t in layers.traces]
        key = repr((machine.to_dict(), bits, layers.operators))
        if key not in self.reports:
            self.reports[key] = simulate(layers, machine)
        return self.reports[key]
