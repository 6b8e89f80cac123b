"""Energy of every run, by component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.energy.actions import COMPONENTS
from plots.figures.shares import Part, draw_shares
from plots.numbers import ENERGY
from plots.style import CYCLE, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from plots.data_files.data import StudyData

LABELS = {"mac": "MAC", "sram": "SRAM", "dram": "DRAM", "dram_io": "DRAM I/O"}


@styled
def draw(data: StudyData) -> Figure:
    """Totals and the share of each component; a component is a layer column `energy_<component>_pj`."""
    return draw_shares(data, energy_parts(data), "energy", ENERGY)


def energy_parts(data: StudyData) -> list[Part]:
    """One part a component, in the simulator's own order, then those that it does not know."""
    names = {column.removeprefix("energy_").removesuffix("_pj"): column for column in data.energy_columns}
    known = [name for name in COMPONENTS if name in names]
    ordered = [*known, *(name for name in names if name not in known)]
    return [Part(names[n], LABELS.get(n, n), CYCLE[i % len(CYCLE)]) for i, n in enumerate(ordered)]
