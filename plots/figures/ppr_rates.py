"""Measured PPR against pruning rate, by design, in each comparison, with the assumed bands behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from ..numbers import tick
from ..style import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, VERMILLION, WIDTH_IN, YELLOW, styled
from .bars import footnote

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .ppr_study import PprData, Row

HEIGHT_IN = 3.1
BANKED = "csr_rows"
RATES, RATIOS = (1, 2, 5, 10, 20, 50), (0.2, 0.5, 1, 2, 5, 10, 20, 50)
COLOURS = {
    "csr_rows": BLUE, "cambricon_x": ORANGE, "scnn": VERMILLION, "sticker": GREEN, "eie": PURPLE, "nm_sparse": BLACK,
}  # fmt: skip
TITLES = {"mac": "equal MACs", "area": "equal area", "bandwidth": "equal bandwidth a MAC"}
WORDS = (
    "PPR = α/β, α: weight reduction, β: speedup over the dense array in total time; lower is better, 1 (dashed) turns\n"
    "all pruning into speed. Random patterns, dense activations. Hollow marks: really pruned networks. Bands: assumed\n"
    "by 001 (yellow 2.7 to 3.5; grey 3 to 4, STICKER). eie on FC layers, the others on conv layers.\n"
    "Blue: csr_rows with 8 to 128 banks. sticker: two modes, by an assumed threshold."
)


@styled
def draw(data: PprData) -> Figure:
    """A panel a comparison, a line a design, a hollow mark a pruned network."""
    figure = Figure(figsize=(WIDTH_IN * 1.25, HEIGHT_IN), layout="constrained")
    axes = list(figure.subplots(1, len(data.curves), sharey=True, squeeze=False)[0])
    for axis, (comparison, curves) in zip(axes, data.curves.items(), strict=True):
        _frame(axis, TITLES.get(comparison, comparison))
        _bands(axis, data)
        for design, points in curves.items():
            for part in _modes(points):
                xs, ys = ([row[key] for row in part] for key in ("alpha", "ppr"))
                label = design if part[0] is points[0] else f"_{design}"
                axis.plot(xs, ys, "o-", color=COLOURS.get(design, GREY), markersize=2.5, linewidth=1, label=label)
        if comparison == "mac":
            _settings(axis, data)
        for row in _pruned(data) if comparison == "mac" else ():
            axis.plot(row["alpha"], row["ppr"], "D", color=COLOURS[row["design"]], mfc="none", markersize=4)
    axes[0].set_ylabel("PPR")
    lines = [line for line in axes[0].get_lines() if not str(line.get_label()).startswith("_")]
    figure.legend(loc="outside upper left", ncols=6, handles=lines)
    footnote(figure, f"{WORDS}{_unpruned(data)}")
    return figure


def _modes(points: Sequence[Row]) -> list[list[Row]]:
    """The points of each mode that a design runs in: no line joins two."""
    modes = dict.fromkeys(row.get("mode", "") for row in points)
    return [[row for row in points if row.get("mode", "") == mode] for mode in modes]


def _settings(axis: Axes, data: PprData) -> None:
    """What csr_rows' number of banks makes of it, as a band."""
    rows = [row for row in data.knobs if row["design"] == BANKED]
    rates = sorted({row["density"] for row in rows}, reverse=True)
    if len(rates) > 1:
        of = [[row for row in rows if row["density"] == density] for density in rates]
        low, high = ([pick(row["ppr"] for row in rates) for rates in of] for pick in (min, max))
        axis.fill_between(
            [rates[0]["alpha"] for rates in of], low, high, color=COLOURS[BANKED], alpha=0.15, linewidth=0
        )


def _unpruned(data: PprData) -> str:
    """β of the uncompressed layers on each design, at equal MACs, in a line of its own."""
    least = {
        d: min(points, key=lambda row: row["alpha"]).get("beta_unpruned") for d, points in data.curves["mac"].items()
    }
    told = ", ".join(f"{design} {value:.2f}" for design, value in least.items() if value is not None)
    return f"\nβ of the uncompressed layers at equal MACs: {told}." if told else ""


def _pruned(data: PprData) -> list[Row]:
    """Pruned networks on known designs at rates that the curves reach; the others stand in the text's table."""
    most = max(row["alpha"] for points in data.curves["mac"].values() for row in points)
    return [row for row in data.pruned if row["design"] in COLOURS and row["alpha"] <= most]


def _frame(axis: Axes, title: str) -> None:
    axis.set(xscale="log", yscale="log", title=title, xlabel="pruning rate α")
    for side, at in ((axis.xaxis, RATES), (axis.yaxis, RATIOS)):
        side.set_major_locator(FixedLocator(at))
        side.set_minor_locator(NullLocator())
        side.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
        side.set_minor_formatter(NullFormatter())
    axis.grid(axis="y", color=PALE, linewidth=0.5)
    axis.axhline(1, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))


def _bands(axis: Axes, data: PprData) -> None:
    """Each different band once."""
    for (low, high), colour in zip(sorted(set(data.bands.values())), (YELLOW, GREY, SKY), strict=False):
        axis.axhspan(low, high, color=colour, alpha=0.3, linewidth=0, zorder=0)
