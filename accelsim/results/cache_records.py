"""A reported layer as plain values, and back: what a cache keeps. Spans of the timeline are left out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..arrays.base import PEArray
from ..energy.model import LayerEnergy
from ..engine.dram_traffic import DramTraffic, Stalls
from ..engine.layer_result import (
    Cycles,
    DramActivity,
    LayerResult,
    LayerShape,
    OperandWidths,
    RunResult,
    WeightCounts,
)
from ..engine.schedule import NO_COUNTS
from ..hardware.accelerator import Accelerator
from .layer import ReportedLayer

Record = dict[str, Any]


def to_record(layer: ReportedLayer) -> Record:
    """All but the spans; JSON holds it."""
    result = layer.result
    return {
        "shape": asdict(result.shape),
        "widths": asdict(result.widths),
        "weights": asdict(result.weights),
        "macs_dense": result.macs_dense,
        "run": _run_to_record(result.run),
        "times": result.times,
        "largest_traffic": asdict(result.largest_traffic),
        "lanes": result.lanes,
        "compulsory_bytes": result.compulsory_bytes,
        "run_pj": dict(layer.energy.run_pj),
        "run_io_pj": layer.energy.run_io_pj,
    }


def _run_to_record(run: RunResult) -> Record:
    return {
        "cycles": asdict(run.cycles),
        "stalls": asdict(run.stalls),
        "t_cuts": run.t_cuts,
        "macs_effectual": run.macs_effectual,
        "counts": dict(run.counts.items()),
        "traffic": asdict(run.traffic),
        "dram_counts": dict(run.dram.counts),
        "dram_pj": dict(run.dram.energy_pj),
    }


def from_record(record: Record, machine: Accelerator) -> ReportedLayer:
    """The layer that `to_record` described, which ran on `machine`. KeyError or TypeError for any other record."""
    shape = LayerShape(**{**record["shape"], "operators": tuple(record["shape"]["operators"])})
    result = LayerResult(
        shape=shape,
        widths=OperandWidths(**record["widths"]),
        weights=WeightCounts(**record["weights"]),
        macs_dense=record["macs_dense"],
        run=_run_from_record(record["run"], None if shape.kind == "vector" else _array(machine, shape)),
        times=record["times"],
        largest_traffic=DramTraffic(**record["largest_traffic"]),
        lanes=record["lanes"],
        compulsory_bytes=record["compulsory_bytes"],
    )
    return ReportedLayer(result, LayerEnergy(record["run_pj"], result.times, record["run_io_pj"]))


def _array(machine: Accelerator, shape: LayerShape) -> PEArray:
    fallback = machine.fallback
    return fallback if shape.on_fallback and fallback is not None else machine.array


def _run_from_record(record: Record, array: PEArray | None) -> RunResult:
    schema = NO_COUNTS.schema if array is None else array.schema
    return RunResult(
        cycles=Cycles(**record["cycles"]),
        stalls=Stalls(**record["stalls"]),
        t_cuts=record["t_cuts"],
        macs_effectual=record["macs_effectual"],
        counts=schema.count(**record["counts"]),
        traffic=DramTraffic(**record["traffic"]),
        dram=DramActivity(record["dram_counts"], record["dram_pj"]),
    )
