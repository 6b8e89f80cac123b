"""simulate(workload, hardware) -> Report: the one door."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .analysis.verification import verified_output
from .energy.built import built_for, widest_float
from .energy.model import EnergyModel
from .engine.array_selection import runs_natively, select_array
from .engine.layer_result import LayerResult
from .engine.layer_runner import LayerRunner
from .engine.plan import plan
from .errors import TraceError
from .hardware.accelerator import Accelerator
from .hardware.loading import load_hardware
from .mapping.goals import MappingCosts
from .results.invariants import checked
from .results.layer import ReportedLayer
from .results.report import Report
from .trace.gemm import GemmTrace
from .trace.workload import Workload

__all__ = ["runs_natively", "select_array", "simulate"]

Progress = Callable[[int, int], None]


def simulate(
    workload: GemmTrace | Sequence[GemmTrace] | Workload,
    hardware: str | Path | Mapping[str, Any] | Accelerator,
    *,
    verify: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Run every layer and operator on the machine, one after another, and report cycles, energy and traffic.

    `hardware` is an Accelerator or anything that load_hardware takes. An operator that is fused runs with the layer
    before it and in its row; any other, and a fused one whose windows the layer's tiles cut, has a row of its own of
    kind "vector". `verify` also runs each array's functional datapath and compares every output with the exact
    integers (VerificationError); it needs values. `progress` is called as (layers done, layers in all). Raises
    UnsupportedLayerError for a layer that neither the array nor a fallback runs, and MappingError for one whose tiles
    fit no buffer.

    >>> import accelsim
    >>> layer = accelsim.GemmTrace("fc", M=1, N=500, K=800)
    >>> accelsim.simulate(layer, {"name": "8x8", "array": {"kind": "systolic", "rows": 8, "cols": 8}}).cycles
    51282
    """
    machine = load_hardware(hardware)
    network = _workload(workload)
    runner = LayerRunner(machine, _costs(network, machine))
    results: list[LayerResult] = []
    steps = plan(network, machine, runner.tilings)
    for done, step in enumerate(steps, 1):  # a layer or an operator, and the operators fused behind it
        results += runner.run(step)  # programs, tilings, schedule, engine
        if progress:
            progress(done, len(steps))
    own, fallback = built_for(results)  # each array for the layers that it ran itself
    floats = widest_float(result.widths.float_format for result in results)
    energy = EnergyModel(machine, **own._asdict(), fallback=fallback, float_format=floats)
    layers = [checked(ReportedLayer(result, energy.layer(result))) for result in results]
    outputs = {trace.name: verified_output(trace, machine) for trace in network.traces} if verify else {}
    return Report(
        network.name, machine.to_dict(), tuple(layers), energy.area_um2, outputs,
        accounting=machine.dram.accounting, extrapolated=energy.extrapolated,
        batch=network.batch, warmup_bytes=sum(step.warmup_bytes for step in steps),
        not_simulated=network.not_simulated, remarks=network.remarks,
    )  # fmt: skip


def _costs(network: Workload, machine: Accelerator) -> MappingCosts | None:
    """What a byte and a cycle cost, where mappings are chosen by it, of the network's widest operands."""
    if machine.mapping.goal != "energy":
        return None
    weight_bits = max((trace.weight_bits for trace in network.traces), default=8)
    activation_bits = max((trace.activation_bits for trace in network.traces), default=8)
    floats = widest_float(trace.float_format for trace in network.traces)
    model = EnergyModel(machine, weight_bits=weight_bits, activation_bits=activation_bits, float_format=floats)
    return model.mapping_costs()


def _workload(workload: GemmTrace | Sequence[GemmTrace] | Workload) -> Workload:
    if isinstance(workload, Workload):
        return workload
    traces = [workload] if isinstance(workload, GemmTrace) else list(workload)
    if not traces or not all(isinstance(t, GemmTrace) for t in traces):
        raise TraceError("simulate takes a GemmTrace, a list of them that is not empty, or a Workload")
    return Workload(traces[0].name if len(traces) == 1 else "workload", tuple(traces))
