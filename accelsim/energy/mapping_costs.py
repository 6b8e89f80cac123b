"""What a mapping decides, in pJ: the action list asked for one byte of an operand and for one cycle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ..engine.layer_result import OperandWidths
from ..hardware.accelerator import Accelerator
from ..mapping.goals import MappingCosts
from .actions import Action


def mapping_costs(machine: Accelerator, listed: Sequence[Action], widths: OperandWidths) -> MappingCosts:
    """The pJ of a byte that crosses, by operand, with its buffer's fill or drain, and of a cycle, by an action list.

    DRAM commands are counted as those of long bursts of reads. Also the pJ of each of the array's counters.
    """

    def price(**counts: float) -> float:
        moved = sum(value for name, value in counts.items() if name.endswith("_bytes"))
        dram = machine.dram.expected_counts(moved, counts.get("cycles", 0.0), machine.clock_mhz)
        quantities = defaultdict(float, {**widths.columns(), **counts, "dram_bytes": moved, **dram})
        return sum(action.count.of(quantities) * action.pj for action in listed)

    return MappingCosts(
        ifmap=price(dram_ifmap_bytes=1),
        filters=price(dram_weight_bytes=1),
        ofmap=price(dram_ofmap_bytes=1),
        psum=price(dram_psum_bytes=1),
        cycle=price(cycles=1),
        counts={name: price(**{name: 1}) for name in machine.array.schema.names},
    )
