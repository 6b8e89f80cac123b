"""The designs of the PPR study, what papers assume of each, and the machines that each is compared at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from accelsim.analysis.dense_baseline import dense_machine
from accelsim.analysis.equal_area import nearest_area
from accelsim.analysis.iso_scaling import array_sides, array_sizes
from accelsim.arrays.sticker.array import StickerArray
from accelsim.energy.area import machine_area
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.loading import load_hardware
from accelsim.hardware.parts import Validated

BITS = 8  # of all layers; the dense network is one of shapes, which have no zeros to gate
ENERGY_OF = "ddr4-2400"  # the device of the other comparisons, so that energy is accounted equally in all
BYTES_A_MAC = 1 / 16  # of DRAM traffic that a MAC of peak may have a cycle, in the comparison at equal bandwidth
SHAPES_OF_NM = {1 / 2: (2, 4), 1 / 4: (1, 4), 1 / 8: (1, 8), 1 / 16: (1, 16), 1 / 32: (1, 32)}  # density -> N:M


@dataclass(frozen=True)
class Design:
    """A sparse accelerator: its configuration, and the PPR that is assumed of it at low and high rates, with source.

    `assumed` is None where nobody assumed one. `skips_activations`: zeros among the activations save time too, so that
    PPR below 1 is legitimate. `pattern` of "n:m" means that only N:M densities run on it. `conv` and `linear` say what
    it is studied on.
    """

    name: str
    hardware: str
    assumed: tuple[float, float] | None
    source: str
    skips_activations: bool = False
    pattern: str = "bernoulli"
    conv: bool = True
    linear: bool = True

    def machine(self, density: float) -> Accelerator:
        """The machine for weights of a density: an N:M design is built for its N and M."""
        if self.pattern != "n:m":
            return load_hardware(self.hardware)
        n, m = SHAPES_OF_NM.get(density, (1, 1))
        return load_hardware(self.hardware, **{"array.n": n, "array.m": m})

    @property
    def validated(self) -> Validated | None:
        """Against what its machine was validated; None where nobody could."""
        return load_hardware(self.hardware).validated

    def mode(self, density: float) -> str:
        """Which of its cycle rules weights of a density run by, "" where it has one; no curve passes between two."""
        array = load_hardware(self.hardware).array
        if not isinstance(array, StickerArray):
            return ""
        return "sparse weights" if array.thresholds.classify(density) == "sparse" else "dense weights"


SYNTHESIS = "001 §VI: 2.7 to 3.5 in synthesis results"
TAPEOUT = "001 §VI: close to 3 at low rates, above 4 at high ones, in the tapeout"
DESIGNS = (
    Design("csr_rows", "sparse/csr-rows-16x16", (2.7, 3.5), SYNTHESIS),
    Design("cambricon_x", "sparse/cambricon-x-16x16", (2.7, 3.5), SYNTHESIS),
    Design("scnn", "sparse/scnn-8x8", (2.7, 3.5), SYNTHESIS, skips_activations=True, linear=False),
    Design("sticker", "sparse/sticker-16x16", (3.0, 4.0), TAPEOUT, skips_activations=True),
    Design("eie", "sparse/eie-64pe", None, "001 assumes none", skips_activations=True, conv=False),
    Design("nm_sparse", "sparse/nm-sparse-2-4-16x16", None, "001 assumes none", pattern="n:m"),
)  # fmt: skip


def design(name: str) -> Design:
    """By its name."""
    return next(known for known in DESIGNS if known.name == name)


def at_equal_macs(machine: Accelerator) -> tuple[Accelerator, Accelerator]:
    """(dense, sparse): the strongest dense array of the same peak MACs a cycle and the same DRAM (DESIGN section 1)."""
    return dense_machine(machine, BITS, BITS, zero_gating=False), machine


def at_equal_area(machine: Accelerator) -> tuple[Accelerator, Accelerator]:
    """The strongest dense array that makes its whole machine as large as the sparse one, within 2 %.

    Buffers and DRAM are equal.
    """
    dense = dense_machine(machine, BITS, BITS, zero_gating=False)
    sizes, sides = list(array_sizes(dense.array)), array_sides(dense.array)
    best, _ = nearest_area(dense, sizes, sides, _whole_area, _whole_area(machine))
    name = f"dense best {'x'.join(str(getattr(best.array, side)) for side in sides)}"
    return best.model_copy(update={"name": name}), machine


def _whole_area(machine: Accelerator) -> float:
    return sum(machine_area(machine, BITS, BITS).values())


def at_equal_bandwidth(machine: Accelerator) -> tuple[Accelerator, Accelerator]:
    """Both at equal MACs behind a DRAM of 1/16 byte a cycle a MAC: what every design, small or large, has as well."""
    gbps = BYTES_A_MAC * machine.array.peak_macs * machine.clock_mhz * 1e6 / 1e9
    dram = {"model": "bandwidth", "gbps": gbps, "latency_cycles": 60, "energy_of": ENERGY_OF}
    scarce = load_hardware(machine, dram=dram)
    return dense_machine(scarce, BITS, BITS, zero_gating=False), scarce


COMPARISONS: Mapping[str, Callable[[Accelerator], tuple[Accelerator, Accelerator]]] = {
    "mac": at_equal_macs,
    "area": at_equal_area,
    "bandwidth": at_equal_bandwidth,
}
