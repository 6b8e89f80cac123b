"""The parts of an accelerator beside its arrays and its DRAM: buffers, the choice of tiles, the vector unit."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from ..arrays.base import BufferPorts, Port, Size
from ..config import Config
from ..trace.operand_names import BUFFERS, BufferName

WordBits = Annotated[int, Field(ge=1, le=2**20)]


class Buffers(Config):
    """On-chip SRAM by operand in KiB; a tile must fit half of a double buffer.

    `keep_on_chip`: where a layer's outputs and the next layer's ifmap both fit a tile's room, neither crosses to DRAM.
    `ifmap_banks`, `ifmap_word_bits` and so on say how many equal SRAMs a buffer has, and how wide the word is that each
    reads a cycle; by default what the array says that it reads. A layer whose reads do not fit is a ConfigError.
    """

    ifmap_kib: Annotated[float, Field(gt=0, le=2**40)]
    filter_kib: Annotated[float, Field(gt=0, le=2**40)]
    ofmap_kib: Annotated[float, Field(gt=0, le=2**40)]
    double: bool = True
    keep_on_chip: bool = False
    ifmap_banks: Size | None = None
    filter_banks: Size | None = None
    ofmap_banks: Size | None = None
    ifmap_word_bits: WordBits | None = None
    filter_word_bits: WordBits | None = None
    ofmap_word_bits: WordBits | None = None

    def tile_bytes(self, operand: BufferName) -> int:
        """Bytes that one tile of the operand may take."""
        return int(self.kib(operand) * 1024) // (2 if self.double else 1)

    def port(self, operand: BufferName, ports: BufferPorts) -> Port:
        """The port of a buffer: the array's, with the banks and the word that are set here."""
        port, banks = ports[operand], getattr(self, f"{operand}_banks")
        word_bits = getattr(self, f"{operand}_word_bits")
        port = replace(port, banks=banks) if banks is not None else port
        return replace(port, word_bits=word_bits) if word_bits is not None else port

    def size_bytes(self) -> dict[BufferName, float]:
        """Sizes of the three buffers."""
        return {name: self.kib(name) * 1024.0 for name in BUFFERS}

    def kib(self, operand: BufferName) -> float:
        """Size of one buffer in KiB."""
        return {"ifmap": self.ifmap_kib, "filter": self.filter_kib, "ofmap": self.ofmap_kib}[operand]


class MappingConfig(Config):
    """Tile sizes along M, N and K and a loop order, outermost first; what is None is chosen for least traffic."""

    m: Size | None = None
    n: Size | None = None
    k: Size | None = None
    order: Literal["NMK", "NKM", "MNK", "MKN", "KNM", "KMN"] | None = None


class VectorConfig(Config):
    """The unit for what is no GEMM."""

    lanes: Size = 16
