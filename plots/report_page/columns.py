"""How runs and layers are written in tables: columns with their units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..numbers import digits
from .table import Column, key


def whole(value: float) -> str:
    """A count with its thousands grouped."""
    return f"{value:,.0f}"


def percent(value: float) -> str:
    """A fraction in percent."""
    return f"{100 * value:.2f} %"


def times(value: float) -> str:
    """A factor."""
    return f"{digits(value)}×"


def count(heading: str, name: str) -> Column:
    """A column of whole numbers."""
    return Column(heading, key(name), whole)


def amount(heading: str, name: str, factor: float = 1.0) -> Column:
    """A column of numbers with three digits, each divided by `factor`."""
    return Column(heading, key(name, factor), digits)


def factor(heading: str, name: str) -> Column:
    """A column of factors."""
    return Column(heading, key(name), times)


PRUNED: Mapping[bool | None, str] = {True: "yes", False: "no"}
NETWORK, HARDWARE = Column("network", key("network")), Column("hardware", key("hardware"))
RUNS = (
    NETWORK,
    HARDWARE,
    Column("accuracy", key("accuracy"), percent),
    count("cycles", "cycles"),
    count("compute\ncycles", "compute_cycles"),
    count("stall\ncycles", "stall_cycles"),
    Column("utilization", key("utilization"), percent),
    amount("time\nµs", "seconds", 1e-6),
    amount("inferences\nper s", "inferences_per_s"),
    amount("energy\nµJ", "energy_pj", 1e6),
    amount("on chip\nµJ", "energy_on_chip_pj", 1e6),
    amount("DRAM access\nµJ", "energy_dram_access_pj", 1e6),
    amount("DRAM standby\nµJ", "energy_dram_standby_pj", 1e6),
    amount("DRAM\nKiB", "dram_bytes", 2**10),
    factor("α", "alpha"),
    factor("β", "beta"),
    factor("β\nunpruned", "beta_unpruned"),
    amount("PPR\ntotal time", "ppr"),
    amount("PPR\ncorrected", "ppr_corrected"),
    amount("PPR\ncompute", "ppr_compute"),
    amount("PPR energy\non chip + access", "ppr_energy_active"),
    amount("PPR energy\nwith standby", "ppr_energy"),
    amount("PPR\nconv layers", "ppr_conv"),
    amount("area\nmm²", "area_um2", 1e6),
    amount("TOPS/W", "tops_per_w"),
    amount("weights\nKiB", "storage_weight_bits", 8 * 2**10),
    amount("indices\nKiB", "storage_index_bits", 8 * 2**10),
    Column("on fallback", lambda run: ", ".join(run.get("fallback_layers") or []) or None),
)
LAYERS = (
    Column("layer", key("name")),
    Column("kind", key("kind")),
    Column("array", key("array")),
    Column("M × N × K", lambda row: f"{row['M']} × {row['N']} × {row['K']}" if row["M"] else None),
    Column("groups", lambda row: row.get("groups") if row.get("groups", 1) != 1 else None, whole),
    Column("bits\nw / a", lambda row: f"{row['weight_bits']} / {row['activation_bits']}"),
    count("weights\nnonzero", "weights_nonzero"),
    Column("pruned", lambda row: PRUNED.get(row.get("pruned"))),
    count("MACs\neffectual", "macs_effectual"),
    count("cycles", "cycles"),
    count("compute\ncycles", "compute_cycles"),
    count("stall\ncycles", "stall_cycles"),
    Column("utilization", key("utilization"), percent),
    Column("bound by", key("bound")),
    count("DRAM ifmap\nbytes", "dram_ifmap_bytes"),
    count("DRAM weight\nbytes", "dram_weight_bytes"),
    count("DRAM index\nbytes", "dram_index_bytes"),
    count("DRAM ofmap\nbytes", "dram_ofmap_bytes"),
    count("DRAM psum\nbytes", "dram_psum_bytes"),
    amount("energy\nnJ", "energy_pj", 1e3),
    amount("DRAM access\nnJ", "energy_dram_access_pj", 1e3),
    amount("DRAM standby\nnJ", "energy_dram_standby_pj", 1e3),
)
TERMS = {
    "cycles": "of the array's clock, from the first issue to the end of the last write-back: compute cycles, in which "
    "the array is busy, and stall cycles, in which it waits for memory",
    "energy": "on chip (MACs, registers, SRAM, indices, vector unit, leakage), DRAM access (what the traffic costs) "
    "and DRAM standby (what time costs: clocks and refresh)",
    "utilization": "executed MACs ÷ (peak MACs of the array · compute cycles)",
    "MACs effectual": "those whose operands are both nonzero",
    "bound by": "what a layer's cycles wait for most: compute, memory or index",
    "KiB": "1,024 bytes",
}


def marked_layers(rows: list[dict[str, Any]], fallback: frozenset[str]) -> list[dict[str, Any]]:
    """The rows, the array of those that ran on the fallback marked so."""
    return [{**row, "array": f"{row['array']} (fallback)"} if row["name"] in fallback else row for row in rows]
