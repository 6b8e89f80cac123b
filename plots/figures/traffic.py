"""Bytes between DRAM and the chip of every run, by operand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..numbers import BYTES
from ..style import OPERAND_COLOURS
from .figure import figure
from .shares import Part, draw_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..data_files.data import StudyData


@figure("Bytes between DRAM and the chip, and the operands they carry.")
def draw(data: StudyData, ax: Axes | None = None) -> Figure:
    """Totals and the share of each operand."""
    parts = [Part(f"dram_{name}_bytes", name, colour) for name, colour in OPERAND_COLOURS.items()]
    return draw_shares(data, parts, "DRAM traffic", BYTES, ax)
