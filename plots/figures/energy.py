"""Energy of every layer in its three parts, or of every run by component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accelsim.energy.actions import COMPONENTS

from ..numbers import ENERGY
from ..style import BLACK, BLUE, GREEN, ORANGE, PALE, PURPLE, SKY, VERMILLION, WIDTH_IN, YELLOW
from .figure import figure
from .layer_bars import choice, default_by, layer_amounts, layer_panel, layer_rows
from .shares import Part, draw_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData

LABELS = {"mac": "MAC", "sram": "SRAM", "dram_access": "DRAM access", "dram_standby": "DRAM standby"}
DRAM_COLOURS = {"dram_access": VERMILLION, "dram_standby": PALE}  # the grey of the totals is no component's
ON_CHIP_COLOURS = (BLUE, SKY, GREEN, ORANGE, PURPLE, YELLOW, BLACK)


THREE = (("on chip", BLUE), ("DRAM access", VERMILLION), ("DRAM standby", PALE))
DRAM_COLUMNS = ("energy_dram_access_pj", "energy_dram_standby_pj")


@figure("Energy by network and machine: components on chip, DRAM access, DRAM standby.", on=("study", "run"))
def draw(
    data: StudyData,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    parts: str = "three",
    layers: Sequence[str] | None = None,
    width_in: float = WIDTH_IN,
) -> Axes:
    """A row a layer of a single run, or (`by="run"`, and of several) each run's total with the share of each component.

    By layer `parts="three"` splits energy in that of the chip, DRAM access and DRAM standby, `"component"` the chip's
    in its components too. `layers` names those to draw. ConfigError for another `by` or `parts`.
    """
    if choice("by", by or default_by(data), ("run", "layer")) == "run":
        return draw_shares(data, energy_parts(data), "energy", ENERGY, ax)
    rows = layer_rows(data, width_in, layers)
    split = three_parts(rows.items) if choice("parts", parts, ("three", "component")) == "three" else [
        (part.label, part.colour, rows.values(part.column)) for part in energy_parts(data)
    ]  # fmt: skip
    return layer_amounts(data, rows, split, ("energy", ENERGY), layer_panel(rows, ax, width_in))


def three_parts(items: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[float]]]:
    """On chip, DRAM access and DRAM standby of each layer, in pJ."""
    dram = [[float(row.get(column, 0.0)) for row in items] for column in DRAM_COLUMNS]
    chip = [float(row["energy_pj"]) - sum(parts) for row, *parts in zip(items, *dram, strict=True)]
    return [(label, colour, values) for (label, colour), values in zip(THREE, (chip, *dram), strict=True)]


def energy_parts(data: StudyData) -> list[Part]:
    """One part a component: on chip in the simulator's own order, those that it does not know, then the DRAM's two."""
    names = {column.removeprefix("energy_").removesuffix("_pj"): column for column in data.energy_columns}
    known = [name for name in COMPONENTS if name in names and name not in DRAM_COLOURS]
    on_chip = [*known, *(name for name in names if name not in COMPONENTS)]
    colours = {name: ON_CHIP_COLOURS[i % len(ON_CHIP_COLOURS)] for i, name in enumerate(on_chip)}
    colours |= {name: colour for name, colour in DRAM_COLOURS.items() if name in names}
    return [Part(names[name], LABELS.get(name, name), colour) for name, colour in colours.items()]
