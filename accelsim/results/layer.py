"""A layer as a report has it: what it cost in time and traffic, and its energy."""

from __future__ import annotations

from dataclasses import dataclass

from ..energy.model import LayerEnergy
from ..engine.layer_result import LayerResult


@dataclass(frozen=True)
class ReportedLayer:
    """`result` and `energy` of one layer or operator; both speak of one run and of how many there are."""

    result: LayerResult
    energy: LayerEnergy

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.result.name
