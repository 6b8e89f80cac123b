"""Energy and area: counted actions times the table's figures, every figure with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.arrays.base import PEArray
from accelsim.energy_table import default_table
from accelsim.errors import InternalError
from accelsim.hardware import Accelerator

REFERENCE_NM = 45.0
COMPONENTS = ("mac", "register", "sram", "index", "dram", "dram_io", "leakage")


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
    """Operand widths in bits that energy depends on; `stored_weight` is the width in the filter buffer."""

    weight: int
    stored_weight: int
    activation: int
    output: int
    accumulator: int


def layer_energy(
    machine: Accelerator,
    array: PEArray,
    counts: Mapping[str, int],
    dram_bytes: Mapping[str, int],
    widths: Widths,
    leak_uw: float,
    cycles: int,
) -> dict[str, float]:
    """pJ by component of a layer that ran on `array`: counted actions times their figures, DRAM bits, and leakage.

    The figure of a DRAM bit holds the core and the I/O; a DRAM model that knows them apart replaces both components.
    """
    table, scale = default_table(), energy_scale(machine.technology_nm)
    sizes = buffer_bytes(machine, dram_bytes)
    sizes["filter"] /= array.filter_banks
    read = {part: table.sram_bit("read_pj", size) for part, size in sizes.items()}
    write = {part: table.sram_bit("write_pj", size) for part, size in sizes.items()}
    final = counts["sram_ofmap_writes"] - counts["sram_psum_reads"]
    psum_bits = 4 * dram_bytes["dram_psum_bytes"]  # half of the spilled bytes go out, half come back
    sram_bits = {
        "reads": counts["sram_ifmap_reads"] * widths.activation * read["ifmap"]
        + counts["sram_filter_reads"] * widths.stored_weight * read["filter"]
        + counts["sram_psum_reads"] * widths.accumulator * read["ofmap"],
        "writes": final * widths.output * write["ofmap"]
        + counts["sram_psum_reads"] * widths.accumulator * write["ofmap"],
        "fills": 8 * dram_bytes["dram_ifmap_bytes"] * write["ifmap"]
        + 8 * (dram_bytes["dram_weight_bytes"] + dram_bytes["dram_index_bytes"]) * write["filter"]
        + psum_bits * write["ofmap"],
        "drains": (8 * dram_bytes["dram_ofmap_bytes"] + psum_bits) * read["ofmap"],
    }
    mac = array.arithmetic_pj(counts, table, widths.weight, widths.activation)
    index = counts["sram_index_bits"] * read["filter"] + counts["decodes"] * table.figures["decode_pj"]
    return {
        "mac": mac * scale,
        "register": counts["register_bits"] * table.figures["register_pj_per_bit"] * scale,
        "sram": sum(sram_bits.values()) * scale,
        "index": index * scale,
        "dram": 8 * sum(dram_bytes.values()) * table.figures["dram_pj_per_bit"],
        "dram_io": 0.0,
        "leakage": leak_uw * cycles / machine.clock_mhz,
    }


def array_area(array: PEArray, weight_bits: int, activation_bits: int) -> float:
    """µm² at 45 nm of an array's logic for the widest operands that it runs."""
    table = default_table()
    unit = {
        "mac": table.mac(weight_bits, activation_bits, array.accumulator_bits, "um2"),
        "register_bit": table.figures["register_um2_per_bit"],
        "full_adder": table.full_adders(1, "um2"),
        "gate": table.gates(1, "um2"),
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
