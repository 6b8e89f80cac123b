"""What never crosses to DRAM while a layer runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Residency:
    """Operands that stay on chip: the ifmap, left by the layer before, and the ofmap, for the next.

    `weights` are `streamed` tile by tile, `loaded` once and then stay, or are `resident` from the run before.
    """

    ifmap: bool = False
    ofmap: bool = False
    weights: Literal["streamed", "loaded", "resident"] = "streamed"


EVERYTHING_CROSSES = Residency()
