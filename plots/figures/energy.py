"""Energy of every run, by component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.energy.actions import COMPONENTS

from ..numbers import ENERGY
from ..style import CYCLE
from .figure import figure
from .shares import Part, draw_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..data_files.data import StudyData

LABELS = {"mac": "MAC", "sram": "SRAM", "dram": "DRAM", "dram_io": "DRAM I/O"}


@figure("Energy by network and machine, and its components.")
def draw(data: StudyData, ax: Axes | None = None) -> Figure:
    """Totals and the share of each component; a component is a layer column `energy_<component>_pj`."""
    return draw_shares(data, energy_parts(data), "energy", ENERGY, ax)


def energy_parts(data: StudyData) -> list[Part]:
    """One part a component, in the simulator's own order, then those that it does not know."""
    names = {column.removeprefix("energy_").removesuffix("_pj"): column for column in data.energy_columns}
    known = [name for name in COMPONENTS if name in names]
    ordered = [*known, *(name for name in names if name not in known)]
    return [Part(names[n], LABELS.get(n, n), CYCLE[i % len(CYCLE)]) for i, n in enumerate(ordered)]
