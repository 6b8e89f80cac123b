"""What a mapping is chosen for, and what the machine says of itself to that end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from ..arrays.counters import Counts
from ..hardware.parts import Buffers, MappingConfig
from ..trace.operand_names import BufferName


@dataclass(frozen=True)
class MappingCosts:
    """pJ of what a mapping decides: a byte of an operand that crosses, both ends of its way, and a cycle.

    A byte costs its access to DRAM and the buffer's fill (`ifmap`, `filters`) or drain (`ofmap`); of psums the mean of
    both. `cycle` is what time costs: leakage, clock, DRAM standby. `counts` has what an array's counters cost, which
    is for choosing a dataflow. The default counts bytes alone.
    """

    ifmap: float = 1.0
    filters: float = 1.0
    ofmap: float = 1.0
    psum: float = 1.0
    cycle: float = 0.0
    counts: Mapping[str, float] = field(default_factory=dict)

    def of_counts(self, counts: Counts) -> float:
        """The pJ of what an array counted."""
        return sum(number * self.counts.get(name, 0.0) for name, number in counts.items())


@dataclass(frozen=True)
class MappingProblem:
    """What the best mapping of a program depends on beside the program.

    `buffers` None are unlimited; `bytes_per_cycle` is the DRAM's best rate, inf where no transfer takes time;
    `resident` names the buffers whose operands never cross to DRAM; of `groups` equal GEMMs that run one
    after another only the first waits for its load, and the last for its write-back.
    """

    buffers: Buffers | None = None
    mapping: MappingConfig = field(default_factory=MappingConfig)
    bytes_per_cycle: float = inf
    costs: MappingCosts = MappingCosts()
    resident: frozenset[BufferName] = frozenset()
    groups: int = 1

    @property
    def overlaps(self) -> bool:
        """Whether tiles are loaded and written while others are computed."""
        return self.buffers is None or self.buffers.double

    def room(self, part: BufferName) -> float:
        """Bytes that a tile may take in a buffer; inf where the operand lies there already, whole.

        Psums of outputs that stay need room of their own.
        """
        in_place = part in self.resident and part != "ofmap"
        return inf if self.buffers is None or in_place else self.buffers.tile_bytes(part)
