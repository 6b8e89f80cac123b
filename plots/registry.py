"""Every figure of a study, a line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plots.figures import accuracy_rate, cycles, energy, ppr, storage, timeline, traffic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from plots.data_files.data import StudyData


@dataclass(frozen=True)
class Drawing:
    """A figure: how it is drawn, what it shows, and the part of the data without which there is nothing to draw."""

    draw: Callable[[StudyData], Figure]
    caption: str
    needs: str = "runs"


FIGURES: Mapping[str, Drawing] = {
    "cycles": Drawing(cycles.draw, "Cycles by network and machine, compute and stall, and the PPR that follows."),
    "ppr": Drawing(ppr.draw, "Pruning-to-performance ratio by compute time, total time and energy."),
    "storage": Drawing(storage.draw, "Storage of the weights by format, and accuracy on the integers.", "storage"),
    "energy": Drawing(energy.draw, "Energy by network and machine, and its components."),
    "traffic": Drawing(traffic.draw, "Bytes between DRAM and the chip, and the operands they carry."),
    "timeline": Drawing(timeline.draw, "One layer in time: the array's tiles and the transfers.", "timeline"),
    "accuracy_rate": Drawing(
        accuracy_rate.draw, "Accuracy against pruning rate, by way of pruning (001 Fig 7).", "accuracy_rate"
    ),
}


def drawable(data: StudyData) -> dict[str, Drawing]:
    """The figures for which `data` holds what they need."""
    return {name: drawing for name, drawing in FIGURES.items() if getattr(data, drawing.needs)}
