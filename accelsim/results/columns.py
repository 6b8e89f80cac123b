"""The row of a layer in tables, CSV and JSON: made at export, and nowhere read back by the simulator."""

from __future__ import annotations

from typing import Any

from ..arrays.counters import COMMON
from ..engine.layer_result import LayerResult
from .layer import ReportedLayer

Row = dict[str, Any]


def row_of(layer: ReportedLayer, *, clock_mhz: float) -> Row:
    """All columns of a layer; units stand in their names. The array's own counters carry its kind as prefix."""
    result, times = layer.result, layer.result.times
    run, counts = result.run, dict(result.run.counts.items())
    common = {spec.name: counts.pop(spec.name) * times for spec in COMMON}
    energies = {f"energy_{part}_pj": pj for part, pj in layer.energy.components_pj().items()}
    return {
        **_identity(result),
        **_cycles(result),
        **common,
        **(run.traffic * times).columns(),
        "dram_bytes": result.dram_bytes,
        **energies,
        "energy_pj": layer.energy.total_pj,
        "dram_io_share": layer.energy.dram_io_share,
        **{name: count * times for name, count in counts.items()},
        "t_cuts": run.t_cuts * times,
        "memory_cycles": run.cycles.memory * times,
        **{name: count * times for name, count in run.dram.counts.items()},
        **_dram_rates(result, clock_mhz),
    }


def _identity(result: LayerResult) -> Row:
    shape, widths = result.shape, result.widths
    return {
        "name": shape.name, "kind": shape.kind, "array": shape.array, "dataflow": shape.dataflow,
        "M": shape.M, "N": shape.N, "K": shape.K, "groups": shape.groups, "repeat": shape.repeat,
        "weight_bits": widths.weight_bits, "activation_bits": widths.activation_bits,
        "ifmap_format": shape.ifmap_format, "ofmap_format": shape.ofmap_format,
        "operators": "+".join(shape.operators), "utilization": result.utilization, "bound": result.bound,
        **({} if widths.float_format is None else {"float_format": widths.float_format}),
        **widths.columns(), "macs_dense": result.macs_dense, **result.weights.columns(),
    }  # fmt: skip


def _cycles(result: LayerResult) -> Row:
    return {
        "cycles": result.cycles, "compute_cycles": result.compute_cycles, "stall_cycles": result.stall_cycles,
        **(result.run.stalls * result.times).columns(),
        "vector_cycles": result.run.cycles.vector * result.times, "macs_effectual": result.macs_effectual,
    }  # fmt: skip


def _dram_rates(result: LayerResult, clock_mhz: float) -> Row:
    """Bandwidth over the layer in 10⁹ bytes a second, and of a DRAM with banks the share of requests that hit a row."""
    cycles, counts = result.run.cycles.total, result.run.dram.counts
    rates = {"dram_gbps": result.run.traffic.total * clock_mhz / 1000 / cycles if cycles else 0.0}
    if "dram_requests" in counts:
        requests = counts["dram_requests"]
        rates["dram_row_hit_rate"] = counts["dram_row_hits"] / requests if requests else 0.0
    return rates
