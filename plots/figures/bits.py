"""Bits of the weights and the activations of every layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accelsim.engine.layer_result import VECTOR

from ..numbers import digits
from ..style import BLUE, ORANGE, PALE, WIDTH_IN
from .figure import figure
from .layer_bars import layer_panel, layer_rows, lead, replace_items

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData

KINDS = (("weight_bits", "weights", "o", BLUE, -0.14), ("activation_bits", "activations", "s", ORANGE, 0.14))


@figure("Bits of weights and activations, layer by layer.", on=("run",))
def draw(
    data: StudyData, ax: Axes | None = None, *, layers: Sequence[str] | None = None, width_in: float = WIDTH_IN
) -> Axes:
    """A row a layer with a mark for each operand's bits, on a stem from 0. Operators of the vector unit are left out.

    `layers` names those to draw. ConfigError where none runs on an array.
    """
    rows = layer_rows(data, width_in, layers)
    rows = replace_items(rows, [row for row in rows.items if row["array"] != VECTOR])
    frame = layer_panel(rows, ax, width_in)
    handles: list[Any] = []
    for column, label, mark, colour, shift in KINDS:
        bits, ys = rows.values(column), [y + shift for y in rows.ys]
        frame.axis.hlines(ys, 0, bits, color=colour, linewidth=0.8, alpha=0.5)
        handles += frame.axis.plot(bits, ys, mark, color=colour, markersize=3.5, label=label)
    most = max(max(rows.values(column)) for column, *_ in KINDS)
    frame.axis.set_xlim(0, most * 1.08)
    frame.axis.xaxis.set_major_locator(_every(most))
    frame.axis.grid(axis="x", color=PALE, linewidth=0.5)
    frame.axis.set_xlabel("bits")
    return frame.finish(_answer(data, rows.items), handles)


def _every(most: float) -> Any:
    from matplotlib.ticker import MultipleLocator

    return MultipleLocator(1 if most <= 8 else 2 if most <= 16 else 4)


def _answer(data: StudyData, items: Sequence[Mapping[str, Any]]) -> str:
    """Bits a weight and bits an activation, averaged by how many there are and by how often they are used."""
    weights, macs = (sum(row[key] for row in items) for key in ("weights_dense", "macs_dense"))
    mean = sum(row["weight_bits"] * row["weights_dense"] for row in items) / weights if weights else 0.0
    used = sum(row["activation_bits"] * row["macs_dense"] for row in items) / macs if macs else 0.0
    return f"{lead(data)}{digits(mean, 2)} bits a weight; {digits(used, 2)} bits an activation, by MACs."
