"""The interface of a PE array: a frozen configuration (PEArray), and a Program that runs one GEMM on it.

**Order of calls.** `array.variants` are asked first: more than one where the array may run a layer in several ways
(dataflows), of which the machine takes the best for the layer. `programs(trace)` of a variant are a layer's programs in
the order of its groups; by default that asks `array.program(trace)` once a group. Both raise UnsupportedLayerError
where the array cannot run the layer (the machine's fallback then does). `grain`, `cut_cycles`, `fill_cycles`,
`spills_psums` and the bits of tiles are asked while a mapping is chosen; then `work(tile)` once for every different
`work_key(tile)`, in the order in which the tiles run, and `untiled_counts()` once; `effectual_macs`, `weights_nonzero`
and `stored_weight_bits` for the layer's row of the report; and `functional()` and `exact()` where the run is verified.

**Groups.** A program runs one group, or `groups` of them side by side: then `trace.N` are the filters of all of them, M
and K those of one, and each has K columns of activations of its own: ifmap bits are those of all its groups, and
`functional()` is (M, N), groups side by side. MACs, SRAM words and nonzeros are exactly those of its groups. The groups
of a layer run one after another, each as long as it takes alone, unless the array says `shares_groups`.

**Tiles.** A GEMM O (M, N) = X (M, K) · W (N, K)ᵀ is cut in tiles whose edges are multiples of the grain; the last ones
may be smaller. An array of 4 filters and words of 64 k that takes pixels one by one has Grain(m=1, n=4, k=64):

         W (N, K), k from left to right             O (M, N), n from left to right

       0 +------+------+----+                     0 +----+====+---+
         |      |      |    |                       |    |    |   |     m0..m1 = 0..M
    n0 4 +------+======+----+                       |    |tile|   |     n0..n1 = 4..8
         |      | tile |    |                       |    |    |   |     k0..k1 = 64..128: k0 > 0, so that the
    n1 8 +------+======+----+                     M +----+====+---+     psums of its outputs come back from
         |      |      |    |                       0    4    8  10     the ofmap buffer
    N 10 +------+------+----+
         0     64     128  150 = K
                k0     k1

* `work` of tiles adds up to the work of what they tile, cycles and every counter, where no dimension of `grain.costly`
  is cut. A cut of a costly dimension may add cycles and traffic (a fold is filled once more, PEs wait for one another
  once more), never `macs_executed`; these may become fewer where a smaller tile lets an array skip more.
* The *temporal* dimension T = `grain.whole` is what the array runs through in time while its folds take up the other
  two: K where outputs stay in their PEs, M where weights do, N where activations do. `cut_cycles` is what one more cut
  of it costs at most, where that depends on no value; the mapping weighs it against traffic. `fill_cycles` is what
  every further tile costs at most, whatever is cut, on an array whose folds are a pipeline that each tile fills again:
  a GEMM in t parts along T and n tiles in all takes cut_cycles·(t − 1) + fill_cycles·(n − t) more at most.
* A tile that `continues` goes on where the one before stopped: its pipeline is full, and it costs what it adds.
* Tiles with equal `work_key` cost equal work. A key of sizes alone lets a layer of thousands of tiles be computed once;
  a key must hold whatever the work depends on: the edges where values matter, `tile.before` where loading hides behind
  the tile before, and whether `k0 > 0`, because psums then come back.
* `spills_psums(k)` says whether tiles of k along K keep partial sums in the ofmap buffer; where it is False for the
  whole K, no psum is read.

**Bits.** `weight_bits` and `index_bits` of a tile are what travels from DRAM, exact for the values at hand; a weight
without a value counts as nonzero. Weight bits of tiles add up to those of the whole; index bits may be more (each tile
has its own pointers), and a tile that holds another has no fewer of either. `bits_of_tiles` gives both for a grid at
once. `uniform_weights` says that they depend on sizes alone. `stored_weight_bits` is what a read of one weight from
the filter buffer costs. Arrays with compressed weights inherit all of it from common.compressed.CompressedProgram.

**Counters.** `Program.count(...)` takes the names of counters.COMMON and of the array's `counters`, no others.

* `macs_executed`: operations that occupied a lane. No fewer than `effectual_macs()`, no more than peak_macs · cycles.
* SRAM ports, register bits, decodes: what energy is made of, besides `operations`, which name the counter that says how
  often the PEs do what they do. `buffer_ports` says how many operands each buffer delivers a cycle, and bounds reads.
* Idle lanes: an array that declares counters of Role.IDLE accounts for every lane in every cycle:
  `macs_executed` + Σ idle = `peak_macs` · cycles, of every tile. A lane that works on a padding zero or that holds a
  gated pair is idle (Cause.PADDING, Cause.ZEROS), whatever energy it costs.

**Datapath.** `functional()` computes every output in the way the hardware does, from the encoded operands, and equals
`exact()`. It is no model of time. Activations with a zero point come as raw codes (`trace.raw_tile`), in which neither
zero nor padding is 0: `without_zero_point` takes the difference off the outputs, for which the vector unit is charged.
An array that leaves out zero activations, or needs x itself, says `takes_raw_codes = False`: its programs then have x
in one bit more (trace.centered), as whoever wrote it left it behind, and nothing is to correct.

**Size.** `logic` and `memories` say what the array's area is made of; `scalable` which fields make it larger, for
comparisons of machines at equal MACs or area.

`accelsim.testing.ArrayConformance` holds an array to all of this: subclass it and name the array.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..config import Config
from ..errors import UnsupportedLayerError
from ..technology.table import EnergyTable
from ..trace.centered import centered
from ..trace.exact import exact_gemm
from ..trace.gemm import GemmTrace
from .common.slices import row_slices
from .counters import CounterSchema, CounterSpec, Counts
from .operation import Operation
from .ports import ArrayMemory, BufferPorts, Port, buffer_ports
from .tile import Grain, Tile, Work, ceil_div

__all__ = ["ArrayMemory", "BufferPorts", "Grain", "OperandBits", "PEArray", "Port", "Program", "Size", "Tile", "Work",
           "buffer_ports", "ceil_div"]  # fmt: skip

Size = Annotated[int, Field(ge=1, le=2**40)]
OperandBits = Annotated[int, Field(ge=1, le=64)]


class PEArray(Config, ABC):
    """One PE-array family; each is one file with its configuration and its Program, and one line in the registry."""

    kind: str
    operation: ClassVar[str] = "mac"  # what becomes of an activation and a weight: one of trace.shape.OPERATIONS
    counters: ClassVar[tuple[CounterSpec, ...]] = ()  # its own, beside counters.COMMON
    takes_raw_codes: ClassVar[bool] = True  # of activations with a zero point; otherwise x itself, in one bit more
    multiplies_floats: ClassVar[bool] = False  # whether its MACs may be built for a floating-point format
    scalable: ClassVar[tuple[str, ...]] = ()  # the fields that make it larger, first the one that is doubled first
    accumulator_bits: OperandBits = 32
    output_bits: OperandBits | None = None  # None: as wide as the activations

    @property
    @abstractmethod
    def peak_macs(self) -> int:
        """Multiply-accumulates a cycle at best."""

    def baseline_macs(self, weight_bits: int, activation_bits: int) -> int:
        """MACs a cycle of the dense array that this one is fairly compared with; its own peak unless it says more."""
        return self.peak_macs

    def without_pattern(self) -> Self:
        """The array as it runs layers that nobody pruned: itself, unless it expects a pattern of zeros."""
        return self

    @property
    def variants(self) -> tuple[PEArray, ...]:
        """The ways in which the array may run a layer, each an array of this class: itself, unless it says more."""
        return (self,)

    @property
    def shares_groups(self) -> bool:
        """Whether groups of a layer share folds or a pipeline, and may take fewer cycles than one after another."""
        return False

    @property
    def buffer_ports(self) -> BufferPorts:
        """What the array reads of each buffer a cycle, and from how many banks; by default one bank, and no more said.

        A machine's `buffers` may say otherwise. A port that is `limited` is an invariant: operands read are at most
        banks · elements · cycles, of every tile.
        """
        return buffer_ports()

    @property
    def runs_every_layer(self) -> bool:
        """Whether it refuses no layer of its `operation`, so that a fallback of the same operation is out of reach."""
        return False

    def memories(self, weight_bits: int, activation_bits: int) -> tuple[ArrayMemory, ...]:
        """SRAM inside the array, beside the registers of `logic`, for area and leakage."""
        return ()

    @abstractmethod
    def program(self, trace: GemmTrace) -> Program:
        """The array set up for a one-group trace. Raises UnsupportedLayerError where it cannot run it."""

    def programs(self, trace: GemmTrace) -> Sequence[Program]:
        """The programs of a layer in the order of its groups: one a group; groups that have equal ones share one.

        Raises UnsupportedLayerError where the array cannot run the layer.
        """
        if trace.is_uniform:
            return [self.program(trace.group(0))] * trace.groups
        return [self.program(trace.group(g)) for g in range(trace.groups)]

    @abstractmethod
    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """Logic of the array for area: {primitive of the energy table: how many of it}."""

    def operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """What the PEs do, by the counter that says how often, in pJ at the node: a MAC, unless it says more."""
        mac = table.mac(weight_bits, activation_bits, self.accumulator_bits)
        return (Operation("multiply-accumulate", "macs_executed", mac),)

    def priced_operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """`operations`, each with a counter of the schema; InternalError for one that is not declared."""
        operations = self.operations(table, weight_bits, activation_bits)
        for operation in operations:
            self.schema.index(operation.count)
            if operation.minus:
                self.schema.index(operation.minus)
        return operations

    @property
    def schema(self) -> CounterSchema:  # type: ignore[override]  # pydantic's own is deprecated and used by nobody
        """All that the array counts: counters.COMMON and its own."""
        return _schema(type(self), self.kind)

    def refuse(self, trace: GemmTrace, why: str) -> UnsupportedLayerError:
        """The error for a layer that the array cannot run."""
        return UnsupportedLayerError(f"layer {trace.name!r} cannot run on {self.kind}: {why}")


@lru_cache(maxsize=256)
def _schema(array: type[PEArray], kind: str) -> CounterSchema:
    return CounterSchema(kind, array.counters)


class Program(ABC):
    """One group's GEMM on one array. Bit counts are exact for the values at hand; a shape counts as all nonzero."""

    groups: int = 1  # that run side by side; trace.N are the filters of all of them

    def __init__(self, array: Any, trace: GemmTrace) -> None:
        if trace.operation not in {"any", array.operation}:
            raise array.refuse(trace, f"its operation is {trace.operation}; {array.operation} is expected")
        if trace.float_format is not None and not array.multiplies_floats:
            raise array.refuse(trace, f"its operands are {trace.float_format}; integers are expected")
        self.array = array
        self.trace: GemmTrace = trace if array.takes_raw_codes else centered(trace)
        self.schema: CounterSchema = array.schema

    @property
    @abstractmethod
    def grain(self) -> Grain:
        """How tiles may be cut."""

    @abstractmethod
    def work(self, tile: Tile) -> Work:
        """Exact busy cycles and counts of one tile."""

    def count(self, **values: int) -> Counts:
        """Counts of a tile by name, 0 for what is not named; InternalError for a counter that is not declared."""
        return self.schema.count(**values)

    @property
    def uniform_weights(self) -> bool:
        """Whether weight_bits and index_bits depend on a tile's sizes alone."""
        return False

    def activation_slices(self, step: int = 1) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        """Some pixels, a multiple of `step` but for the last, and their raw codes (pixels, K), a part of X at a time.

        Needs values.
        """
        for m0, m1 in row_slices(self.trace.M, self.trace.K, step):
            yield slice(m0, m1), np.ascontiguousarray(self.trace.raw_tile(m0, m1, 0, self.trace.K), np.int64)

    def without_zero_point(self, out: NDArray[np.int64]) -> NDArray[np.int64]:
        """Products (M, N) of raw codes less the zero point times each filter's sum, as the vector unit takes it off.

        X · Wᵀ = X_raw · Wᵀ − z · ΣW. Source: survey 003, Eq. 35-36.
        """
        zero_point = self.trace.activation_zero_point
        if not zero_point:
            return out
        weight = self.trace.weight_tile(0, self.trace.N, 0, self.trace.K)
        return np.asarray(out - zero_point * weight.sum(axis=1, dtype=np.int64))

    @abstractmethod
    def functional(self) -> NDArray[np.int64]:
        """O, (M, N) int64, computed as the array's datapath does. Needs values."""

    def spills_psums(self, k: int) -> bool:
        """Whether tiles of k along K keep partial sums, at accumulator_bits, in the ofmap buffer: where K is cut."""
        return k < self.trace.K

    def exact(self) -> NDArray[np.int64]:
        """What `functional()` must equal, in the plainest arithmetic."""
        return exact_gemm(self.trace)

    @property
    def cut_cycles(self) -> int:
        """Compute cycles that one more cut of the whole T adds at most; 0 where it adds none or values decide."""
        return 0

    @property
    def fill_cycles(self) -> int:
        """Compute cycles that one more tile adds at most, whatever is cut: a fill; 0 where tiles add up."""
        return 0

    @property
    def prices_cuts(self) -> bool:
        """Whether `cut_cycles` and `fill_cycles` are all that cuts cost; where values decide, they are 0 and it is not.

        The mapping then keeps T whole where anything fits so, unless a schedule with a cut T turns out faster.
        """
        return self.cut_cycles > 0 or self.fill_cycles > 0 or not self.grain.costly

    @property
    def joins_groups(self) -> bool:
        """Whether the first tile continues the last one of the group before (Tile.continues)."""
        return False

    def untiled_counts(self) -> Counts:
        """Counts of the whole GEMM that follow from its values and not from its tiles; none by default."""
        return self.count()

    def work_key(self, tile: Tile) -> object:
        """Tiles with equal keys cost equal work; by default the tile itself."""
        return tile

    def weight_bits(self, n0: int, n1: int, k0: int, k1: int) -> int:
        """Bits of the encoded weight values of a tile as they travel from DRAM."""
        return (n1 - n0) * (k1 - k0) * self.trace.weight_bits

    def index_bits(self, n0: int, n1: int, k0: int, k1: int) -> int:
        """Index bits of a tile as they travel from DRAM."""
        return 0

    def bits_of_tiles(self, n: NDArray[np.int64], k: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(weight_bits, index_bits) of every tile between successive edges, each (tiles along N, tiles along K).

        One by one here; arrays whose bits depend on values override it with the sums of their own pattern.
        """
        tiles = [[(*a, *b) for b in pairwise(k.tolist())] for a in pairwise(n.tolist())]
        weights = [[self.weight_bits(*tile) for tile in row] for row in tiles]
        return np.array(weights, np.int64), np.array(
            [[self.index_bits(*tile) for tile in row] for row in tiles], np.int64
        )

    @property
    def activation_groups(self) -> Sequence[GemmTrace]:
        """The one-group traces whose activations it reads: those of all its groups."""
        return (self.trace,)

    def ifmap_bits(self, m0: int, m1: int, k0: int, k1: int) -> int:
        """Bits of the ifmap elements that a tile touches in all its groups, halo included."""
        return self.groups * self.trace.touched_ifmap(m0, m1, k0, k1) * self.trace.activation_bits

    @property
    def stored_weight_bits(self) -> float:
        """Bits of one weight in the filter buffer, for its reads, the mean where filters differ; no index bits."""
        return self.trace.weight_bits

    @property
    def output_bits(self) -> int:
        """Bits of one finished output."""
        return int(self.array.output_bits or self.trace.activation_bits)

    def effectual_macs(self) -> int:
        """Σ_k nnz(X[:, k]) · nnz(W[:, k]); a shape counts as all nonzero."""
        trace, weight = self.trace, self.trace.weight
        if weight is None and trace.activation_operand is None and trace.conv is None:
            return trace.M * trace.N * trace.K
        x = trace.activation_nonzeros().astype(np.int64)
        if weight is None:
            return int(x.sum()) * trace.N
        return int(x @ np.count_nonzero(weight, axis=0))

    def weights_nonzero(self) -> int:
        """Nonzero weights of the group; a shape counts as all nonzero."""
        weight = self.trace.weight
        return self.trace.N * self.trace.K if weight is None else int(np.count_nonzero(weight))
