"""Where the gap between a measured PPR and 1 comes from: each array's idle lanes by cause, adding up to the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from accelsim.errors import InternalError
from accelsim.results.report import Report

Row = Mapping[str, Any]
IMBALANCE, INDEX, CONFLICT, PADDING, EDGE, MEMORY = "imbalance", "index", "conflicts", "padding", "edges", "memory"
SKIPPED, DENSE, MIX = "activation zeros", "dense array", "layer mix"
ZEROS = "zeros"  # lanes that held a zero operand; with what is executed they tell padding from skipped activations
CAUSES = (IMBALANCE, INDEX, CONFLICT, PADDING, EDGE, MEMORY, SKIPPED, DENSE, MIX)
IDLE = {  # an array's counters of idle lanes (lane cycles) -> cause
    "csr_rows": {"imbalance": IMBALANCE, "empty": INDEX, "conflict": CONFLICT, "edge": EDGE},
    "eie": {"imbalance": IMBALANCE, "queue": IMBALANCE, "pointer": INDEX, "padding": PADDING, "pipeline": EDGE},
    "cambricon_x": {
        "imbalance": IMBALANCE, "barrier": IMBALANCE, "extent": INDEX, "padding": PADDING, "fragment": EDGE,
    },
    "scnn": {"barrier": IMBALANCE, "conflict": CONFLICT, "halo": CONFLICT, "fragment": EDGE},
    "sticker": {"imbalance": IMBALANCE, "gated": ZEROS, "edge": EDGE},
    "nm_sparse": {"load": MEMORY, "skew": EDGE, "edge": EDGE},
}  # fmt: skip


def lane_cycles(row: Row, peak_macs: int) -> Counter[str]:
    """Lane cycles of one layer by cause, of `repeat` runs; with M · nnz(W) they add up to cycles · peak.

    Lanes that execute or hold zeros beyond M · nnz(W), zeros of an N:M pattern for example, are padding; where there
    are fewer, because zeros among the activations are skipped, the difference counts negative. InternalError for a
    counter without a cause, or where the sum is another.
    """
    found: Counter[str] = Counter()
    prefix = f"{row['array']}_idle_"
    for name, value in row.items():
        if name.startswith(prefix):
            found[_cause(row["array"], name.removeprefix(prefix))] += value
    useful = row["M"] * row["repeat"] * row["weights_nonzero"]
    extra = row["macs_executed"] + found.pop(ZEROS, 0) - useful
    found[PADDING if extra > 0 else SKIPPED] += extra
    found[MEMORY] += row["stall_cycles"] * peak_macs
    if useful + sum(found.values()) != row["cycles"] * peak_macs:
        told = f"{useful} + {sum(found.values())} instead of {row['cycles']} · {peak_macs}"
        raise InternalError(f"lane cycles of layer {row['name']!r} on {row['array']} do not add up: {told}")
    return found


def _cause(kind: str, counter: str) -> str:
    try:
        return IDLE[kind][counter]
    except KeyError as error:
        raise InternalError(f"array {kind!r} counts idle lanes as {counter!r}, which has no cause in {IDLE}") from error


def gap_by_cause(dense: Iterable[Row], pruned: Iterable[Row], peak_macs: int, clocks: float = 1.0) -> dict[str, float]:
    """PPR − 1 in parts, one a cause: they add up to α·T/T_dense − 1 of these layers.

    `clocks` is the dense machine's clock ÷ the pruned one's. With P lanes and T_dense the dense machine's cycles, a
    lane cycle counts s = α_macs·clocks/(P·T_dense), since M · nnz(W) lane cycles alone are s·M·nnz(W) = the dense
    array's utilization (of all its time): what that lacks of 1 is the dense array's own waste, a negative part.
    `layer mix` is α against α_macs: weights of layers with many output pixels cost more time than others.
    """
    before, now = list(dense), list(pruned)
    alpha = _share(before, now, "weights_dense", lambda row: row["weights_nonzero"])
    alpha_macs = _share(before, now, "macs_dense", lambda row: row["M"] * row["repeat"] * row["weights_nonzero"])
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
    return all(row["array"] in IDLE for row in report.rows)


def _share(before: list[Row], now: list[Row], dense: str, left: Any) -> float:
    return float(sum(row[dense] for row in before) / sum(left(row) for row in now))
