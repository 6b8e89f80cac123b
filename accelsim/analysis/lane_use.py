"""What the lanes of an array did in each layer: useful work, zeros, and every cause of idleness, adding up to all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..arrays import array_class
from ..arrays.counters import Cause, Role
from ..engine.layer_result import VECTOR
from ..errors import UnknownNameError

Row = Mapping[str, Any]
USEFUL, ON_ZEROS, VECTOR_UNIT = "useful", "zeros", "vector unit"
USES = (USEFUL, ON_ZEROS, Cause.EDGE.value, Cause.IMBALANCE.value, Cause.INDEX.value, Cause.CONFLICT.value,
        Cause.PADDING.value, Cause.MEMORY.value, VECTOR_UNIT)  # fmt: skip


def idle_causes(kind: str) -> dict[str, str]:
    """The cause of each counter of idle lanes that an array declares; none for a kind that is not an array's.

    >>> idle_causes("csr_rows")["csr_rows_idle_conflict"]
    'conflicts'
    """
    try:
        counters = array_class(kind).counters
    except UnknownNameError:
        return {}
    return {spec.name: str(spec.cause) for spec in counters if spec.role is Role.IDLE}


def lane_use(row: Row, lanes: int | None = None) -> dict[str, float]:
    """Cycles of one layer by what its lanes did, in the order of USES; they add up to the layer's `cycles`.

    A lane's cycle counts 1/lanes. `useful`: both operands are nonzero. `zeros`: a lane works on an operand that is zero
    or holds a pair with one. `memory`: the array waits for an operand, or for room for an output. `vector unit`: the
    array waits for it, or the layer is an operator and leaves the array idle. An array that declares no causes loses to
    `edges` what it does not use: sizes that do not fill it, fill and drain. `row` is a report's; `lanes` are told from
    it where they are not given.

    >>> import accelsim
    >>> report = accelsim.simulate(accelsim.GemmTrace("fc", M=1, N=8, K=8), "dense/os-16x16")
    >>> use = lane_use(report.rows[0])
    >>> round(sum(use.values())) == report.cycles, round(use["useful"], 2)  # 64 MACs on 256 lanes
    (True, 0.25)
    """
    use = dict.fromkeys(USES, 0.0)
    waiting = float(row.get("stall_vector_cycles", 0))
    use[VECTOR_UNIT], use[Cause.MEMORY.value] = waiting, float(row["stall_cycles"]) - waiting
    if row["array"] == VECTOR:
        use[VECTOR_UNIT] += float(row["compute_cycles"])
        return use
    lanes = lanes or lanes_of(row)
    slots, left = float(row["compute_cycles"]) * lanes, float(row["compute_cycles"])
    executed = float(row["macs_executed"]) / lanes if slots else 0.0
    use[USEFUL] = executed * _nonzero_share(row)
    use[ON_ZEROS] = executed - use[USEFUL]
    left -= executed
    for name, cause in idle_causes(str(row["array"])).items():
        lost = float(row.get(name, 0)) / lanes
        use[ON_ZEROS if cause == Cause.ZEROS else cause] += lost
        left -= lost
    use[Cause.EDGE.value] += max(0.0, left)
    return use


def lanes_of(row: Row) -> int:
    """Lanes of the array that ran a report's row: the operations it did in a cycle of full use; 1 where it did none.

    >>> lanes_of({"array": "systolic", "macs_executed": 96, "utilization": 0.75, "compute_cycles": 8})
    16
    """
    done = row["vector_operations"] if row["array"] == VECTOR else row["macs_executed"]
    slots = row["utilization"] * row["compute_cycles"]
    if slots:
        return max(1, round(float(done / slots)))
    idle, cycles = float(sum(row.get(name, 0) for name in idle_causes(str(row["array"])))), float(row["compute_cycles"])
    return max(1, round(idle / cycles)) if cycles else 1


def _nonzero_share(row: Row) -> float:
    """Of what the lanes executed, the part on two nonzero operands.

    An array that executes every MAC of the dense GEMM, in however many operations, has the GEMM's own share.
    """
    executed, dense, effectual = (float(row[key]) for key in ("macs_executed", "macs_dense", "macs_effectual"))
    return min(1.0, effectual / (dense if executed >= dense else executed)) if executed else 0.0
