"""The parts of an accelerator beside its arrays and its DRAM: buffers, the choice of tiles, the vector unit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..arrays.base import Size
from ..config import Config
from ..trace.operand_names import BufferName


class Buffers(Config):
    """On-chip SRAM by operand in KiB; a tile must fit half of a double buffer.

    `keep_on_chip`: where a layer's outputs and the next layer's ifmap both fit a tile's room, neither crosses to DRAM.
    """

    ifmap_kib: Annotated[float, Field(gt=0, le=2**40)]
    filter_kib: Annotated[float, Field(gt=0, le=2**40)]
    ofmap_kib: Annotated[float, Field(gt=0, le=2**40)]
    double: bool = True
    keep_on_chip: bool = False

    def tile_bytes(self, operand: BufferName) -> int:
        """Bytes that one tile of the operand may take."""
        return int(self.kib(operand) * 1024) // (2 if self.double else 1)

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
