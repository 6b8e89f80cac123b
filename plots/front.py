"""The Pareto front of a table: the rows that no other row betters in everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from accelsim.analysis import pareto

if TYPE_CHECKING:
    import pandas as pd

    from .quantities import Quantity


def on_front(table: pd.DataFrame, by: Sequence[Quantity]) -> NDArray[np.bool_]:
    """Whether each row is dominated by none: no other is at least as good in every quantity and better in one.

    Equal rows are on the front together. A row that lacks a number is not on it.
    """
    return pareto.on_front(np.column_stack([_cost(table, one) for one in by]))


def _cost(table: pd.DataFrame, one: Quantity) -> NDArray[np.float64]:
    values = table[one.column].to_numpy(dtype=float, na_value=np.nan)
    cost: NDArray[np.float64] = -values if one.higher_is_better else values
    return cost
