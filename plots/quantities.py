"""Columns of runs and points as axes: what they are called, their unit, and which way is better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelsim.errors import ConfigError, suggestion

from .numbers import BYTES, ENERGY, digits, unit_of

if TYPE_CHECKING:
    import pandas as pd

SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
AREA = ((1e6, "mm²"),)
WATTS = ((1.0, "W"), (1e-3, "mW"), (1e-6, "µW"))
PERCENT = ((0.01, "%"),)
NO_UNIT = ((1.0, ""),)
KNOWN = {  # column -> what an axis calls it, its units
    "cycles": ("cycles", NO_UNIT),
    "compute_cycles": ("compute cycles", NO_UNIT),
    "stall_cycles": ("stall cycles", NO_UNIT),
    "energy_pj": ("energy", ENERGY),
    "energy_on_chip_pj": ("energy on chip", ENERGY),
    "energy_dram_access_pj": ("energy of DRAM access", ENERGY),
    "energy_dram_standby_pj": ("energy of DRAM standby", ENERGY),
    "dram_bytes": ("DRAM traffic", BYTES),
    "area_um2": ("area", AREA),
    "seconds": ("time", SECONDS),
    "power_w": ("power", WATTS),
    "accuracy": ("accuracy", PERCENT),
    "utilization": ("utilization", PERCENT),
    "alpha": ("weight reduction α", NO_UNIT),
    "beta": ("speedup β", NO_UNIT),
    "ppr": ("PPR (total time)", NO_UNIT),
}
HIGHER_IS_BETTER = ("accuracy", "utilization", "alpha", "beta", "inferences_per_s", "tops_per_w",
                    "tops_per_w_effectual")  # fmt: skip


@dataclass(frozen=True)
class Quantity:
    """A column of a table in the unit in which it is read. `values[i]` = the column's i-th number ÷ `factor`."""

    column: str
    name: str
    factor: float
    unit: str
    higher_is_better: bool

    @property
    def label(self) -> str:
        """The name and, in parentheses, the unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def text(self, value: float) -> str:
        """A number of the column's with its unit."""
        return f"{digits(value / self.factor)} {self.unit}".strip()


def quantity(table: pd.DataFrame, column: str, maximize: Iterable[str] = ()) -> Quantity:
    """The column as a quantity; ConfigError for one that the table does not have, or that holds no numbers.

    What is better when it is more is known of a few columns, accuracy among them; `maximize` names others.
    """
    import pandas as pd

    numeric = [str(name) for name in table if pd.api.types.is_numeric_dtype(table[name])]
    if column not in numeric:
        fault = "holds no numbers" if column in table else "is not there"
        raise ConfigError(f"column {column!r:.60} {fault}; {suggestion(str(column), numeric)}")
    name, units = KNOWN.get(column, (column, NO_UNIT))
    values = table[column].dropna()
    factor, unit = unit_of([float(value) for value in values], units)
    return Quantity(column, name, factor, unit, column in HIGHER_IS_BETTER or column in tuple(maximize))
