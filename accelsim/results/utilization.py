"""The utilization of several layers together."""

from __future__ import annotations

from collections.abc import Iterable

from .layer import ReportedLayer


def utilization_of(layers: Iterable[ReportedLayer]) -> float:
    """Executed MACs ÷ (peak · compute cycles), over all GEMMs, each with the peak of the array that ran it."""
    results = [layer.result for layer in layers if not layer.result.is_operator]
    cycles = sum(result.compute_cycles for result in results)
    busy = sum(result.utilization * result.compute_cycles for result in results)
    return float(busy / cycles) if cycles else 0.0
