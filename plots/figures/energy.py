"""Energy of every run, by component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.energy.actions import COMPONENTS

from ..numbers import ENERGY
from ..style import BLACK, BLUE, GREEN, ORANGE, PALE, PURPLE, SKY, VERMILLION, YELLOW
from .figure import figure
from .shares import Part, draw_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..data_files.data import StudyData

LABELS = {"mac": "MAC", "sram": "SRAM", "dram_access": "DRAM access", "dram_standby": "DRAM standby"}
DRAM_COLOURS = {"dram_access": VERMILLION, "dram_standby": PALE}  # the grey of the totals is no component's
ON_CHIP_COLOURS = (BLUE, SKY, GREEN, ORANGE, PURPLE, YELLOW, BLACK)


@figure("Energy by network and machine: components on chip, DRAM access, DRAM standby.")
def draw(data: StudyData, ax: Axes | None = None) -> Figure:
    """Totals and the share of each component; a component is a layer column `energy_<component>_pj`."""
    return draw_shares(data, energy_parts(data), "energy", ENERGY, ax)


def energy_parts(data: StudyData) -> list[Part]:
    """One part a component: on chip in the simulator's own order, those that it does not know, then the DRAM's two."""
    names = {column.removeprefix("energy_").removesuffix("_pj"): column for column in data.energy_columns}
    known = [name for name in COMPONENTS if name in names and name not in DRAM_COLOURS]
    on_chip = [*known, *(name for name in names if name not in COMPONENTS)]
    colours = {name: ON_CHIP_COLOURS[i % len(ON_CHIP_COLOURS)] for i, name in enumerate(on_chip)}
    colours |= {name: colour for name, colour in DRAM_COLOURS.items() if name in names}
    return [Part(names[name], LABELS.get(name, name), colour) for name, colour in colours.items()]
