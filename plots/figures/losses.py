"""What the lanes of the array did in each layer's cycles: useful work, and idleness by cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accelsim.analysis.lane_use import ON_ZEROS, USEFUL, USES, VECTOR_UNIT, lane_use
from accelsim.engine.layer_result import VECTOR
from accelsim.errors import ConfigError

from ..numbers import counted, percent
from ..style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, WIDTH_IN, YELLOW
from .figure import figure
from .layer_bars import layer_panel, layer_rows, lead, stack

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData

COLOURS = dict(zip(USES, (BLUE, SKY, GREY, ORANGE, VERMILLION, PURPLE, YELLOW, GREEN, BLACK), strict=True))
LABELS = {USEFUL: "useful (nonzero operands)", ON_ZEROS: "on zeros"}
WORDS = {ON_ZEROS: "zeros", VECTOR_UNIT: "the vector unit", "edges": "edges, fill and drain", "memory": "memory",
         "conflicts": "conflicts", "index": "indices"}  # fmt: skip
NEEDED = ("macs_executed", "macs_dense", "vector_operations")
NOTE = "A lane-cycle counts 1 ÷ lanes, so that each bar is its layer's cycles."


@figure("What the lanes did in every layer: useful work, and idle lanes by cause.", on=("run",))
def draw(
    data: StudyData,
    ax: Axes | None = None,
    *,
    share: bool = False,
    layers: Sequence[str] | None = None,
    width_in: float = WIDTH_IN,
) -> Axes:
    """A row a layer whose parts add up to its cycles; `share` shows them in percent of the layer's own.

    `layers` names those to draw. ConfigError for files that do not say what was executed.
    """
    for column in NEEDED:
        if column not in data.layers:
            raise ConfigError(f"figure 'losses' needs the layer column {column!r}; a newer report is expected")
    rows = layer_rows(data, width_in, layers)
    uses = [lane_use(row, row.get("lanes")) for row in rows.items]
    factors = [100 / max(1.0, row["cycles"]) if share else 1.0 for row in rows.items]
    frame = layer_panel(rows, ax, width_in)
    parts = [
        (LABELS.get(cause, cause), COLOURS[cause], [use[cause] * f for use, f in zip(uses, factors, strict=True)])
        for cause in USES
    ]
    ends = ["" if row["array"] == VECTOR else f"{percent(use[USEFUL], row['cycles'])} useful"
            for use, row in zip(uses, rows.items, strict=True)]  # fmt: skip
    bars = stack(frame, rows, parts, ends)
    frame.axis.set_xlabel("share of the layer's lane-cycles (%)" if share else "cycles of the array's clock")
    return frame.finish(_answer(data, uses), bars, "" if share else NOTE)


def _answer(data: StudyData, uses: Sequence[Mapping[str, Any]]) -> str:
    totals = {cause: sum(use[cause] for use in uses) for cause in USES}
    whole = sum(totals.values())
    text = f"{lead(data)}lanes do useful work in {percent(totals[USEFUL], whole)} of {counted(whole)} cycles"
    cause = max(USES[1:], key=totals.__getitem__)
    lost = totals[cause]
    return f"{text}; most is lost to {WORDS.get(cause, cause)} ({percent(lost, whole)})." if lost else f"{text}."
