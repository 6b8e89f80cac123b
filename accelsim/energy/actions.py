"""The action list: what a layer's energy is made of. A layer's energy is Σ count × pJ over it, and nothing else.

Counts are named as in a report's row, so that the sum can be repeated by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import nan

from accelsim.arrays.base import PEArray
from accelsim.hardware.accelerator import Accelerator
from accelsim.technology.cost import Cost
from accelsim.technology.settings import table_of
from accelsim.technology.table import EnergyTable

COMPONENTS = ("mac", "register", "sram", "index", "vector", "dram", "dram_io", "leakage")
BUFFERS = ("ifmap", "filter", "ofmap")
DRAM_BYTES = tuple(f"dram_{part}_bytes" for part in ("ifmap", "weight", "index", "ofmap", "psum"))


@dataclass(frozen=True)
class Widths:
    """Operand widths in bits that energy depends on, as a report's row has them; stored is in the filter buffer."""

    weight_bits: int = 8
    stored_weight_bits: float = 8
    activation_bits: int = 8
    output_bits: int = 8
    accumulator_bits: int = 32

    def columns(self) -> dict[str, float]:
        """By the names that a report's row has for them."""
        return asdict(self)


@dataclass(frozen=True)
class Count:
    """factor × (the sum of `plus` − the sum of `minus`) × `times`, each a column of a report's row."""

    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()
    times: str = ""
    factor: float = 1

    def of(self, row: Mapping[str, float]) -> float:
        """The count of one layer; a counter that the layer's array does not have is 0."""
        total = sum(row.get(name, 0) for name in self.plus) - sum(row.get(name, 0) for name in self.minus)
        return self.factor * total * (row[self.times] if self.times else 1)

    def __str__(self) -> str:
        terms = " + ".join(self.plus) + "".join(f" − {name}" for name in self.minus)
        several = len(self.plus) + len(self.minus) > 1 and (self.times or self.factor != 1)
        parts = [f"{self.factor:g}"] * (self.factor != 1) + [f"({terms})" if several else terms]
        return " × ".join(parts + [self.times] * bool(self.times))


@dataclass(frozen=True)
class Action:
    """Something that costs energy: `cost` in pJ at the table's node, `scale` to the machine's, and where it is from."""

    component: str
    name: str
    count: Count
    cost: Cost
    scale: float
    sources: tuple[str, ...]

    @property
    def pj(self) -> float:
        """One of it, at the machine's node."""
        return float(self.cost) * self.scale


def actions(
    machine: Accelerator, array: PEArray, widths: Widths, sizes: Mapping[str, float], leak_uw: float
) -> list[Action]:
    """All actions of a layer that runs on `array` with buffers of `sizes` bytes; nan where nothing says how large."""
    table = table_of(machine.energy)
    scale = table.scaling.factor("energy", machine.technology_nm)
    listed = [
        *_arithmetic(array, table, widths),
        *_buffers(machine.array.filter_banks, table, sizes),
        *_vector(machine.array, table, widths),
    ]
    on_chip = [Action(*action, scale, table.sources_of(action[3].formula)) for action in listed]
    leakage = Cost(leak_uw / machine.clock_mhz, f"{leak_uw:g} µW / {machine.clock_mhz:g} MHz")
    sources = table.sources_of("leakage_uw logic_uw_per_um2")
    return [*on_chip, *_dram(machine, table), Action("leakage", "cycle", Count(("cycles",)), leakage, 1.0, sources)]


Listed = tuple[str, str, Count, Cost]


def _arithmetic(array: PEArray, table: EnergyTable, widths: Widths) -> Iterator[Listed]:
    for operation in array.priced_operations(table, widths.weight_bits, widths.activation_bits):
        yield "mac", operation.name, Count((operation.count,)), operation.cost
    yield "register", "bit latched", Count(("register_bits",)), table.register()


def _buffers(filter_banks: int, table: EnergyTable, sizes: Mapping[str, float]) -> Iterator[Listed]:
    """Words by operand, tiles that come from DRAM and go to it, and indices.

    Of the psums that spill to DRAM, half of the bytes go out and half come back.
    """
    banks = {"ifmap": 1, "filter": filter_banks, "ofmap": 1}
    read = {part: table.sram_bit("read_pj", sizes[part] / banks[part]) for part in BUFFERS}
    write = {part: table.sram_bit("write_pj", sizes[part] / banks[part]) for part in BUFFERS}
    psums, outputs = ("sram_psum_reads",), ("sram_ofmap_writes",)
    filters = ("dram_weight_bytes", "dram_index_bytes")
    yield "sram", "ifmap bit read", Count(("sram_ifmap_reads",), times="activation_bits"), read["ifmap"]
    yield "sram", "filter bit read", Count(("sram_filter_reads",), times="stored_weight_bits"), read["filter"]
    yield "sram", "psum bit read", Count(psums, times="accumulator_bits"), read["ofmap"]
    yield "sram", "output bit written", Count(outputs, psums, times="output_bits"), write["ofmap"]
    yield "sram", "psum bit written", Count(psums, times="accumulator_bits"), write["ofmap"]
    yield "sram", "ifmap bit filled", Count(("dram_ifmap_bytes",), factor=8), write["ifmap"]
    yield "sram", "filter bit filled", Count(filters, factor=8), write["filter"]
    yield "sram", "psum bit filled", Count(("dram_psum_bytes",), factor=4), write["ofmap"]
    yield "sram", "psum bit drained", Count(("dram_psum_bytes",), factor=4), read["ofmap"]
    yield "sram", "output bit drained", Count(("dram_ofmap_bytes",), factor=8), read["ofmap"]
    yield "sram", "vector unit's bit read", Count(("sram_vector_reads",), times="output_bits"), read["ofmap"]
    yield "sram", "vector unit's bit written", Count(("sram_vector_writes",), times="output_bits"), write["ofmap"]
    yield "index", "index bit read", Count(("sram_index_bits",)), read["filter"]
    yield "index", "entry decoded", Count(("decodes",)), table.decode()


def _vector(array: PEArray, table: EnergyTable, widths: Widths) -> Iterator[Listed]:
    lane = table.lane(widths.activation_bits, array.accumulator_bits)
    yield "vector", "lane operation", Count(("vector_operations",)), lane


def _dram(machine: Accelerator, table: EnergyTable) -> Iterator[Action]:
    """Core and I/O apart; a model of banks says what its commands cost. DRAM chips keep their own node."""
    commands = machine.dram.commands()
    for command in commands:
        count = Count((command.column,), factor=command.factor)
        yield Action(command.component, command.name, count, Cost(command.pj, command.formula), 1.0, (command.source,))
    if commands:
        return
    for component, figure in (("dram", "dram_core_pj_per_bit"), ("dram_io", "dram_io_pj_per_bit")):
        name = "core bit moved" if component == "dram" else "I/O bit moved"
        bits = Count(("dram_bytes",), factor=8)
        yield Action(component, name, bits, table.cost(figure), 1.0, table.sources_of(figure))


def buffer_bytes(machine: Accelerator, dram_bytes: Mapping[str, float] | None = None) -> dict[str, float]:
    """Sizes of the three buffers; unlimited ones just hold the layer's operand, and nan without a layer."""
    if machine.buffers is not None:
        return {part: getattr(machine.buffers, f"{part}_kib") * 1024.0 for part in BUFFERS}
    if dram_bytes is None:
        return dict.fromkeys(BUFFERS, nan)
    filters = dram_bytes["dram_weight_bytes"] + dram_bytes["dram_index_bytes"]
    return {"ifmap": dram_bytes["dram_ifmap_bytes"], "filter": filters, "ofmap": dram_bytes["dram_ofmap_bytes"]}


def row_of(counts: Mapping[str, int], dram_bytes: Mapping[str, int], widths: Widths, cycles: int) -> dict[str, float]:
    """The columns that Count looks at, as a report's row has them."""
    whole = {"dram_bytes": sum(dram_bytes.values()), "cycles": cycles}
    return {**counts, **dram_bytes, **whole, **widths.columns()}
