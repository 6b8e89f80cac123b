"""Where the nonzeros of a weight matrix lie, before and after pruning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from accelsim.errors import ConfigError, unknown_name

from ..numbers import counted, percent
from ..style import WIDTH_IN
from .bars import figure_of, shortened
from .figure import MATRICES, figure
from .panel import Panel, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..data_files.matrices import Matrices

SHADES = "Blues"
MOST_CELLS = 128  # a side: finer ones are no longer told apart
HEIGHT_IN = 1.9


@figure("Density of a weight matrix, before and after.", takes=MATRICES, on=())
def draw(
    matrices: Matrices,
    ax: Axes | None = None,
    *,
    layer: str | None = None,
    cells: int = 64,
    width_in: float = WIDTH_IN,
) -> Axes:
    """The share of nonzeros in each part of the matrix, rows filters and columns k; beside it that of the next one.

    `layer` names which of a network's; by default its largest. Of several workloads the same layer is shown of each,
    the first on the left; an `ax` takes the last. `cells` is how many parts a side has at most. ConfigError for more
    than four, UnknownNameError for a layer that is not there.
    """
    if not 1 <= cells <= MOST_CELLS:
        raise ConfigError(f"cells is {cells!r}; 1 to {MOST_CELLS} is expected")
    chosen = _chosen(matrices, layer)
    if ax is not None:
        chosen = chosen[-1:]
    frames = _panels(len(chosen), ax, width_in)
    image: Any = None
    for frame, (of, name, weights) in zip(frames, chosen, strict=True):
        image = _draw(frame.axis, weights, cells)
        frame.axis.set_title(shortened(of or name or "weights", 24), fontsize=7, loc="left")
    frames[0].axis.set_ylabel("filter n")
    if ax is None:
        bar = frames[0].figure.colorbar(image, ax=[frame.axis for frame in frames], shrink=0.9, pad=0.02)
        bar.set_label("density (%)")
        bar.outline.set_linewidth(0.4)
    if ax is not None:
        ax.set_title("")
    return frames[0].finish(_answer(chosen))


def _chosen(matrices: Matrices, layer: str | None) -> Matrices:
    """One layer of every workload; matrices without a name all."""
    names = list(dict.fromkeys(name for _, name, _ in matrices))
    if layer is not None and layer not in names:
        raise unknown_name("layer", layer, names)
    if layer is None and len({of for of, _, _ in matrices}) < len(matrices) and len(names) > 1:
        layer = max(matrices, key=lambda entry: entry[2].size)[1]
    chosen = [entry for entry in matrices if layer in (None, entry[1])]
    if len(chosen) > 4:
        raise ConfigError(f"{len(chosen)} matrices do not fit beside each other; up to four are expected")
    return chosen


def _panels(count: int, ax: Axes | None, width_in: float) -> list[Panel]:
    if ax is not None or count == 1:
        return [panel(HEIGHT_IN, ax, width_in)]
    figure = Figure(figsize=(width_in, HEIGHT_IN), layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)[0]
    return [Panel(figure_of(axis), axis, True) for axis in axes]


def _draw(axis: Axes, weights: NDArray[Any], cells: int) -> Any:
    rows, columns = weights.shape
    image = axis.imshow(100 * density_map(weights, cells), cmap=SHADES, vmin=0, vmax=100, aspect="auto",
                        interpolation="nearest", extent=(0, columns, rows, 0))  # fmt: skip
    axis.grid(visible=False)
    axis.locator_params(axis="both", nbins=3)
    axis.set_xlabel("k")
    return image


def density_map(weights: NDArray[Any], cells: int) -> NDArray[np.float64]:
    """The share of nonzeros in each of at most `cells` × `cells` parts of a matrix, as equal as its sizes allow.

    >>> density_map(np.array([[1, 0, 0, 0], [1, 1, 0, 2]]), 2).tolist()
    [[0.5, 0.0], [1.0, 0.5]]
    """
    live: NDArray[Any] = (weights != 0).astype(float)
    for side in (0, 1):
        edges = np.linspace(0, live.shape[side], min(cells, live.shape[side]) + 1).astype(int)
        sizes = np.diff(edges)
        live = np.add.reduceat(live, edges[:-1], axis=side) / (sizes[:, None] if side == 0 else sizes)
    return np.asarray(live, float)


def _answer(chosen: Matrices) -> str:
    shares = [(percent(float(np.count_nonzero(weights)), weights.size), weights) for _, _, weights in chosen]
    of = f"{chosen[0][1]}: " if chosen[0][1] else ""
    kept = counted(float(np.count_nonzero(chosen[-1][2])))
    if len(shares) == 1:
        return f"{of}{shares[0][0]} of {counted(chosen[0][2].size)} weights are nonzero."
    return f"{of or 'The '}density goes from {shares[0][0]} to {shares[-1][0]}; {kept} weights are left."
