"""Storage of structured against non-structured networks at the same accuracy, by index format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..numbers import digits
from ..style import BLUE, GREY, ORANGE, SKY, styled
from .bars import footnote, grouped, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .ppr_study import PprData

FORMATS = (("relative_bits", "relative index", SKY), ("absolute_bits", "absolute index, 64×64 blocks", BLUE))
WORDS = (
    "001, Tables VIII to XIV, from their printed weights and bits: relative indices as the lower bound under uniform\n"
    "sparsity. Right of 1 the structured network is the smaller one."
)


@styled
def draw(data: PprData) -> Figure:
    """A group a pair, a bar a format: bits of the non-structured network ÷ bits of the structured one."""
    rows = grouped(
        (row["pair"], [(label, {"share": row[key] / row["structured_bits"], "colour": colour})
                       for key, label, colour in FORMATS])
        for row in data.storage
    )  # fmt: skip
    figure, (axis,) = panels(rows, (1,))
    axis.barh(rows.ys, rows.values("share"), height=0.78, color=[item["colour"] for item in rows.items])
    for y, item in zip(rows.ys, rows.items, strict=True):
        axis.annotate(f"{digits(item['share'])}x", (item["share"], y), (3, 0), textcoords="offset points", va="center",
                      fontsize=6.5)  # fmt: skip
    axis.axvline(1, color=ORANGE, linewidth=1)
    axis.set_xlabel("storage of the non-structured network ÷ structured")
    axis.xaxis.label.set_color(GREY)
    footnote(figure, WORDS)
    return figure
