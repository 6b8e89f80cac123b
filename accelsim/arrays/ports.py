"""Ports of the on-chip buffers: how many SRAMs a buffer is made of, and the words that they deliver a cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..trace.operand_names import BUFFERS, BufferName


@dataclass(frozen=True)
class Port:
    """A buffer of `banks` equal SRAMs with a port each, which reads one word of `elements` operands a cycle.

    A word has the bits of its operands, with `index_bits` beside each, unless `word_bits` says how many it has. With
    neither (the default) a word is as wide as the widest SRAM of the energy table, and nothing is said of what passes
    a cycle. `limited` is False where the array's cycles are another's rule that says nothing of ports.

    >>> Port(banks=16, elements=16).word_of(8)
    128.0
    """

    banks: int = 1
    elements: int | None = None
    index_bits: int = 0
    word_bits: int | None = None
    limited: bool = True

    def word_of(self, operand_bits: float) -> float | None:
        """Bits of a word of operands that wide; None for as many as the widest SRAM has."""
        if self.word_bits is not None:
            return float(self.word_bits)
        return None if self.elements is None else float(self.elements * (operand_bits + self.index_bits))

    def most_reads(self, cycles: int) -> int | None:
        """Operands that can be read in so many cycles; None where nothing is said."""
        return self.banks * self.elements * cycles if self.elements is not None and self.limited else None


BufferPorts = Mapping[BufferName, Port]
READS: Mapping[BufferName, str] = {
    "ifmap": "sram_ifmap_reads", "filter": "sram_filter_reads", "ofmap": "sram_psum_reads",
}  # fmt: skip


def buffer_ports(ifmap: Port | None = None, filters: Port | None = None, ofmap: Port | None = None) -> BufferPorts:
    """The three ports; a buffer of which nothing is said has one bank."""
    return dict(zip(BUFFERS, (ifmap or Port(), filters or Port(), ofmap or Port()), strict=True))


@dataclass(frozen=True)
class ArrayMemory:
    """SRAM inside the PEs: `count` equal ones of `size_bytes` bytes and words of `word_bits` bits."""

    name: str
    count: int
    size_bytes: float
    word_bits: int
