"""Where the cycles of a report go: a row a layer, compute and the stalls by what is waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..numbers import counted, percent
from ..style import BLACK, BLUE, OPERAND_COLOURS, WIDTH_IN, YELLOW
from .figure import figure
from .layer_bars import layer_panel, layer_rows, lead, stack

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData

CAUSES = {**OPERAND_COLOURS, "vector": YELLOW}
OTHER = "other"  # of a report that does not say what its stalls wait for
WORDS = {"vector": "the vector unit", "ofmap": "its outputs to leave", OTHER: "memory"}


@figure("Cycles of every layer: compute, and stalls by the operand that is waited for.", on=("run",))
def draw(
    data: StudyData, ax: Axes | None = None, *, layers: Sequence[str] | None = None, width_in: float = WIDTH_IN
) -> Axes:
    """A row a layer: compute, then stalls by cause, end to end from 0; the total and the stalls' share behind them.

    `layers` names those to draw. Where there are several runs, each has its heading.
    """
    rows = layer_rows(data, width_in, layers)
    frame = layer_panel(rows, ax, width_in)
    parts = {"compute": [float(row["compute_cycles"]) for row in rows.items]}
    parts |= {name: [stalls(row)[name] for row in rows.items] for name in (*CAUSES, OTHER)}
    colours = {"compute": BLUE, **CAUSES, OTHER: BLACK}
    told = {"compute": "compute", OTHER: "stall"} | {name: f"stall: {name}" for name in CAUSES}
    shown = [(told[name], colours[name], values) for name, values in parts.items()]
    bars = stack(frame, rows, shown, _ends(rows.items))
    frame.axis.set_xlabel("cycles of the array's clock")
    return frame.finish(_answer(data, rows.items), bars)


def stalls(row: Mapping[str, Any]) -> dict[str, float]:
    """Stall cycles of a layer by what is waited for; `other` where the row does not say. They add up to its stalls."""
    causes = {name: float(row.get(f"stall_{name}_cycles", 0)) for name in CAUSES}
    return causes | {OTHER: float(row["stall_cycles"]) - sum(causes.values())}


def _ends(items: Sequence[Mapping[str, Any]]) -> list[str]:
    return [counted(row["cycles"]) + (f", {percent(row['stall_cycles'], row['cycles'])} stall"
                                      if row["stall_cycles"] > 0.005 * row["cycles"] else "")
            for row in items]  # fmt: skip


def _answer(data: StudyData, items: Sequence[Mapping[str, Any]]) -> str:
    """The layer that takes most, and what it waits for most."""
    most, whole = max(items, key=lambda row: row["cycles"]), sum(row["cycles"] for row in items)
    of = f" on {most['hardware']}" if len(data.runs) > 1 else ""
    text = f"{lead(data)}{most['name']}{of} takes {percent(most['cycles'], whole)} of {counted(whole)} cycles"
    name, cycles = max(stalls(most).items(), key=lambda pair: pair[1])
    if cycles < 0.005 * most["cycles"]:
        return f"{text}, nearly none of them stalls."
    waited = WORDS.get(name, f"its {name}" if name != "weight" else "its weights")
    return f"{text}, {percent(cycles, most['cycles'])} of them waiting for {waited}."
