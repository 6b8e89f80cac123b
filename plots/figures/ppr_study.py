"""What the figures of the PPR study are drawn from: plain values that know nothing of how they were measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.files import written_whole

from ..saving import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = Mapping[str, Any]
Drawing = Callable[["PprData"], "Figure"]


@dataclass(frozen=True, eq=False)
class PprData:
    """Curves of measured points, the bands that were assumed, break-even rates and storage of the published pairs.

    `curves[comparison][design]` are rows with `alpha`, `ppr` and `gap_<cause>` by rising rate; `pruned` are rows of
    networks that were really pruned; `break_even` has a rate a gain (infinite where there is none); `storage` bits;
    `knobs` are rows of variants of a design, named by `setting`. Rows of one curve may differ in `mode`.
    """

    curves: Mapping[str, Mapping[str, Sequence[Row]]]
    pruned: Sequence[Row]
    bands: Mapping[str, tuple[float, float]]
    causes: Sequence[str]
    break_even: Sequence[Row]
    storage: Sequence[Row]
    knobs: Sequence[Row] = ()


FIGURES: Mapping[str, str] = {  # name -> "module:function"; a figure is one file and one line here
    "ppr_rates": f"{__package__}.ppr_rates:draw",
    "ppr_losses": f"{__package__}.ppr_losses:draw",
    "ppr_break_even": f"{__package__}.ppr_break_even:draw",
    "ppr_storage": f"{__package__}.ppr_storage:draw",
}


def save_figures(data: PprData, folder: Path) -> list[Path]:
    """Write NAME.png and NAME.svg of every figure into `folder`; all are drawn before the first is written."""
    drawn = {name: render(_function(place)(data)) for name, place in FIGURES.items()}
    paths = []
    for name, contents in drawn.items():
        for kind, content in contents.items():
            path = folder / f"{name}.{kind}"
            with written_whole(path) as temporary:
                temporary.write_bytes(content)
            paths.append(path)
    return paths


def _function(place: str) -> Drawing:
    module, name = place.split(":")
    function: Drawing = getattr(import_module(module), name)
    return function
