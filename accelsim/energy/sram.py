"""The on-chip buffers as SRAM: banks and words of each, what a bit of them costs, and whether the reads fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..arrays.ports import READS, Port
from ..engine.layer_result import LayerResult, OperandWidths
from ..errors import ConfigError, InternalError
from ..hardware.accelerator import Accelerator
from ..technology.cost import Cost
from ..technology.table import EnergyTable
from ..trace.operand_names import BUFFERS, BufferName


@dataclass(frozen=True)
class BufferSram:
    """One buffer: its bytes (nan where nothing says how many), and its port."""

    size_bytes: float
    port: Port

    def bit(self, table: EnergyTable, law: str, operand_bits: float) -> Cost:
        """pJ of a bit of operands that wide, read or written (`read_pj`, `write_pj`) in one bank's words."""
        return table.sram_bit(law, self.size_bytes / self.port.banks, self.port.word_of(operand_bits))

    def whole(self, table: EnergyTable, law: str, operand_bits: float) -> Cost:
        """µm² or µW of all banks (`area_um2`, `leakage_uw`), for operands of at most so many bits."""
        return table.sram_whole(law, self.size_bytes, self.port.banks, self.port.word_of(operand_bits))

    def beyond(self, table: EnergyTable, operand_bits: float) -> str:
        """What lies outside the rows of the SRAM laws; "" where nothing does."""
        return table.sram_beyond(self.size_bytes, self.port.banks, self.port.word_of(operand_bits))


def buffer_srams(machine: Accelerator, sizes: Mapping[BufferName, float]) -> dict[BufferName, BufferSram]:
    """The three buffers, as the machine's array and its `buffers` say."""
    return {name: BufferSram(sizes[name], _port(machine, name)) for name in BUFFERS}


def _port(machine: Accelerator, name: BufferName) -> Port:
    ports = machine.array.buffer_ports
    return ports[name] if machine.buffers is None else machine.buffers.port(name, ports)


def operand_bits(name: BufferName, widths: OperandWidths) -> float:
    """Bits of one operand that a buffer is read in."""
    of_buffer = {"ifmap": widths.activation_bits, "filter": widths.stored_weight_bits, "ofmap": widths.accumulator_bits}
    return float(of_buffer[name])


def check_reads(machine: Accelerator, result: LayerResult) -> None:
    """Whether the ports of the buffers can deliver what a layer read in its busy cycles.

    Raises ConfigError where `buffers` says too little of them, and InternalError where the array reads more than it
    says itself. What an operator behind the layer reads of the filter buffer is left out.
    """
    if result.is_operator or result.shape.on_fallback:
        return
    for name in BUFFERS:
        if name == "filter" and result.shape.operators:
            continue
        _check(machine, result, name, machine.array.buffer_ports[name], _port(machine, name))


def _check(machine: Accelerator, result: LayerResult, name: BufferName, own: Port, port: Port) -> None:
    reads, cycles = result.run.counts[READS[name]], result.run.cycles.compute
    if port != own and port.word_bits is not None:
        bits, most = reads * operand_bits(name, result.widths), port.banks * port.word_bits * cycles
        if bits > most:
            raise ConfigError(
                f"buffers.{name}_banks and {name}_word_bits are {port.banks} and {port.word_bits}, {most:,} bits in "
                f"the {cycles:,} busy cycles of layer {result.name!r}, in which {machine.array.kind} reads {bits:,.0f}"
            )
        return
    limit = port.most_reads(cycles)
    if limit is not None and reads > limit:
        message = f"layer {result.name!r} reads {reads:,} operands from the {name} buffer, whose ports have {limit:,}"
        raise (
            ConfigError(f"buffers.{name}_banks is {port.banks}: {message}") if port != own else InternalError(message)
        )
