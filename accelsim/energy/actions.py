"""The action list: what a layer's energy is made of. A layer's energy is Σ count × pJ over it, and nothing else.

Counts are named as in a report's row, so that the sum can be repeated by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import nan

from ..arrays.base import PEArray
from ..engine.dram_traffic import DramTraffic
from ..engine.layer_result import LayerResult, OperandWidths
from ..errors import ConfigError, InternalError, suggestion
from ..hardware.accelerator import Accelerator
from ..memory.base import ACCESS, STANDBY, Command
from ..technology.cost import Cost
from ..technology.settings import table_of
from ..technology.table import EnergyTable
from ..trace.operand_names import BUFFERS, BufferName
from .sram import BufferSram, buffer_srams, operand_bits

ON_CHIP = ("mac", "register", "clock", "sram", "index", "vector", "leakage")
COMPONENTS = (*ON_CHIP, ACCESS, STANDBY)


@dataclass(frozen=True)
class ActionCount:
    """factor × (the sum of `plus` − the sum of `minus`) × `times`, each a column of a report's row."""

    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()
    times: str = ""
    factor: float = 1

    def of(self, quantities: Mapping[str, float]) -> float:
        """The count of one layer. InternalError for a name that its result does not have."""
        try:
            total = sum(quantities[name] for name in self.plus) - sum(quantities[name] for name in self.minus)
            return self.factor * total * (quantities[self.times] if self.times else 1)
        except KeyError as error:
            message = suggestion(str(error.args[0]), quantities)
            raise InternalError(f"energy is charged for {error.args[0]!r}, which nothing counts; {message}") from error

    def __str__(self) -> str:
        terms = " + ".join(self.plus) + "".join(f" − {name}" for name in self.minus)
        several = len(self.plus) + len(self.minus) > 1 and (self.times or self.factor != 1)
        parts = [f"{self.factor:g}"] * (self.factor != 1) + [f"({terms})" if several else terms]
        return " × ".join(parts + [self.times] * bool(self.times))


@dataclass(frozen=True)
class Action:
    """Something that costs energy: `cost` in pJ at the machine's node, and where its figures are from.

    `is_io` marks the DRAM interface's share of the access energy.
    """

    component: str
    name: str
    count: ActionCount
    cost: Cost
    sources: tuple[str, ...]
    is_io: bool = False

    @property
    def pj(self) -> float:
        """One of it, at the machine's node."""
        return float(self.cost)


def actions(
    machine: Accelerator,
    array: PEArray | None,
    widths: OperandWidths,
    sizes: Mapping[BufferName, float],
    leakage_uw: float,
    clocked_bits: float = 0,
) -> list[Action]:
    """All actions of a layer that runs on `array`, of an operator where that is None.

    `sizes` are the buffers' in bytes; nan where nothing says how large. `clocked_bits` are the flip-flops of the array
    at work; the clock of one that stands still is gated.
    """
    table = table_of(machine.energy, machine.technology_nm).of_format(widths.float_format)
    listed: list[Listed] = [
        *(_arithmetic(array, table, widths) if array is not None else ()),
        *_buffers(buffer_srams(machine, sizes), table, widths),
        *_vector(machine.array, table, widths),
        *_of_time(machine, table, leakage_uw, clocked_bits),
    ]
    return [*(Action(*action, table.sources_of(action[3].formula)) for action in listed), *_dram(machine, table)]


def _of_time(machine: Accelerator, table: EnergyTable, leakage_uw: float, clocked_bits: float) -> Iterator[Listed]:
    """What a cycle costs, whatever happens in it."""
    cycles = ActionCount(("cycles",))
    if clocked_bits:
        yield "clock", "cycle of all flip-flops", cycles, table.clock() * clocked_bits
    figures = "leakage_uw, logic_uw_per_um2" + ", leakage_hp_ratio" * (table.leakage == "hp")
    formula = f"{leakage_uw:g} µW / {machine.clock_mhz:g} MHz ({table.leakage}: {figures})"
    yield "leakage", "cycle", cycles, Cost(leakage_uw / machine.clock_mhz, formula)


Listed = tuple[str, str, ActionCount, Cost]


def _arithmetic(array: PEArray, table: EnergyTable, widths: OperandWidths) -> Iterator[Listed]:
    for operation in array.priced_operations(table, widths.weight_bits, widths.activation_bits):
        minus = (operation.minus,) if operation.minus else ()
        yield operation.component, operation.name, ActionCount((operation.count,), minus), operation.cost
    yield "register", "bit latched", ActionCount(("register_bits",)), table.register()


def _buffers(srams: Mapping[BufferName, BufferSram], table: EnergyTable, widths: OperandWidths) -> Iterator[Listed]:
    """Words by operand, tiles that come from DRAM and go to it, and indices.

    Of the psums that spill to DRAM, half of the bytes go out and half come back. The ofmap buffer has words of psums,
    of which outputs pay their share.
    """
    read = {part: sram.bit(table, "read_pj", operand_bits(part, widths)) for part, sram in srams.items()}
    write = {part: sram.bit(table, "write_pj", operand_bits(part, widths)) for part, sram in srams.items()}
    psums, outputs = ("sram_psum_reads",), ("sram_ofmap_writes",)
    filters = ("dram_weight_bytes", "dram_index_bytes")
    yield "sram", "ifmap bit read", ActionCount(("sram_ifmap_reads",), times="activation_bits"), read["ifmap"]
    yield "sram", "filter bit read", ActionCount(("sram_filter_reads",), times="stored_weight_bits"), read["filter"]
    yield "sram", "psum bit read", ActionCount(psums, times="accumulator_bits"), read["ofmap"]
    yield "sram", "output bit written", ActionCount(outputs, psums, times="output_bits"), write["ofmap"]
    yield "sram", "psum bit written", ActionCount(psums, times="accumulator_bits"), write["ofmap"]
    yield "sram", "ifmap bit filled", ActionCount(("sram_ifmap_fill_bytes",), factor=8), write["ifmap"]
    yield "sram", "filter bit filled", ActionCount(filters, factor=8), write["filter"]
    yield "sram", "psum bit filled", ActionCount(("dram_psum_bytes",), factor=4), write["ofmap"]
    yield "sram", "psum bit drained", ActionCount(("dram_psum_bytes",), factor=4), read["ofmap"]
    yield "sram", "output bit drained", ActionCount(("sram_ofmap_drain_bytes",), factor=8), read["ofmap"]
    yield "sram", "vector unit's bit read", ActionCount(("sram_vector_reads",), times="output_bits"), read["ofmap"]
    yield "sram", "vector unit's bit written", ActionCount(("sram_vector_writes",), times="output_bits"), write["ofmap"]
    yield "index", "index bit read", ActionCount(("sram_index_bits",)), read["filter"]
    yield "index", "entry decoded", ActionCount(("decodes",)), table.decode()
    yield "index", "activation coded", ActionCount(("activation_entries",)), table.decode()


def _vector(array: PEArray, table: EnergyTable, widths: OperandWidths) -> Iterator[Listed]:
    lane = table.lane(widths.activation_bits, array.accumulator_bits)
    yield "vector", "lane operation", ActionCount(("vector_operations",)), lane


def _dram(machine: Accelerator, table: EnergyTable) -> Iterator[Action]:
    """What the DRAM model says that its traffic and its time cost, else bits. DRAM chips keep their own node."""
    commands = machine.dram.commands(machine.clock_mhz)
    yield from map(_dram_command, commands)
    if any(command.component == ACCESS for command in commands):
        return
    for name, figure in (("core bit moved", "dram_core_pj_per_bit"), ("I/O bit moved", "dram_io_pj_per_bit")):
        bits, is_io = ActionCount(("dram_bytes",), factor=8), figure == "dram_io_pj_per_bit"
        yield Action(ACCESS, name, bits, table.cost(figure), table.sources_of(figure), is_io)


def _dram_command(command: Command) -> Action:
    """ConfigError where a DRAM model charges what is neither access nor standby."""
    if command.component not in (ACCESS, STANDBY):
        raise ConfigError(
            f"a DRAM model charges {command.name!r} to {command.component!r:.60}; {ACCESS} or {STANDBY} is expected"
        )
    count = ActionCount(command.columns, command.minus, factor=command.factor)
    cost = Cost(command.pj, command.formula)
    return Action(command.component, command.name, count, cost, (command.source,), command.is_io)


def buffer_bytes(machine: Accelerator, traffic: DramTraffic | None = None) -> dict[BufferName, float]:
    """Sizes of the three buffers; unlimited ones just hold the layer's operands, and nan without a layer."""
    if machine.buffers is not None:
        return machine.buffers.size_bytes()
    if traffic is None:
        return dict.fromkeys(BUFFERS, nan)
    return {"ifmap": traffic.ifmap, "filter": traffic.weight + traffic.index, "ofmap": traffic.ofmap}


def quantities_of(result: LayerResult) -> dict[str, float]:
    """What an ActionCount may name, of one run of a layer, as a report's row names it."""
    run = result.run
    return {
        **dict(run.counts.items()),
        **run.traffic.columns(),
        "dram_bytes": run.traffic.total,
        "cycles": run.cycles.total,
        **run.dram.counts,
        **result.widths.columns(),
    }
