"""Area and leakage: every array, lane and buffer by what it is built of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..arrays.base import PEArray
from ..engine.layer_result import OperandWidths
from ..errors import InternalError
from ..hardware.accelerator import Accelerator
from ..technology.cost import Cost
from ..technology.settings import table_of
from ..technology.table import EnergyTable
from .built import Widths
from .sram import BufferSram, buffer_srams, operand_bits

BUFFER = "_buffer"


@dataclass(frozen=True)
class AreaItem:
    """`count` units of a kind in a part of the machine: `cost` in µm² each at its node.

    `beyond` says what of an SRAM lies outside the rows that its law was fitted to.
    """

    part: str
    unit: str
    count: float
    cost: Cost
    sources: tuple[str, ...]
    beyond: str = ""

    @property
    def um2(self) -> float:
        """All of them."""
        return self.count * float(self.cost)


def area_items(
    machine: Accelerator,
    weight_bits: int,
    activation_bits: int,
    fallback: Widths | None = None,
    *,
    float_format: str | None = None,
) -> list[AreaItem]:
    """Array, fallback, vector unit and buffers. Unlimited buffers have no area.

    The array is sized for operands of these bits, which are the widest of the layers that it runs itself; the fallback
    for its own (None: the array's). A fallback that no layer can reach is not built. With a `float_format` the MACs,
    and lanes of the vector unit, are of it.
    """
    table = table_of(machine.energy, machine.technology_nm).of_format(float_format)
    own = Widths(weight_bits, activation_bits)
    return list(_items(machine, table, own, fallback or own))


def _items(machine: Accelerator, table: EnergyTable, own: Widths, fallback: Widths) -> Iterator[AreaItem]:
    yield from _array("array", machine.array, table, own)
    if machine.fallback is not None and machine.reaches_fallback:
        yield from _array("fallback", machine.fallback, table, fallback)
    widest = max(own.activation_bits, fallback.activation_bits)
    lane = table.lane(widest, machine.array.accumulator_bits, "um2")
    yield AreaItem("vector", "lane", machine.vector.lanes, lane, table.sources_of(lane.formula))
    for part, (sram, bits) in _buffers(machine, own).items():
        cost = sram.whole(table, "area_um2", bits)
        yield AreaItem(part, "SRAM", 1, cost, table.sources_of(cost.formula), sram.beyond(table, bits))


def _array(part: str, array: PEArray, table: EnergyTable, widths: Widths) -> Iterator[AreaItem]:
    price = {
        "mac": table.mac(*widths, array.accumulator_bits, "um2"),
        "register_bit": table.register("um2"),
        "full_adder": table.full_adders(1, "um2"),
        "gate": table.gates(1, "um2"),
        "decoder": table.decode("um2"),
    }
    for unit, count in array.logic(*widths).items():
        if unit not in price:
            raise InternalError(f"{array.kind} is built of {unit!r}, which the energy table cannot price")
        if count:
            yield AreaItem(part, unit.replace("_", " "), count, price[unit], table.sources_of(price[unit].formula))
    for memory in array.memories(*widths):
        cost = table.sram_whole("area_um2", memory.size_bytes, 1, memory.word_bits)
        beyond = table.sram_beyond(memory.size_bytes, 1, memory.word_bits)
        yield AreaItem(part, memory.name, memory.count, cost, table.sources_of(cost.formula), beyond)


def _buffers(machine: Accelerator, own: Widths) -> dict[str, tuple[BufferSram, float]]:
    """Each buffer, and the bits of the operands that its words are made of."""
    if machine.buffers is None:
        return {}
    widths = OperandWidths(*own[:1], *own, own.activation_bits, machine.array.accumulator_bits)
    srams = buffer_srams(machine, machine.buffers.size_bytes())
    return {name + BUFFER: (sram, operand_bits(name, widths)) for name, sram in srams.items()}


def machine_area(
    machine: Accelerator,
    weight_bits: int,
    activation_bits: int,
    fallback: Widths | None = None,
    *,
    float_format: str | None = None,
) -> dict[str, float]:
    """µm² by part, of what `area_items` lists: array, fallback, vector, ifmap_buffer, filter_buffer, ofmap_buffer."""
    return area_by_part(area_items(machine, weight_bits, activation_bits, fallback, float_format=float_format))


def area_by_part(items: Iterable[AreaItem]) -> dict[str, float]:
    """µm² by part of the items."""
    area: dict[str, float] = {}
    for item in items:
        area[item.part] = area.get(item.part, 0.0) + item.um2
    return area


def machine_leakage_uw(
    machine: Accelerator,
    weight_bits: int,
    activation_bits: int,
    fallback: Widths | None = None,
    *,
    float_format: str | None = None,
) -> float:
    """µW of leakage at the machine's node: logic by its area, SRAM by its law."""
    items = area_items(machine, weight_bits, activation_bits, fallback, float_format=float_format)
    return leakage_uw(machine, Widths(weight_bits, activation_bits), items)


def leakage_uw(machine: Accelerator, own: Widths, items: Sequence[AreaItem]) -> float:
    """The same of a machine whose area is listed: `items` are those of its array for operands of `own` bits."""
    table = table_of(machine.energy, machine.technology_nm)
    memories = [memory for array in _built(machine) for memory in array.memories(*own)]
    names = {memory.name for memory in memories}
    logic = sum(item.um2 for item in items if not item.part.endswith(BUFFER) and item.unit not in names)
    inside = sum(m.count * table.sram_whole("leakage_uw", m.size_bytes, 1, m.word_bits) for m in memories)
    buffers = sum(float(sram.whole(table, "leakage_uw", bits)) for sram, bits in _buffers(machine, own).values())
    return logic * table.figures["logic_uw_per_um2"] + float(inside) + buffers


def _built(machine: Accelerator) -> list[PEArray]:
    fallback = machine.fallback
    return [machine.array] if fallback is None or not machine.reaches_fallback else [machine.array, fallback]


def clocked_bits(array: PEArray, widths: Widths) -> float:
    """Flip-flops of an array, which its clock reaches in every cycle."""
    return float(array.logic(*widths).get("register_bit", 0))
