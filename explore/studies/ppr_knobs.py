"""What a choice of the modeller decides: designs with another number of banks, or another mode, at some rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accelsim.hardware.loading import load_hardware

from .ppr_designs import COMPARISONS, design
from .ppr_layers import Pattern, random_layers
from .ppr_points import ONE_SEED, against_dense

BANKS = (8, 16, 32, 64, 128)
KNOBS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {  # design -> setting -> what it changes
    "csr_rows": {f"{banks} banks": {"array.banks": banks} for banks in BANKS},
    "sticker": {
        "weights never sparse": {"array.thresholds.sparse": 0.0},
        "weights always sparse": {"array.thresholds.sparse": 0.99, "array.thresholds.dense": 0.99},
    },
}
KNOB_DENSITIES, QUICK_KNOB_DENSITIES = (0.5, 0.25, 0.09, 0.045, 0.02), (0.5,)


@dataclass(frozen=True)
class KnobPoint:
    """Random conv layers on a variant of a design, at equal MACs."""

    design: str
    setting: str
    density: float
    quick: bool

    def label(self) -> dict[str, Any]:
        """The first columns of its row."""
        return {
            "design": self.design, "workload": "conv", "comparison": "mac", "pattern": "knob", "setting": self.setting,
            "density": self.density,
        }  # fmt: skip

    def measure(self) -> dict[str, Any]:
        """PPR as of any point."""
        known = design(self.design)
        machine = load_hardware(known.hardware, **KNOBS[self.design][self.setting])
        layers = random_layers("conv", known, Pattern(self.density, 1.0, ONE_SEED), self.quick)
        return against_dense(layers, *COMPARISONS["mac"](machine))


def knob_points(quick: bool) -> list[KnobPoint]:
    """Every setting of every knob at some rates."""
    densities = QUICK_KNOB_DENSITIES if quick else KNOB_DENSITIES
    return [
        KnobPoint(name, setting, density, quick)
        for name, settings in KNOBS.items()
        for setting in settings
        for density in densities
    ]
