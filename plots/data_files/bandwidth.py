"""The DRAM's bandwidth over time, layer after layer, from a report or from a Chrome trace's counter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.results.report import Report
from accelsim.results.timeline import BINS, bandwidth_gbps

COUNTER = "DRAM bandwidth"
MOST_RUNS = 64  # of one layer that are shown one by one; more are shown as their mean


@dataclass(frozen=True, eq=False)
class LayerBandwidth:
    """One layer from `start_us` to `end_us`; `gbps` are 10⁹ bytes a second in equal parts of that time."""

    layer: str
    start_us: float
    end_us: float
    gbps: NDArray[np.float64]

    @property
    def edges_us(self) -> NDArray[np.float64]:
        """Where the parts begin and end: one more than there are parts."""
        return np.linspace(self.start_us, self.end_us, len(self.gbps) + 1)

    @property
    def size_bytes(self) -> float:
        """What was moved."""
        return float(self.gbps.mean() * 1e3 * (self.end_us - self.start_us)) if len(self.gbps) else 0.0


def report_bandwidth(report: Report) -> list[LayerBandwidth]:
    """The layers of a report one after another; a layer that is several equal runs shows each of them."""
    layers, start = [], 0.0
    for layer in report.results:
        cycles, times = layer.result.run.cycles.total, layer.result.times
        if cycles * times:
            one = bandwidth_gbps(layer.result.spans, cycles, report.clock_mhz, BINS)
            rates = np.tile(one, times) if times <= MOST_RUNS else np.full(BINS, one.mean())
            end = start + cycles * times / report.clock_mhz
            layers.append(LayerBandwidth(layer.name, start, end, rates))
            start = end
    return layers


def bandwidth_of(content: Any) -> list[LayerBandwidth]:
    """The counter of every process of a Chrome trace that `Report.to_timeline` wrote; none of another's trace.

    A layer ends where the next one begins, and the last one as long after its last count as the counts lie apart.
    """
    events = content.get("traceEvents") if isinstance(content, Mapping) else None
    if not isinstance(events, list):
        return []
    names = {e["pid"]: str(e["args"]["name"]) for e in events if e.get("name") == "process_name"}
    counts: dict[Any, list[tuple[float, float]]] = {}
    for event in events:
        if event.get("ph") == "C" and event.get("name") == COUNTER:
            counts.setdefault(event["pid"], []).append((float(event["ts"]), float(event["args"]["GB/s"])))
    return [_layer(names.get(pid, f"process {pid}"), points) for pid, points in counts.items() if len(points) > 1]


def _layer(name: str, points: Sequence[tuple[float, float]]) -> LayerBandwidth:
    times, rates = np.array(points).T
    step = (times[-1] - times[0]) / (len(times) - 1)
    return LayerBandwidth(name, float(times[0]), float(times[-1] + step), rates)
