"""A layer as a report has it: what it cost in time and traffic, and its energy."""

from __future__ import annotations

from dataclasses import dataclass

from ..energy.model import LayerEnergy
from ..engine.layer_result import LayerResult
from ..errors import shortened
from .quantities import energy, size


@dataclass(frozen=True)
class ReportedLayer:
    """`result` and `energy` of one layer or operator; both speak of one run and of how many there are."""

    result: LayerResult
    energy: LayerEnergy

    def __repr__(self) -> str:
        """One line; `result` and `energy` hold all of it."""
        result = self.result
        return (
            f"ReportedLayer({shortened(self.name)!r}: {result.shape.kind} on {result.shape.array}, "
            f"{result.cycles:,} cycles ({result.stall_cycles:,} of them stall), {energy(self.energy.total_pj)}, "
            f"{size(result.dram_bytes)} DRAM; .result and .energy have the rest)"
        )

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.result.name
