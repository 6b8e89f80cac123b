"""What a machine can do at best, from the configuration that a report holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from accelsim.arrays.base import PEArray
from accelsim.hardware.loading import load_hardware


@dataclass(frozen=True)
class Peaks:
    """`array` and `fallback` (or None) at `clock_mhz`; `dram_gbps` is inf of an ideal DRAM, and `dram` its name."""

    array: PEArray
    fallback: PEArray | None
    clock_mhz: float
    dram_gbps: float
    dram: str

    def gops(self, array: PEArray) -> float:
        """10⁹ lane operations a second of one of the arrays: of most MACs, of bit-serial ones pairs of bits."""
        return float(array.peak_macs) * self.clock_mhz / 1e3

    def dense_gops(self, weight_bits: int, activation_bits: int) -> float:
        """10⁹ operations a second, two a MAC, of the dense array that this machine is fairly compared with."""
        return 2 * float(self.array.baseline_macs(weight_bits, activation_bits)) * self.clock_mhz / 1e3

    @property
    def dram_text(self) -> str:
        """The DRAM's name and rate."""
        return f"{self.dram}, {self.dram_gbps:.3g} GB/s" if isfinite(self.dram_gbps) else f"{self.dram} DRAM"


def peaks_of(configuration: Mapping[str, Any]) -> Peaks:
    """The peaks of a machine; what `load_hardware` raises where the configuration is none of this version."""
    machine = load_hardware(dict(configuration))
    rate = machine.dram.bytes_per_cycle(machine.clock_mhz) * machine.clock_mhz / 1e3
    device = getattr(machine.dram, "device", None)
    name = device if isinstance(device, str) else f"{machine.dram.model} DRAM" if isfinite(rate) else machine.dram.model
    return Peaks(machine.array, machine.fallback, machine.clock_mhz, rate, name)
