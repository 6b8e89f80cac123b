"""The table of energies and areas at 45 nm: what one action or one unit costs, every figure with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from accelsim.formats.files import parse_yaml


@dataclass(frozen=True)
class PowerLaw:
    """factor · bytes^size_exponent · width_bits^width_exponent."""

    factor: float
    size_exponent: float
    width_exponent: float
    source: str

    def at(self, size_bytes: float, width_bits: float) -> float:
        """The figure of an SRAM of a size and word width."""
        return float(self.factor * size_bytes**self.size_exponent * width_bits**self.width_exponent)


@dataclass(frozen=True)
class EnergyTable:
    """Figures at 45 nm by name, their sources, and the SRAM laws. Energies in pJ, areas in µm², leakage in µW."""

    figures: Mapping[str, float]
    sources: Mapping[str, str]
    sram: Mapping[str, PowerLaw]
    sram_width_bits: int

    def _by_width(self, name: str, unit: str, bits: int, base_units: float, units: float) -> float:
        """The table's figure at this width, else the 8-bit one by counted full-adder equivalents."""
        exact = self.figures.get(f"{name}_{bits}_{unit}")
        return exact if exact is not None else self.figures[f"{name}_8_{unit}"] * units / base_units

    def add(self, bits: int, unit: str = "pj") -> float:
        """An integer add of `bits` bits, in pJ or µm² (`um2`): 1 full adder a bit."""
        return self._by_width("add", unit, bits, 8, bits)

    def multiply(self, weight_bits: int, activation_bits: int, unit: str = "pj") -> float:
        """An integer multiply, in pJ or µm² (`um2`): one full adder a pair of bits."""
        width = weight_bits if weight_bits == activation_bits else 0
        return self._by_width("mult", unit, width, 64, weight_bits * activation_bits)

    def mac(self, weight_bits: int, activation_bits: int, accumulator_bits: int, unit: str = "pj") -> float:
        """A multiply and an add into the accumulator, in pJ or µm² (`um2`)."""
        return self.multiply(weight_bits, activation_bits, unit) + self.add(accumulator_bits, unit)

    def full_adders(self, count: float, unit: str = "pj") -> float:
        """`count` full-adder equivalents, in pJ or µm² (`um2`): an eighth of the 8-bit add each."""
        return self.figures[f"add_8_{unit}"] / 8 * count

    def gates(self, count: float, unit: str = "pj") -> float:
        """`count` two-input gates or 2:1 multiplexers of one bit, in pJ or µm² (`um2`), as full-adder equivalents."""
        return self.full_adders(self.figures["gate_full_adders"] * count, unit)

    def sram_bit(self, law: str, size_bytes: float) -> float:
        """pJ a bit of a read or write (`read_pj`, `write_pj`): a word's energy shared by its bits."""
        return self.sram[law].at(max(size_bytes, 1), self.sram_width_bits) / self.sram_width_bits


@lru_cache(maxsize=1)
def default_table() -> EnergyTable:
    """The shipped 45 nm table."""
    content = parse_yaml((files("accelsim") / "data" / "energy_45nm.yaml").read_text("utf-8"), "the energy table")
    figures = content["figures"]
    return EnergyTable(
        {name: float(entry["value"]) for name, entry in figures.items()},
        {name: entry["source"] for name, entry in figures.items()},
        {name: PowerLaw(**entry) for name, entry in content["sram"].items()},
        int(content["sram_width_bits"]["value"]),
    )
