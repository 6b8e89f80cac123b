"""A layer over time: Chrome-trace events for Perfetto, and the bandwidth that its transfers reach."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.engine_run import Span
from .layer import ReportedLayer

BINS = 64  # of a layer's time, for the bandwidth curve


def bandwidth_gbps(spans: Sequence[Span], cycles: int, clock_mhz: float, bins: int = BINS) -> NDArray[np.float64]:
    """10⁹ bytes a second in each of `bins` equal parts of a layer's `cycles`, (bins,).

    A transfer's bytes are spread evenly over the cycles that it was under way.
    """
    edges = np.linspace(0, cycles, bins + 1)
    moved = np.zeros(bins)
    for span in spans:
        if span.size_bytes:
            inside = np.clip(
                np.minimum(edges[1:], span.start + span.cycles) - np.maximum(edges[:-1], span.start), 0, None
            )
            moved += span.size_bytes * inside / inside.sum() if inside.sum() else 0
    seconds = np.diff(edges) / (clock_mhz * 1e6)
    return np.divide(moved / 1e9, seconds, out=np.zeros(bins), where=seconds > 0)


def timeline_text(layers: Sequence[ReportedLayer], clock_mhz: float, not_simulated: str = "") -> str:
    """All layers one after another as the text of a Chrome trace, with what is not simulated as `otherData`."""
    events: list[dict[str, Any]] = []
    start = 0
    for pid, layer in enumerate(layers):
        cycles = layer.result.cycles
        events += layer_events(pid, layer.name, layer.result.spans, start, cycles, clock_mhz)
        start += cycles
    left_out = {"otherData": {"not_simulated": not_simulated}} if not_simulated else {}
    return json.dumps({"displayTimeUnit": "ns", "traceEvents": events, **left_out})


def layer_events(
    pid: int, layer: str, spans: Sequence[Span], start: int, cycles: int, clock_mhz: float
) -> list[dict[str, Any]]:
    """Events of one layer that begins at cycle `start`: a process, a thread a track, a counter; times in µs."""
    tracks = {track: tid for tid, track in enumerate(dict.fromkeys(span.track for span in spans))}
    events: list[dict[str, Any]] = [{"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": layer}}]
    events += [{"ph": "M", "name": "thread_name", "pid": pid, "tid": t, "args": {"name": n}} for n, t in tracks.items()]
    events += [
        {
            "ph": "X", "name": span.name, "cat": span.track, "pid": pid, "tid": tracks[span.track],
            "ts": (start + span.start) / clock_mhz, "dur": span.cycles / clock_mhz,
        }
        for span in spans
    ]  # fmt: skip
    if any(span.size_bytes for span in spans):
        for i, rate in enumerate(bandwidth_gbps(spans, cycles, clock_mhz).tolist()):
            at = (start + cycles * i / BINS) / clock_mhz
            events.append({"ph": "C", "name": "DRAM bandwidth", "pid": pid, "ts": at, "args": {"GB/s": round(rate, 6)}})
    return events
