"""What a search gives back: its points, the front among them, and what decides the objectives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from .importances import Importances


@dataclass(frozen=True, repr=False, eq=False)
class SearchResult:
    """The points that were evaluated, as `accelsim.sweep` gives them, in the order of the space.

    `front` are those that keep all constraints and that no other such point beats. `importances` has for each objective
    the share of each swept field.
    """

    points: pd.DataFrame
    front: pd.DataFrame
    size: int
    importances: Importances = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"<SearchResult: {len(self.points):,} of {self.size:,} points, {len(self.front)} on the front; "
            "see .front, .points and .importances>"
        )
