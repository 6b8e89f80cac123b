"""simulate(workload, hardware) -> Report: the one door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim import energy, engine
from accelsim.arrays.base import PEArray, Program
from accelsim.errors import TraceError, UnsupportedLayerError
from accelsim.hardware import Accelerator, load_hardware
from accelsim.mapping import choose
from accelsim.report import Report, check_row
from accelsim.schedule import OnChip, Schedule, build
from accelsim.tile_bytes import bytes_of
from accelsim.trace import GemmTrace
from accelsim.verify import compare, exact_gemm
from accelsim.workload import Workload

Row = dict[str, Any]
SRAM_COLUMNS = ("sram_ifmap_reads", "sram_filter_reads", "sram_ofmap_writes", "sram_psum_reads")


def simulate(
    workload: GemmTrace | Sequence[GemmTrace] | Workload,
    hardware: str | Path | Mapping[str, Any] | Accelerator,
    verify: bool = False,
) -> Report:
    """Run every layer on the machine, one after another, and report cycles, energy and traffic.

    `hardware` is an Accelerator or anything that load_hardware takes. `verify` also runs each array's functional
    datapath and compares every output with the exact integer GEMM (VerificationError); it needs values. Raises
    UnsupportedLayerError for a layer that neither the array nor a fallback runs, and MappingError for one whose tiles
    fit no buffer.
    """
    machine = load_hardware(hardware)
    name, traces = _traces(workload)
    widths = max((t.weight_bits for t in traces), default=8), max((t.activation_bits for t in traces), default=8)
    area = energy.machine_area(machine, *widths)
    layers = _Layers(machine, energy.machine_leakage_uw(machine, area))
    kept = _kept_on_chip(traces, machine)
    rows = [layers.row(trace, here) for trace, here in zip(traces, kept, strict=True)]
    outputs = {trace.name: _verified(trace, machine) for trace in traces} if verify else {}
    return Report(name, machine.to_dict(), rows, area, layers.spans, outputs)


def _traces(workload: GemmTrace | Sequence[GemmTrace] | Workload) -> tuple[str, list[GemmTrace]]:
    if isinstance(workload, Workload):
        return workload.name, list(workload.traces)
    traces = [workload] if isinstance(workload, GemmTrace) else list(workload)
    if not traces or not all(isinstance(t, GemmTrace) for t in traces):
        raise TraceError("simulate takes a GemmTrace, a list of them that is not empty, or a Workload")
    whole = Workload(traces[0].name if len(traces) == 1 else "workload", tuple(traces))
    return whole.name, list(whole.traces)


def select_array(machine: Accelerator, trace: GemmTrace) -> tuple[PEArray, list[Program]]:
    """The array that runs a layer, or its fallback, with a program a group; equal groups share one."""
    try:
        return machine.array, _programs(machine.array, trace)
    except UnsupportedLayerError:
        if machine.fallback is None:
            raise
        return machine.fallback, _programs(machine.fallback, trace)


def runs_natively(machine: Accelerator, trace: GemmTrace) -> bool:
    """Whether the machine's own array runs the layer, without its fallback."""
    try:
        machine.array.program(trace.group(0))
    except UnsupportedLayerError:
        return False
    return True


def _programs(array: PEArray, trace: GemmTrace) -> list[Program]:
    if trace.weight_operand is None and trace.activation_operand is None:
        return [array.program(trace.group(0))] * trace.groups
    return [array.program(trace.group(g)) for g in range(trace.groups)]


class _Layers:
    """Simulates layers; a shape that was seen before is not simulated again."""

    def __init__(self, machine: Accelerator, leak_uw: float) -> None:
        self.machine, self.leak_uw = machine, leak_uw
        self.seen: dict[object, tuple[Row, list[engine.Span]]] = {}
        self.spans: dict[str, list[engine.Span]] = {}

    def row(self, trace: GemmTrace, on_chip: OnChip) -> Row:
        """The report's row of one layer."""
        key = on_chip, _shape_key(trace) or trace.name
        if key not in self.seen:
            self.seen[key] = self._simulate(trace, on_chip)
        row, self.spans[trace.name] = self.seen[key]
        return {**row, "name": trace.name}

    def _simulate(self, trace: GemmTrace, on_chip: OnChip) -> tuple[Row, list[engine.Span]]:
        array, programs = select_array(self.machine, trace)
        timed = self.machine.dram.kernel(self.machine.clock_mhz)
        different = {id(p): p for p in programs}
        overlap, given = timed is not None, self.machine.mapping
        mappings = {key: choose(p, self.machine.buffers, overlap, given) for key, p in different.items()}
        schedule = build(((p, mappings[id(p)]) for p in programs), on_chip)
        slots = 1 if self.machine.buffers is not None and not self.machine.buffers.double else 2
        run = engine.run(schedule, timed, slots)
        cuts = sum(mappings[id(p)].t_cuts for p in programs)
        memory_cycles = timed.busy_cycles if timed is not None else 0
        more = {"t_cuts": cuts, "memory_cycles": memory_cycles}
        if timed is not None:
            timed.close(run.cycles)
            more |= timed.counts()
        dram_pj = timed.energy_pj() if timed is not None else {}
        row = self._row(trace, array, programs, schedule, run, more, dram_pj)
        check_row(row, array.peak_macs, trace.repeat * sum(_compulsory(p, on_chip) for p in programs))
        return row, run.spans

    def _row(
        self,
        trace: GemmTrace,
        array: PEArray,
        programs: list[Program],
        schedule: Schedule,
        run: engine.EngineRun,
        more: Row,
        dram_pj: Mapping[str, float],
    ) -> Row:
        compute, counts, dram = schedule.compute_cycles, schedule.counts, schedule.dram_bytes()
        stored, output = programs[0].stored_weight_bits, programs[0].output_bits
        widths = energy.Widths(trace.weight_bits, stored, trace.activation_bits, output, array.accumulator_bits)
        pj = energy.layer_energy(self.machine, array, counts, dram, widths, self.leak_uw, run.cycles)
        pj |= dram_pj
        additive: Row = {
            "cycles": run.cycles,
            "compute_cycles": compute,
            "stall_cycles": run.cycles - compute,
            **{f"stall_{cause}_cycles": cycles for cause, cycles in run.stalls.items()},
            "macs_effectual": sum(p.effectual_macs() for p in programs),
            "macs_executed": counts["macs_executed"],
            **{column: counts[column] for column in SRAM_COLUMNS},
            "sram_index_bits": counts["sram_index_bits"],
            "register_bits": counts["register_bits"],
            **dram,
            "dram_bytes": sum(dram.values()),
            **{f"energy_{part}_pj": value for part, value in pj.items()},
            "energy_pj": sum(pj.values()),
            **{name: value for name, value in sorted(counts.items()) if name.startswith(f"{array.kind}_")},
            **more,
        }
        return _identity(trace, array) | {
            "utilization": counts["macs_executed"] / (array.peak_macs * compute) if compute else 0.0,
            "bound": _bound(compute, dram, more["memory_cycles"]),
            "macs_dense": trace.macs,
            "weights_dense": trace.dense_groups * trace.dense_shape[1] * trace.dense_shape[2],
            "weights_nonzero": sum(p.weights_nonzero() for p in programs),
            "storage_weight_bits": sum(p.weight_bits(0, trace.N, 0, trace.K) for p in programs),
            "storage_index_bits": sum(p.index_bits(0, trace.N, 0, trace.K) for p in programs),
            **{name: value * trace.repeat for name, value in additive.items()},
            **_dram_rates(additive, self.machine.clock_mhz),
        }


def _dram_rates(row: Row, clock_mhz: float) -> Row:
    """Bandwidth over the layer in 10⁹ bytes a second, and of a DRAM with banks the share of requests that hit a row."""
    rates = {"dram_gbps": row["dram_bytes"] * clock_mhz / 1000 / row["cycles"] if row["cycles"] else 0.0}
    if "dram_requests" in row:
        rates["dram_row_hit_rate"] = row["dram_row_hits"] / row["dram_requests"] if row["dram_requests"] else 0.0
    return rates


def _identity(trace: GemmTrace, array: PEArray) -> Row:
    shape = {"M": trace.M, "N": trace.N, "K": trace.K, "groups": trace.groups, "repeat": trace.repeat}
    bits = {"weight_bits": trace.weight_bits, "activation_bits": trace.activation_bits}
    return {"name": trace.name, "kind": trace.kind, "array": array.kind, **shape, **bits}


def _bound(compute_cycles: int, dram: Mapping[str, int], memory_cycles: int) -> str:
    """What a layer waits for at best: its MACs, or DRAM; `index` where indices are the largest part of that traffic."""
    if compute_cycles >= memory_cycles:
        return "compute"
    return "index" if max(dram, key=lambda part: dram[part]) == "dram_index_bytes" else "memory"


def _kept_on_chip(traces: Sequence[GemmTrace], machine: Accelerator) -> list[OnChip]:
    """Which activations stay between one layer and the next, in the order in which the workload lists them."""
    stays = [_stays(a, b, machine) for a, b in pairwise(traces)]
    return [OnChip(before, after) for before, after in zip([False, *stays], [*stays, False], strict=True)]


def _stays(trace: GemmTrace, following: GemmTrace, machine: Accelerator) -> bool:
    buffers = machine.buffers
    if buffers is None or not buffers.keep_on_chip or trace.repeat * following.repeat > 1:
        return False
    outputs = trace.groups * trace.M * trace.N * (machine.array.output_bits or trace.activation_bits)
    inputs = following.groups * following.touched_ifmap(0, following.M, 0, following.K) * following.activation_bits
    return bytes_of(outputs) <= buffers.tile_bytes("ofmap") and bytes_of(inputs) <= buffers.tile_bytes("ifmap")


def _compulsory(program: Program, on_chip: OnChip) -> int:
    """Bytes that must cross once: encoded weights, indices, touched ifmap, ofmap, less what stays on chip."""
    t = program.trace
    once = (
        program.weight_bits(0, t.N, 0, t.K),
        program.index_bits(0, t.N, 0, t.K),
        0 if on_chip.ifmap else program.ifmap_bits(0, t.M, 0, t.K),
        0 if on_chip.ofmap else t.M * t.N * program.output_bits,
    )
    return sum(bytes_of(bits) for bits in once)


def _shape_key(trace: GemmTrace) -> object:
    """What tells two layers without values apart; None where a layer has values."""
    if trace.weight_operand is not None or trace.activation_operand is not None:
        return None
    fields = ("M", "N", "K", "groups", "coding", "kind", "conv", "repeat", "dense_shape", "dense_groups")
    return tuple(getattr(trace, field) for field in fields)


def _verified(trace: GemmTrace, machine: Accelerator) -> NDArray[np.int64]:
    if not trace.has_values:
        raise TraceError(f"layer {trace.name!r} is a shape; verify needs integer weights and activations")
    array, programs = select_array(machine, trace)
    parts = []
    for program in programs:
        got = program.functional()
        compare(trace.name, array.kind, got, exact_gemm(program.trace))
        parts.append(got)
    return np.concatenate(parts, axis=1)
