"""How every figure looks: sizes, type, and colours that colour-blind readers tell apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import matplotlib.style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH_IN = 5.4  # 8 pt type here is 11 pt across a page of 7.2 in and 5 pt in a column of 3.4 in
ROW_IN = 0.145

# Okabe and Ito, Color Universal Design (2008)
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, PALE = "#666666", "#DDDDDD"
CYCLE = (BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE, YELLOW, BLACK)
OPERAND_COLOURS = {"ifmap": SKY, "weight": GREEN, "index": ORANGE, "ofmap": VERMILLION, "psum": PURPLE}

SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.2,
    "legend.columnspacing": 1.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "grid.color": PALE,
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.size": 0,
    "text.parse_math": False,  # a network may be called "a$b$"
    "svg.fonttype": "path",
    "svg.hashsalt": "accelsim",
    "figure.dpi": 100,
    "figure.constrained_layout.h_pad": 0.04,
    "figure.constrained_layout.wspace": 0.05,
    "figure.constrained_layout.w_pad": 0.06,
}

Given = ParamSpec("Given")


def styled(draw: Callable[Given, Figure]) -> Callable[Given, Figure]:
    """`draw` in this style alone, whatever the user's own matplotlib settings are."""

    @wraps(draw)
    def drawn(*args: Given.args, **kwargs: Given.kwargs) -> Figure:
        with style():
            return draw(*args, **kwargs)

    return drawn


def style() -> Any:
    """A context in which figures are drawn and saved in this style."""
    return matplotlib.style.context(["default", SETTINGS])
