"""Bytes between DRAM and the chip by operand, of every layer or of every run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..numbers import BYTES
from ..style import OPERAND_COLOURS, WIDTH_IN
from .figure import figure
from .layer_bars import choice, default_by, layer_amounts, layer_panel, layer_rows
from .shares import Part, draw_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData


@figure("Bytes between DRAM and the chip, and the operands they carry.", on=("study", "run"))
def draw(
    data: StudyData,
    ax: Axes | None = None,
    *,
    by: str | None = None,
    layers: Sequence[str] | None = None,
    width_in: float = WIDTH_IN,
) -> Axes:
    """A row a layer of a single run, or (`by="run"`, and of several) each run's total with the share of each operand.

    `layers` names those to draw. ConfigError for another `by`.
    """
    parts = [Part(f"dram_{name}_bytes", name, colour) for name, colour in OPERAND_COLOURS.items()]
    if choice("by", by or default_by(data), ("run", "layer")) == "run":
        return draw_shares(data, parts, "DRAM traffic", BYTES, ax)
    rows = layer_rows(data, width_in, layers)
    split = [(part.label, part.colour, rows.values(part.column)) for part in parts]
    return layer_amounts(data, rows, split, ("DRAM traffic", BYTES), layer_panel(rows, ax, width_in))
