"""accelsim.pareto(...): the rows that no other row beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accelsim.analysis.pareto import front
from accelsim.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    import pandas as pd


def pareto(frame: pd.DataFrame, *, minimize: Sequence[str] = (), maximize: Sequence[str] = ()) -> pd.DataFrame:
    """The front: rows of which no other is as good in all columns and better in one. Equal rows all stay.

    Rows without a number in one of the columns (infeasible points) are left out, and the order is the frame's. Raises
    UnknownNameError for an objective that is no column, ConfigError for none, or for one whose values are no numbers.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"cycles": [9, 5, 5, 7], "area_um2": [1.0, 4.0, 4.0, 6.0]})
    >>> pareto(frame, minimize=["cycles", "area_um2"]).index.tolist()
    [0, 1, 2]
    """
    objectives = [(name, 1.0) for name in _names(minimize, "minimize")]
    objectives += [(name, -1.0) for name in _names(maximize, "maximize")]
    if not objectives:
        raise ConfigError("pareto has no objective; minimize=['cycles', 'area_um2'], for example, is expected")
    values = np.column_stack([sign * _numbers(frame, name) for name, sign in objectives])
    return frame.iloc[front(values)]


def _names(names: Any, which: str) -> list[str]:
    if isinstance(names, str):
        raise ConfigError(f"{which} is {names!r:.60}; a list of columns is expected")
    return list(names)


def _numbers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    if name not in frame.columns:
        raise unknown_name("objective", str(name), [str(column) for column in frame.columns])
    try:
        return np.asarray(frame[name], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"objective {name!r:.60} holds {frame[name].iloc[0]!r:.40}; numbers are expected") from error
