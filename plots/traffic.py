"""Bytes between DRAM and the chip of every run, by operand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plots.numbers import BYTES
from plots.shares import draw_shares
from plots.style import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from plots.data import StudyData

OPERANDS = ("ifmap", "weight", "index", "ofmap", "psum")


@styled
def draw(data: StudyData) -> Figure:
    """Totals and the share of each operand."""
    return draw_shares(data, {f"dram_{name}_bytes": name for name in OPERANDS}, "DRAM traffic", BYTES)
