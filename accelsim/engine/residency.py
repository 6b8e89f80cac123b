"""What never crosses to DRAM while a layer runs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Literal

from ..trace.operand_names import BufferName

NOTHING, ALL = Fraction(0), Fraction(1)


@dataclass(frozen=True)
class Residency:
    """Operands that stay on chip.

    ifmap: the share of the ifmap's elements that layers before left on chip. ofmap: whether the outputs never leave.
    between: whether a layer's outputs stay where operators behind it run by themselves. `weights` are `streamed` tile
    by tile, `loaded` once and then stay, or are `resident` from the run before; of streamed ones the first
    `weight_bytes` bytes are resident, and `later_weight_bytes` in all runs of a layer but its first.

    >>> Residency(ifmap=Fraction(2, 3)).crossing(100)
    34
    """

    ifmap: Fraction = NOTHING
    ofmap: bool = False
    between: bool = False
    weights: Literal["streamed", "loaded", "resident"] = "streamed"
    weight_bytes: int = 0
    later_weight_bytes: int = 0

    @property
    def operands(self) -> frozenset[BufferName]:
        """Those of which nothing crosses, by the buffers that hold them."""
        stays: dict[BufferName, bool] = {
            "ifmap": self.ifmap == ALL, "filter": self.weights == "resident", "ofmap": self.ofmap,
        }  # fmt: skip
        return frozenset(name for name, whole in stays.items() if whole)

    def crossing(self, size: int) -> int:
        """What crosses of so many ifmap elements, or bits of them."""
        return ceil(size * (1 - self.ifmap)) if self.ifmap else size

    def streamed_weights(self, size_bytes: int) -> int:
        """What must cross of a layer's encoded weights."""
        return 0 if self.weights == "resident" else max(0, size_bytes - self.weight_bytes)


EVERYTHING_CROSSES = Residency()
