"""The row of a point: the columns of the table `points`, in their order, and how a report fills them."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, fields
from typing import Any

from accelsim.results.report import Report
from accelsim.results.utilization import utilization_of
from accelsim.trace.workload import Workload
from accelsim.validation import is_number

from .space import Point

COUNTS = ("cycles", "compute_cycles", "stall_cycles", "dram_bytes")
NUMBERS = (
    "seconds", "energy_pj", "energy_on_chip_pj", "energy_dram_access_pj", "energy_dram_standby_pj", "area_um2",
)  # fmt: skip
DONE, INFEASIBLE = "done", "infeasible"
LARGEST = 2**63 - 1  # whole number of SQLite


@dataclass(frozen=True)
class Row:
    """One point and what came of it. Figures of an infeasible point are None, and `error` says why.

    `settings` is JSON of exactly the swept fields. Units stand in the names; `accuracy` is a fraction, of workloads
    that state one, and `not_simulated` names the matrix work that is in no number. `key` is the digest of what was
    simulated: layers, machine and the simulator's code.
    """

    id: int
    workload: str
    hardware: str
    settings: str
    status: str
    cycles: int | float | None = None
    compute_cycles: int | float | None = None
    stall_cycles: int | float | None = None
    seconds: float | None = None
    utilization: float | None = None
    energy_pj: float | None = None
    energy_on_chip_pj: float | None = None
    energy_dram_access_pj: float | None = None
    energy_dram_standby_pj: float | None = None
    dram_bytes: int | float | None = None
    area_um2: float | None = None
    accuracy: float | None = None
    not_simulated: str = ""
    error: str = ""
    key: str = ""

    def cells(self) -> tuple[Any, ...]:
        """The values by column."""
        return astuple(self)


COLUMNS = tuple(field.name for field in fields(Row))
TEXTS = ("workload", "hardware", "settings", "status", "not_simulated", "error", "key")
TYPES = {"id": "INTEGER PRIMARY KEY", **dict.fromkeys(COUNTS, "INTEGER"), **dict.fromkeys(TEXTS, "TEXT NOT NULL")}


def figures_of(report: Report) -> dict[str, Any]:
    """What a report says of a point, by column."""
    same = {name: getattr(report, name) for name in (*COUNTS, *NUMBERS)}
    counts = {name: _whole(same[name]) for name in COUNTS}
    return {**same, **counts, "utilization": utilization_of(report.results)}


def done_row(point: Point, workload: Workload, figures: dict[str, Any], key: str) -> Row:
    """The row of a point that was simulated."""
    stated = workload.provenance.get("accuracy")
    accuracy = float(stated) if is_number(stated) else None
    left_out = workload.not_simulated_line
    return Row(**_names(point), status=DONE, **figures, accuracy=accuracy, not_simulated=left_out, key=key)


def infeasible_row(point: Point, reason: str) -> Row:
    """The row of a point that no machine can run, or that is no machine."""
    return Row(**_names(point), status=INFEASIBLE, error=" ".join(reason.split()))


def settings_text(settings: dict[str, Any]) -> str:
    """The column `settings`: JSON, keys in the order of the sweep."""
    return json.dumps(settings)


def _names(point: Point) -> dict[str, Any]:
    return {
        "id": point.id,
        "workload": point.workload.label,
        "hardware": point.machine.label,
        "settings": settings_text(point.settings),
    }


def _whole(count: int) -> int | float:
    """The count; as a float where SQLite has no whole number so large."""
    return count if count <= LARGEST else float(count)
