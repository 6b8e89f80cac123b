"""Bytes between DRAM and the chip of every run, by operand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plots.figures.shares import Part, draw_shares
from plots.numbers import BYTES
from plots.style import OPERAND_COLOURS, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from plots.data_files.data import StudyData


@styled
def draw(data: StudyData) -> Figure:
    """Totals and the share of each operand."""
    parts = [Part(f"dram_{name}_bytes", name, colour) for name, colour in OPERAND_COLOURS.items()]
    return draw_shares(data, parts, "DRAM traffic", BYTES)
