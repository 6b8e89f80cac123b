"""What a layer or an operator cost on a machine: typed, before energy is charged and before any row is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from operator import add
from typing import TypeVar

from ..arrays.counters import Counts
from .additive import Additive
from .dram_traffic import DramTraffic, Stalls
from .engine_run import Span

VECTOR = "vector"  # kind and array of an operator's result


@dataclass(frozen=True)
class OperandWidths:
    """Bits of a value that energy depends on; `stored_weight_bits` is a weight's in the filter buffer.

    `float_format` is that of the layer's operands, None where they are integers.
    """

    weight_bits: int = 8
    stored_weight_bits: float = 8
    activation_bits: int = 8
    output_bits: int = 8
    accumulator_bits: int = 32
    float_format: str | None = None

    def columns(self) -> dict[str, float]:
        """The bits by the names that a report's row has for them."""
        return {name: bits for name, bits in asdict(self).items() if name != "float_format"}


@dataclass(frozen=True)
class LayerShape:
    """What a layer is: its name, its kind and GEMM, the array that ran it and the operators that ran with it.

    An operator by itself is of kind and array "vector" and has no GEMM. `dataflow` is the one that the layer ran in,
    "" where the array has none. `ifmap_format` and `ofmap_format` are how its activations lie in DRAM.
    """

    name: str
    kind: str
    array: str
    M: int
    N: int
    K: int
    groups: int
    repeat: int
    operators: tuple[str, ...] = ()
    on_fallback: bool = False
    dataflow: str = ""
    ifmap_format: str = "dense"
    ofmap_format: str = "dense"


@dataclass(frozen=True)
class WeightCounts:
    """Weights of the uncompressed layer, nonzero ones now, and the bits that store them; 0 where it has no weights.

    pruned: whether somebody pruned the layer. The zeros of one that nobody pruned are left by rounding.
    """

    dense: int = 0
    nonzero: int = 0
    value_bits: int = 0
    index_bits: int = 0
    pruned: bool = False

    @property
    def remaining(self) -> int:
        """Weights that α counts now: the nonzero ones of a pruned layer, all of one that nobody pruned."""
        return self.nonzero if self.pruned else self.dense

    def columns(self) -> dict[str, int | bool]:
        """By the names that a report's row has for them."""
        names = ("weights_dense", "weights_nonzero", "storage_weight_bits", "storage_index_bits", "pruned")
        return dict(zip(names, asdict(self).values(), strict=True))


@dataclass(frozen=True)
class Cycles(Additive):
    """Cycles of the array's clock: of the run, of the busy array, of the vector unit, and of the DRAM at work."""

    total: int
    compute: int
    vector: int
    memory: int


@dataclass(frozen=True)
class DramActivity:
    """What a DRAM model counted beyond bytes, by report column, and the pJ that it knows, by component of energy."""

    counts: Mapping[str, int] = field(default_factory=dict)
    energy_pj: Mapping[str, float] = field(default_factory=dict)

    def __add__(self, other: DramActivity) -> DramActivity:
        return DramActivity(_sum(self.counts, other.counts), _sum(self.energy_pj, other.energy_pj))

    def __mul__(self, times: int) -> DramActivity:
        counts = {name: count * times for name, count in self.counts.items()}
        return DramActivity(counts, {part: pj * times for part, pj in self.energy_pj.items()})


Number = TypeVar("Number", int, float)


def _sum(a: Mapping[str, Number], b: Mapping[str, Number]) -> dict[str, Number]:
    return {name: a.get(name, 0) + b.get(name, 0) for name in {**a, **b}}


@dataclass(frozen=True)
class RunResult(Additive):
    """What one run on the engine took, or the sum of several. `t_cuts` counts the cuts of the temporal dimension."""

    cycles: Cycles
    stalls: Stalls
    t_cuts: int
    macs_effectual: int
    counts: Counts
    traffic: DramTraffic
    dram: DramActivity


@dataclass(frozen=True)
class LayerResult:
    """One layer or operator. `run` is what happens once, and `times` such runs are the layer.

    largest_traffic: DRAM bytes of the largest of the runs that `run` sums up, decoded: what unlimited buffers hold.
    lanes: MACs a cycle at best of the array that ran it; of an operator, lanes of the vector unit.
    macs_dense: M · N · K of all groups and repeats. compulsory_bytes: what must cross in `run`.
    """

    shape: LayerShape
    widths: OperandWidths
    weights: WeightCounts
    macs_dense: int
    run: RunResult
    times: int
    largest_traffic: DramTraffic
    lanes: int
    compulsory_bytes: int
    spans: Sequence[Span] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.shape.name

    def renamed(self, name: str) -> LayerResult:
        """The result of another layer that is equal but for its name."""
        return replace(self, shape=replace(self.shape, name=name))

    @property
    def is_operator(self) -> bool:
        """Whether it is an operator that ran by itself, and no GEMM."""
        return self.shape.kind == VECTOR

    @property
    def cycles(self) -> int:
        """All runs, from the first issue to the last write-back."""
        return self.run.cycles.total * self.times

    @property
    def compute_cycles(self) -> int:
        """All runs, in which the array (or for an operator the vector unit) was busy."""
        return self.run.cycles.compute * self.times

    @property
    def stall_cycles(self) -> int:
        """cycles − compute_cycles."""
        return self.cycles - self.compute_cycles

    @property
    def dram_bytes(self) -> int:
        """Bytes between DRAM and the chip, all runs and operands."""
        return self.run.traffic.total * self.times

    @property
    def macs_effectual(self) -> int:
        """Multiply-accumulates of two nonzero operands, all runs."""
        return self.run.macs_effectual * self.times

    @property
    def utilization(self) -> float:
        """Executed operations ÷ (lanes · compute cycles)."""
        done = "vector_operations" if self.is_operator else "macs_executed"
        slots = self.lanes * self.run.cycles.compute
        return self.run.counts[done] / slots if slots else 0.0

    @property
    def bound(self) -> str:
        """What the layer waits for at best: `compute`, `memory`, or `index` where that is the most of its traffic.

        Computing is the array's MACs or, where it takes longer, the vector unit's work on their outputs.
        """
        cycles, traffic = self.run.cycles, self.run.traffic
        if max(cycles.compute, cycles.vector) >= cycles.memory:
            return "compute"
        others = max(traffic.ifmap, traffic.weight, traffic.ofmap, traffic.psum)
        return "index" if traffic.index > max(traffic.ifmap, traffic.weight) and traffic.index >= others else "memory"


def total(runs: Sequence[RunResult]) -> RunResult:
    """The sum of one or more runs."""
    return reduce(add, runs)
