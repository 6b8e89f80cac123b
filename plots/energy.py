"""Energy of every run, by component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.energy import COMPONENTS
from plots.numbers import ENERGY
from plots.shares import draw_shares
from plots.style import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from plots.data import StudyData

LABELS = {"mac": "MAC", "sram": "SRAM", "dram": "DRAM"}


@styled
def draw(data: StudyData) -> Figure:
    """Totals and the share of each component; a component is a layer column `energy_<component>_pj`."""
    return draw_shares(data, energy_columns(data), "energy", ENERGY)


def energy_columns(data: StudyData) -> dict[str, str]:
    """Layer column: component, the simulator's own order first."""
    found = [c for c in data.layers if c.startswith("energy_") and c.endswith("_pj") and c != "energy_pj"]
    names = {column.removeprefix("energy_").removesuffix("_pj"): column for column in found}
    known = [name for name in COMPONENTS if name in names]
    return {names[name]: LABELS.get(name, name) for name in [*known, *(name for name in names if name not in known)]}
