"""simulate(workload, hardware) -> Report: the one door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.analysis.verification import compare
from accelsim.energy import model as energy
from accelsim.engine.array_selection import runs_natively, select_array
from accelsim.engine.layer_runner import LayerRunner
from accelsim.engine.plan import kept_on_chip, steps_of
from accelsim.errors import TraceError
from accelsim.hardware.accelerator import Accelerator, load_hardware
from accelsim.results.report import Report
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.workload import Workload

__all__ = ["runs_natively", "select_array", "simulate"]


def simulate(
    workload: GemmTrace | Sequence[GemmTrace] | Workload,
    hardware: str | Path | Mapping[str, Any] | Accelerator,
    verify: bool = False,
) -> Report:
    """Run every layer and operator on the machine, one after another, and report cycles, energy and traffic.

    `hardware` is an Accelerator or anything that load_hardware takes. An operator that is fused runs with the layer
    before it and in its row; any other, and a fused one whose windows the layer's tiles cut, has a row of its own of
    kind "vector". `verify` also runs each array's functional datapath and compares every output with the exact
    integers (VerificationError); it needs values. Raises UnsupportedLayerError for a layer that neither the array nor
    a fallback runs, and MappingError for one whose tiles fit no buffer.
    """
    machine = load_hardware(hardware)
    whole = _workload(workload)
    traces = whole.traces
    widths = max((t.weight_bits for t in traces), default=8), max((t.activation_bits for t in traces), default=8)
    area = energy.machine_area(machine, *widths)
    layers = LayerRunner(machine, energy.machine_leakage_uw(machine, area))
    steps = steps_of(traces, whole.operators)
    kept = kept_on_chip(steps, machine)
    rows = [row for step, here in zip(steps, kept, strict=True) for row in layers.rows(step, here)]
    outputs = {trace.name: _verified(trace, machine) for trace in traces} if verify else {}
    return Report(whole.name, machine.to_dict(), rows, area, layers.spans, outputs)


def _workload(workload: GemmTrace | Sequence[GemmTrace] | Workload) -> Workload:
    if isinstance(workload, Workload):
        return workload
    traces = [workload] if isinstance(workload, GemmTrace) else list(workload)
    if not traces or not all(isinstance(t, GemmTrace) for t in traces):
        raise TraceError("simulate takes a GemmTrace, a list of them that is not empty, or a Workload")
    return Workload(traces[0].name if len(traces) == 1 else "workload", tuple(traces))


def _verified(trace: GemmTrace, machine: Accelerator) -> NDArray[np.int64]:
    """What the datapath computed, (M, N), or below one another for steps with activations of their own."""
    if not trace.has_values:
        raise TraceError(f"layer {trace.name!r} is a shape; verify needs integer weights and activations")
    steps = [trace.step(t) for t in range(trace.repeat)] if trace.has_steps else [trace]
    return np.concatenate([_verified_step(step, machine) for step in steps])


def _verified_step(trace: GemmTrace, machine: Accelerator) -> NDArray[np.int64]:
    array, programs = select_array(machine, trace)
    parts = []
    for program in programs:
        got = program.functional()
        compare(trace.name, array.kind, got, program.exact())
        parts.append(got)
    return np.concatenate(parts, axis=1)
