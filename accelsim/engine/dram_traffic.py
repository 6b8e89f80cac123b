"""Bytes between DRAM and the chip by operand, and cycles that the array waited by what it waited for."""

from __future__ import annotations

from dataclasses import dataclass

from ..trace.operand_names import DRAM_OPERANDS, FETCHED, OFMAP, PSUM
from .additive import Additive


@dataclass(frozen=True)
class DramTraffic(Additive):
    """Bytes by operand, in the order of DRAM_OPERANDS."""

    ifmap: int = 0
    weight: int = 0
    index: int = 0
    ofmap: int = 0
    psum: int = 0

    @property
    def total(self) -> int:
        """All operands."""
        return self.ifmap + self.weight + self.index + self.ofmap + self.psum

    def columns(self) -> dict[str, int]:
        """By the names that a report's row has for them."""
        return {f"dram_{name}_bytes": getattr(self, name) for name in DRAM_OPERANDS}


@dataclass(frozen=True)
class Stalls(Additive):
    """Cycles in which the array waited: for the vector unit, for an operand to come, for an output slot to be free.

    `ofmap` also has the drain behind the last tile.
    """

    vector: int = 0
    ifmap: int = 0
    weight: int = 0
    index: int = 0
    psum: int = 0
    ofmap: int = 0

    @property
    def total(self) -> int:
        """All causes."""
        return self.vector + self.ifmap + self.weight + self.index + self.psum + self.ofmap

    def columns(self) -> dict[str, int]:
        """By the names that a report's row has for them."""
        return {f"stall_{name}_cycles": getattr(self, name) for name in STALL_CAUSES}


STALL_CAUSES = ("vector", *FETCHED, PSUM, OFMAP)
