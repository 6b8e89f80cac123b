"""Where the gap between a measured PPR and 1 comes from: each array's idle lanes by cause, adding up to the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from accelsim.analysis.lane_use import idle_causes
from accelsim.arrays.counters import Cause
from accelsim.errors import InternalError
from accelsim.results.report import Report

Row = Mapping[str, Any]
SKIPPED, DENSE, MIX = "activation zeros", "dense array", "layer mix"
OF_ARRAYS = tuple(cause.value for cause in Cause if cause is not Cause.ZEROS)
CAUSES = (*OF_ARRAYS, SKIPPED, DENSE, MIX)


def lane_cycles(row: Row, peak_macs: int) -> Counter[str]:
    """Lane cycles of one layer by cause, of `repeat` runs; with M · nnz(W) they add up to cycles · peak.

    Lanes that execute or hold zeros beyond M · nnz(W), zeros of an N:M pattern for example, are padding; where there
    are fewer, because zeros among the activations are skipped, the difference counts negative. All weights of a layer
    that nobody pruned count as nonzero, as in α. InternalError for a counter without a cause, or where the sum is
    another.
    """
    lost = _idle_lanes(row)
    useful = row["M"] * row["repeat"] * _weights(row)
    extra = row["macs_executed"] + lost.pop(Cause.ZEROS, 0) - useful
    lost[Cause.PADDING.value if extra > 0 else SKIPPED] += extra
    lost[Cause.MEMORY.value] += row["stall_cycles"] * peak_macs
    if useful + sum(lost.values()) != row["cycles"] * peak_macs:
        sums = f"{useful} + {sum(lost.values())} instead of {row['cycles']} · {peak_macs}"
        raise InternalError(f"lane cycles of layer {row['name']!r} on {row['array']} do not add up: {sums}")
    return lost


def _idle_lanes(row: Row) -> Counter[str]:
    """What the array's counters of idle lanes say, by cause."""
    lost, causes = Counter[str](), idle_causes(row["array"])
    for name, value in row.items():
        if name in causes:
            lost[causes[name]] += value
        elif name.startswith(f"{row['array']}_idle_"):
            raise InternalError(f"counter {name!r} of idle lanes is not declared by array {row['array']!r}")
    return lost


def gap_by_cause(dense: Iterable[Row], pruned: Iterable[Row], peak_macs: int, clocks: float = 1.0) -> dict[str, float]:
    """PPR − 1 in parts, one a cause: they add up to α·T/T_dense − 1 of these layers.

    `clocks` is the dense machine's clock ÷ the pruned one's. With P lanes and T_dense the dense machine's cycles, a
    lane cycle counts s = α_macs·clocks/(P·T_dense), since M · nnz(W) lane cycles alone are s·M·nnz(W) = the dense
    array's utilization (of all its time): what that lacks of 1 is the dense array's own waste, a negative part.
    `layer mix` is α against α_macs: weights of layers with many output pixels cost more time than others.
    """
    before, now = list(dense), list(pruned)
    alpha = _share(before, now, "weights_dense", _weights)
    alpha_macs = _share(before, now, "macs_dense", lambda row: row["M"] * row["repeat"] * _weights(row))
    dense_lanes = peak_macs * sum(row["cycles"] for row in before)
    lost: Counter[str] = Counter()
    for row in now:
        lost.update(lane_cycles(row, peak_macs))
    parts = {cause: alpha_macs * clocks * lost[cause] / dense_lanes for cause in CAUSES}
    parts[DENSE] = clocks * sum(row["macs_dense"] for row in before) / dense_lanes - 1
    parts[MIX] = (alpha - alpha_macs) * clocks * peak_macs * sum(row["cycles"] for row in now) / dense_lanes
    return parts


def explains(report: Report) -> bool:
    """Whether the idle lanes of every layer's array have causes here."""
    return all(idle_causes(row["array"]) for row in report.rows)


def _weights(row: Row) -> int:
    """Weights that α counts now: the nonzero ones of a pruned layer, all of any other."""
    return int(row["weights_nonzero"] if row["pruned"] else row["weights_dense"])


def _share(before: list[Row], now: list[Row], dense: str, left: Any) -> float:
    return float(sum(row[dense] for row in before) / sum(left(row) for row in now))
