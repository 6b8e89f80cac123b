"""Energy and area: counted actions times the table's figures, every figure with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from accelsim.arrays.base import PEArray
from accelsim.errors import InternalError
from accelsim.formats.files import parse_yaml
from accelsim.hardware import Accelerator

REFERENCE_NM = 45.0
COMPONENTS = ("mac", "register", "sram", "index", "dram", "leakage")


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


def energy_scale(technology_nm: float) -> float:
    """Energy against 45 nm at constant voltage: capacitance goes with length."""
    return technology_nm / REFERENCE_NM


def area_scale(technology_nm: float) -> float:
    """Area against 45 nm: the square of the length."""
    return (technology_nm / REFERENCE_NM) ** 2


def buffer_bytes(machine: Accelerator, dram_bytes: Mapping[str, int]) -> dict[str, float]:
    """Sizes of the three buffers; unlimited ones are charged as if they just held the layer's operand."""
    if machine.buffers is not None:
        return {part: getattr(machine.buffers, f"{part}_kib") * 1024.0 for part in ("ifmap", "filter", "ofmap")}
    filters = dram_bytes["dram_weight_bytes"] + dram_bytes["dram_index_bytes"]
    return {"ifmap": dram_bytes["dram_ifmap_bytes"], "filter": filters, "ofmap": dram_bytes["dram_ofmap_bytes"]}


@dataclass(frozen=True)
class Widths:
    """Operand widths in bits that energy and area depend on."""

    weight: int
    activation: int
    output: int
    accumulator: int


def layer_energy(
    machine: Accelerator,
    counts: Mapping[str, int],
    dram_bytes: Mapping[str, int],
    widths: Widths,
    leak_uw: float,
    cycles: int,
) -> dict[str, float]:
    """pJ by component: counted actions times their figures, DRAM bits, and leakage over the layer's time."""
    table, scale = default_table(), energy_scale(machine.technology_nm)
    sizes = buffer_bytes(machine, dram_bytes)
    read = {part: table.sram_bit("read_pj", size) for part, size in sizes.items()}
    write = {part: table.sram_bit("write_pj", size) for part, size in sizes.items()}
    final = counts["sram_ofmap_writes"] - counts["sram_psum_reads"]
    sram_bits = {
        "reads": counts["sram_ifmap_reads"] * widths.activation * read["ifmap"]
        + counts["sram_filter_reads"] * widths.weight * read["filter"]
        + counts["sram_psum_reads"] * widths.accumulator * read["ofmap"],
        "writes": final * widths.output * write["ofmap"]
        + counts["sram_psum_reads"] * widths.accumulator * write["ofmap"],
        "fills": 8 * dram_bytes["dram_ifmap_bytes"] * write["ifmap"]
        + 8 * (dram_bytes["dram_weight_bytes"] + dram_bytes["dram_index_bytes"]) * write["filter"],
        "drains": 8 * (dram_bytes["dram_ofmap_bytes"] + dram_bytes["dram_psum_bytes"]) * read["ofmap"],
    }
    mac = counts["macs_executed"] * table.mac(widths.weight, widths.activation, widths.accumulator)
    index = counts["sram_index_bits"] * read["filter"] + counts["decodes"] * table.figures["decode_pj"]
    return {
        "mac": mac * scale,
        "register": counts["register_bits"] * table.figures["register_pj_per_bit"] * scale,
        "sram": sum(sram_bits.values()) * scale,
        "index": index * scale,
        "dram": 8 * sum(dram_bytes.values()) * table.figures["dram_pj_per_bit"],
        "leakage": leak_uw * cycles / machine.clock_mhz,
    }


def array_area(array: PEArray, weight_bits: int, activation_bits: int) -> float:
    """µm² at 45 nm of an array's logic for the widest operands that it runs."""
    table = default_table()
    unit = {
        "mac": table.mac(weight_bits, activation_bits, array.accumulator_bits, "um2"),
        "register_bit": table.figures["register_um2_per_bit"],
        "full_adder": table.figures["add_8_um2"] / 8,
    }
    logic = array.logic(weight_bits, activation_bits)
    if unpriced := set(logic) - set(unit):
        raise InternalError(f"{array.kind} is built of {sorted(unpriced)}, which the energy table cannot price")
    return sum(count * unit[name] for name, count in logic.items())


def machine_area(machine: Accelerator, weight_bits: int, activation_bits: int) -> dict[str, float]:
    """µm² by part: array, fallback, buffers. Unlimited buffers have no area."""
    table, scale = default_table(), area_scale(machine.technology_nm)
    area = {"array": array_area(machine.array, weight_bits, activation_bits) * scale}
    if machine.fallback is not None:
        area["fallback"] = array_area(machine.fallback, weight_bits, activation_bits) * scale
    if machine.buffers is not None:
        sizes = (machine.buffers.ifmap_kib, machine.buffers.filter_kib, machine.buffers.ofmap_kib)
        area["buffers"] = scale * sum(table.sram["area_um2"].at(kib * 1024, table.sram_width_bits) for kib in sizes)
    return area


def machine_leakage_uw(machine: Accelerator, area: Mapping[str, float]) -> float:
    """µW of leakage: logic by its area, SRAM by its law."""
    table = default_table()
    logic = sum(um2 for part, um2 in area.items() if part != "buffers")
    total = logic * table.figures["logic_uw_per_um2"]
    if machine.buffers is not None:
        sizes = (machine.buffers.ifmap_kib, machine.buffers.filter_kib, machine.buffers.ofmap_kib)
        total += sum(table.sram["leakage_uw"].at(kib * 1024, table.sram_width_bits) for kib in sizes)
    return total
