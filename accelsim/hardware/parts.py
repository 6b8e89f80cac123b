"""The parts of an accelerator beside its arrays and its DRAM: buffers, the choice of tiles, the vector unit."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..arrays.base import BufferPorts, Port, Size
from ..config import Config
from ..errors import ConfigError
from ..trace.operand_names import BUFFERS, BufferName

WordBits = Annotated[int, Field(ge=1, le=2**20)]


class Buffers(Config):
    """On-chip SRAM by operand in KiB; a tile must fit half of a double buffer.

    `keep_on_chip`: outputs that a later layer reads stay from the layer that makes them to the last that reads them, as
    far as half of the ifmap and ofmap buffers holds all that stay at a time; tiles in flight have the rest. Of a
    workload whose graph is not known, outputs stay for the next layer alone, where they fit a tile's room in the ofmap
    buffer and in the ifmap buffer. `weights_resident`: encoded weights stay from one inference to the next as far as
    the filter buffer holds them beside the tiles in flight of those that do not; a report is of one inference in this
    steady state. `ifmap_banks`, `ifmap_word_bits` and so on say how many equal SRAMs a buffer has, and how wide the
    word is that each reads a cycle; by default what the array says that it reads. A layer whose reads do not fit is a
    ConfigError.

    >>> Buffers(ifmap_kib=64, filter_kib=128, ofmap_kib=64).tile_bytes("filter")
    65536
    """

    ifmap_kib: Annotated[float, Field(gt=0, le=2**40)]
    filter_kib: Annotated[float, Field(gt=0, le=2**40)]
    ofmap_kib: Annotated[float, Field(gt=0, le=2**40)]
    double: bool = True
    keep_on_chip: bool = False
    weights_resident: bool = False
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

    @property
    def slots(self) -> int:
        """Tiles of an operand that are in flight at a time."""
        return 2 if self.double else 1

    def kib(self, operand: BufferName) -> float:
        """Size of one buffer in KiB."""
        return {"ifmap": self.ifmap_kib, "filter": self.filter_kib, "ofmap": self.ofmap_kib}[operand]


class TensorConfig(Config):
    """How tensors lie in DRAM.

    `layout`: each tile in one row with a halo of its own (`tiled`, what a compiler that knows the tiling would write),
    or activations as whole tensors, of which a tile is many short bursts: convolutions' channel by channel (`nchw`) or
    pixel by pixel (`nhwc`), plain GEMMs' as row-major matrices. Whole bursts cross, of the DRAM's device, else of 64
    bytes. Tilings are chosen as for `tiled`.
    `activation_format`: dense, or each tile of ifmap and ofmap as runs of zeros and values (`rle`) or as a mask and
    values (`bitmap`), to the bit by the integers at hand; activations without integers lie dense. Every value that is
    encoded or decoded costs what the energy table's decoder does (assumption); the coders' area and time do not count.
    Psums stay as they are, and so does the second operand of a product of two activations, which travels as weights.
    Tilings are chosen for dense activations, whose zeros nobody knows beforehand.
    """

    layout: Literal["tiled", "nchw", "nhwc"] = "tiled"
    activation_format: Literal["dense", "rle", "bitmap"] = "dense"

    @model_validator(mode="after")
    def _has_a_place(self) -> TensorConfig:
        if self.layout != "tiled" and self.activation_format != "dense":
            raise ConfigError(
                f"tensors.activation_format is {self.activation_format!r} and tensors.layout {self.layout!r}; "
                "compressed tiles are as long as their values make them: layout 'tiled' is expected with them"
            )
        return self


class MappingConfig(Config):
    """Tile sizes along M, N and K and a loop order, outermost first; what is None is chosen for the `goal`.

    `cycles`: the fewest, and of mappings within 0.5 % of them the one of least traffic. `traffic`: the fewest DRAM
    bytes. `energy`: the least pJ of DRAM access, buffer fills and what time costs; within 0.5 % the least traffic.
    """

    goal: Literal["cycles", "energy", "traffic"] = "cycles"
    m: Size | None = None
    n: Size | None = None
    k: Size | None = None
    order: Literal["NMK", "NKM", "MNK", "MKN", "KNM", "KMN"] | None = None

    @property
    def without_tiles(self) -> MappingConfig:
        """The same goal, sizes and order to be chosen: those given were for one array and its layers."""
        return MappingConfig(goal=self.goal)


class VectorConfig(Config):
    """The unit for what is no GEMM, which also takes zero points off the sums of a layer that has one.

    `requantize`: it brings every output of every layer back to its bits, by a multiply, a shift and a clip. Off, an
    operator of the network has to say so, or it is work of the output port that nobody is charged for.
    """

    lanes: Size = 16
    requantize: bool = False


class Validated(Config):
    """What a machine was held against, in words: the reference, the range it covers, the error there, and the gaps."""

    against: str
    range: str
    error: str
    gaps: str = ""

    @property
    def sentence(self) -> str:
        """One line, as reports and studies print it."""
        gaps = f"; gaps: {self.gaps}" if self.gaps else ""
        return f"validated against {self.against} on {self.range}: {self.error}{gaps}"
