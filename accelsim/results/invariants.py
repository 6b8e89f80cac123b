"""What every layer of every report keeps; where one does not, the fault is the simulator's."""

from __future__ import annotations

from ..errors import InternalError
from .layer import ReportedLayer


def checked(layer: ReportedLayer) -> ReportedLayer:
    """The layer itself. Raises InternalError unless its parts add up and its bounds hold (DESIGN section 3)."""
    result, run = layer.result, layer.result.run
    negative = [name for name, number in _numbers(layer).items() if number < 0]
    laws = {
        "stalls add up by cause": result.stall_cycles == run.stalls.total * result.times,
        f"no negative counter ({negative})": not negative,
        "cycles >= effectual MACs / peak": result.cycles * result.lanes >= result.macs_effectual,
        "dram_bytes >= compulsory bytes": run.traffic.total >= result.compulsory_bytes,
    }
    broken = [law for law, holds in laws.items() if not holds]
    if broken:
        raise InternalError(f"layer {layer.name!r} breaks: {'; '.join(broken)}")
    return layer


def _numbers(layer: ReportedLayer) -> dict[str, float]:
    """Everything of one run that cannot be below zero, by the name of its column."""
    result, run = layer.result, layer.result.run
    return {
        **dict(run.counts.items()),
        **run.traffic.columns(),
        **run.stalls.columns(),
        **result.weights.columns(),
        **result.widths.columns(),
        **run.dram.counts,
        **{f"energy_{part}_pj": pj for part, pj in layer.energy.run_pj.items()},
        "cycles": run.cycles.total,
        "compute_cycles": run.cycles.compute,
        "vector_cycles": run.cycles.vector,
        "memory_cycles": run.cycles.memory,
        "stall_cycles": run.cycles.total - run.cycles.compute,
        "t_cuts": run.t_cuts,
        "macs_dense": result.macs_dense,
        "macs_effectual": run.macs_effectual,
    }
