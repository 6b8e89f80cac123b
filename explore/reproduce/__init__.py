"""The seed papers' tables recomputed: every cell published, ours, and whether it follows from the printed inputs.

A table is a function that returns cells, and one line in `TABLES`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from accelsim.errors import unknown_name

from .bsq import bsq_cells
from .cell import Cell
from .dmp import dmp_cells
from .iss import iss_cells
from .pruning_rates import rule_cells
from .storage_tables import published_tables, storage_table

TABLES: dict[str, Callable[[], list[Cell]]] = {
    **{number: partial(storage_table, number) for number in published_tables()},
    "PPR": rule_cells,
    "ISS": iss_cells,
    "BSQ": bsq_cells,
    "DMP": dmp_cells,
}


def reproduce(table: str | None = None, progress: Callable[[int, int], None] | None = None) -> list[Cell]:
    """The cells of one table, or of all; UnknownNameError for a name that is none.

    `progress` is called as (tables done, tables in all).
    """
    if table is None:
        found: list[Cell] = []
        for done, cells in enumerate(TABLES.values(), 1):
            found += cells()
            if progress:
                progress(done, len(TABLES))
        return found
    named = {name.lower(): cells for name, cells in TABLES.items()}
    if table.lower() not in named:
        raise unknown_name("table", table, TABLES)
    return named[table.lower()]()
