"""The pruning-to-performance ratio of every run: by compute time, total time and energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..numbers import digits
from ..style import BLUE, GREEN, GREY, PALE, VERMILLION
from .bars import fallback_note, label_x, panels, run_rows, shortened, unpruned_note
from .figure import figure
from .panel import finished
from .ratio_axis import ratio_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.data import StudyData

KINDS = (  # the last: how far beside the row's middle a mark stands, so that equal ones are all seen
    ("ppr_compute", "compute time", "s", BLUE, -0.24),
    ("ppr", "total time", "o", VERMILLION, -0.08),
    ("ppr_energy_active", "energy", "^", GREEN, 0.08),
    ("ppr_energy", "energy with standby", "v", GREY, 0.24),
)
WORDS = "α: weight reduction, β: gain over the dense baseline; at 1 (dashed) all of the pruning turns into gain"


@figure(
    "Pruning-to-performance ratio by compute time, total time, energy on chip and of DRAM access, with standby too.",
    needs="ratios",
)
def draw(data: StudyData, ax: Axes | None = None) -> Axes:
    """A row a run, a mark a ratio; 1 and 001's assumed band are drawn behind. Further right is worse."""
    rows = run_rows(data)
    drawn, (axis,) = panels(rows, (1,), ax)
    columns = [rows.values(key) for key, *_ in KINDS]
    ratio_axis(axis, [value for column in columns for value in column])
    axis.hlines(rows.ys, 0, 1, color=PALE, linewidth=0.5, transform=axis.get_yaxis_transform(), zorder=0)
    marks = []
    for (_, label, mark, colour, shift), values in zip(KINDS, columns, strict=True):
        ys = [y + shift for y in rows.ys]
        marks += axis.plot(values, ys, mark, color=colour, markersize=4, label=label, mec="white", mew=0.4)
    label_x(axis, "PPR = α/β")
    note = "\n".join(filter(None, [WORDS, unpruned_note(data), fallback_note(data)]))
    return finished(drawn, axis, ax, _answer(data), [*marks, *axis.patches], note)


def _answer(data: StudyData) -> str:
    """The pruned run that turns most of its pruning into speed, and how many turn all of it."""
    pruned = [run for run in data.ratios if (run.get("alpha") or 1) > 1.001]
    if not pruned:
        return "No run here is pruned."
    best = min(pruned, key=lambda run: run["ppr"])
    below = sum(run["ppr"] <= 1 for run in pruned)
    return (
        f"Least PPR of total time: {digits(best['ppr'])}, {shortened(best['network'])} on "
        f"{shortened(best['hardware'])}; {below} of {len(pruned)} pruned runs are at 1 or below."
    )
