"""Area and leakage: every array, lane and buffer by what it is built of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..arrays.base import PEArray
from ..errors import InternalError
from ..hardware.accelerator import Accelerator
from ..technology.cost import Cost
from ..technology.settings import table_of
from ..technology.table import EnergyTable
from ..trace.operand_names import BUFFERS

BUFFER = "_buffer"


@dataclass(frozen=True)
class AreaItem:
    """`count` units of a kind in a part of the machine: `cost` in µm² each at the table's node, `scale` to its own."""

    part: str
    unit: str
    count: float
    cost: Cost
    scale: float
    sources: tuple[str, ...]

    @property
    def um2(self) -> float:
        """All of them, at the machine's node."""
        return self.count * float(self.cost) * self.scale


def area_items(machine: Accelerator, weight_bits: int, activation_bits: int) -> list[AreaItem]:
    """Array, fallback, vector unit and buffers for the widest operands that run. Unlimited buffers have no area."""
    table = table_of(machine.energy)
    scale = table.scaling.factor("area", machine.technology_nm)
    listed = _items(machine, table, weight_bits, activation_bits)
    return [AreaItem(*item, scale, table.sources_of(item[3].formula)) for item in listed]


Item = tuple[str, str, float, Cost]


def _items(machine: Accelerator, table: EnergyTable, weight_bits: int, activation_bits: int) -> Iterator[Item]:
    yield from _array("array", machine.array, table, weight_bits, activation_bits)
    if machine.fallback is not None:
        yield from _array("fallback", machine.fallback, table, weight_bits, activation_bits)
    lane = table.lane(activation_bits, machine.array.accumulator_bits, "um2")
    yield "vector", "lane", machine.vector.lanes, lane
    for part, (size, banks) in _buffers(machine).items():
        yield part, "SRAM", 1, table.sram_whole("area_um2", size, banks)


def _array(part: str, array: PEArray, table: EnergyTable, weight_bits: int, activation_bits: int) -> Iterator[Item]:
    price = {
        "mac": table.mac(weight_bits, activation_bits, array.accumulator_bits, "um2"),
        "register_bit": table.register("um2"),
        "full_adder": table.full_adders(1, "um2"),
        "gate": table.gates(1, "um2"),
        "decoder": table.decode("um2"),
    }
    for unit, count in array.logic(weight_bits, activation_bits).items():
        if unit not in price:
            raise InternalError(f"{array.kind} is built of {unit!r}, which the energy table cannot price")
        if count:
            yield part, unit.replace("_", " "), count, price[unit]


def _buffers(machine: Accelerator) -> dict[str, tuple[float, int]]:
    """(bytes, equal SRAMs that they are made of) of each buffer."""
    if machine.buffers is None:
        return {}
    buffers, banks = machine.buffers, {"filter": machine.array.filter_banks}
    return {name + BUFFER: (buffers.kib(name) * 1024, banks.get(name, 1)) for name in BUFFERS}


def machine_area(machine: Accelerator, weight_bits: int, activation_bits: int) -> dict[str, float]:
    """µm² by part: array, fallback, vector, and ifmap_buffer, filter_buffer, ofmap_buffer."""
    area: dict[str, float] = {}
    for item in area_items(machine, weight_bits, activation_bits):
        area[item.part] = area.get(item.part, 0.0) + item.um2
    return area


def machine_leakage_uw(machine: Accelerator, area: Mapping[str, float]) -> float:
    """µW of leakage: logic by its area at the table's node, SRAM by its law; both scaled to the machine's node."""
    table, node = table_of(machine.energy), machine.technology_nm
    logic = sum(um2 for part, um2 in area.items() if not part.endswith(BUFFER)) / table.scaling.factor("area", node)
    buffers = (table.sram_whole("leakage_uw", size, banks) for size, banks in _buffers(machine).values())
    at_reference = logic * table.figures["logic_uw_per_um2"] + sum(float(leak) for leak in buffers)
    return at_reference * table.scaling.factor("leakage", node)
