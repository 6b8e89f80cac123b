"""Runs as points of a scatter, and the axes that runs can have."""

from __future__ import annotations

from collections.abc import Sequence

from .columns import RUNS
from .scatter import Axis, Point
from .table import Column, Row, told

AXES = (
    Axis("accuracy", "accuracy, fraction of 1", more_is_better=True),
    Axis("cycles", "cycles"),
    Axis("seconds", "time, s"),
    Axis("energy_pj", "energy, pJ"),
    Axis("energy_active_pj", "energy on chip and of DRAM access, pJ"),
    Axis("dram_bytes", "DRAM traffic, bytes"),
    Axis("area_um2", "area, µm²"),
    Axis("storage_bits", "weights and indices, bits"),
    Axis("stall_cycles", "stall cycles"),
    Axis("ppr", "PPR of total time"),
)


def run_points(rows: Sequence[Row], opens: Sequence[str], *, group: str) -> list[Point]:
    """A point a run, coloured by its `group`, network or hardware; its facts are the run's row of the table."""
    columns = told(RUNS, rows)
    several = [name for name in ("network", "hardware") if len({row[name] for row in rows}) > 1] or ["hardware"]
    return [
        Point(
            f"{row['network']} on {row['hardware']}", " on ".join(str(row[one]) for one in several), str(row[group]),
            name, _values(row), dict(_fact(column, row) for column in columns),
        )
        for row, name in zip(rows, opens, strict=True)
    ]  # fmt: skip


def _values(row: Row) -> dict[str, float]:
    parts = [row.get("energy_on_chip_pj"), row.get("energy_dram_access_pj")]
    bits = [row.get("storage_weight_bits"), row.get("storage_index_bits")]
    sums = {"energy_active_pj": parts, "storage_bits": bits}
    made = {name: float(sum(numbers)) for name, numbers in sums.items() if None not in numbers}  # type: ignore[arg-type]  # none is None here
    plain = {axis.key: float(row[axis.key]) for axis in AXES if isinstance(row.get(axis.key), int | float)}
    return plain | made


def _fact(column: Column, row: Row) -> tuple[str, str]:
    value = column.value(row)
    text = "–" if value is None else column.show(value) if column.show else str(value)
    return column.heading.replace("\n", " "), text
