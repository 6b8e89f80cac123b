"""What compression buys where it makes a network fit on chip: weights that stay from one inference to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import workloads
from accelsim.hardware.loading import load_hardware

from ..cache import simulate_cached

DENSE, SPARSE = "dense/best-16x16-resident", "sparse/csr-rows-16x16-resident"
PROFILE = "deep_compression"  # whole networks, FC layers included
FILTER_KIB = {"lenet5": (16, 64, 256, 512), "alexnet": (1024, 4096, 16384, 65536)}
QUICK_FILTER_KIB = {"lenet5": (64,)}


@dataclass(frozen=True)
class ResidentPoint:
    """A whole network on a machine whose filter buffer, of so many KiB, keeps weights between inferences."""

    network: str
    profile: str | None
    hardware: str
    filter_kib: int

    def label(self) -> dict[str, Any]:
        """The first columns of its row."""
        return {
            "design": load_hardware(self.hardware).name, "pattern": "resident", "filter_kib": self.filter_kib,
            "workload": self.network if self.profile is None else f"{self.network}, {self.profile}",
        }  # fmt: skip

    def measure(self) -> dict[str, Any]:
        """One inference in the steady state, what comes with the first one, and the same without resident weights."""
        machine = load_hardware(self.hardware, **{"buffers.filter_kib": self.filter_kib})
        network = workloads.load(self.network, profile=self.profile)
        steady = simulate_cached(network, machine)
        streamed = simulate_cached(network, load_hardware(machine, **{"buffers.weights_resident": False}))
        return {
            "warmup_bytes": steady.warmup_bytes, "dram_bytes": steady.dram_bytes, "seconds": steady.seconds,
            "energy_active_pj": steady.energy_active_pj, "streamed_dram_bytes": streamed.dram_bytes,
            "streamed_seconds": streamed.seconds, "streamed_energy_active_pj": streamed.energy_active_pj,
        }  # fmt: skip


def resident_points(quick: bool) -> list[ResidentPoint]:
    """Each network before and after compression, on the machine that is made for it, by size of the filter buffer."""
    return [
        ResidentPoint(network, profile, machine, kib)
        for network, sizes in (QUICK_FILTER_KIB if quick else FILTER_KIB).items()
        for profile, machine in ((None, DENSE), (PROFILE, SPARSE))
        for kib in sizes
    ]
