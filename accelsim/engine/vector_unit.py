"""The vector unit: lanes of one operation a cycle, for the operators that run with a layer or by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from ..arrays.base import ceil_div
from ..trace.gemm import GemmTrace
from ..trace.operator import OPS, Operator


def part(total: int, first: int, end: int, whole: int) -> int:
    """The share of `total` that falls to elements first..end−1 of `whole`; the shares of a partition add up to it."""
    return total * end // whole - total * first // whole


@dataclass(frozen=True)
class FusedOperators:
    """Operators that run on each finished subtile of a layer's `elements` outputs, one after another.

    An operator's share of a subtile takes ⌈share of its work / lanes⌉ cycles. A subtile that is cut along M holds a
    multiple of `rows` outputs of a filter, so that pooling finds whole windows.
    """

    operators: tuple[Operator, ...]
    lanes: int
    elements: int
    rows: int = 1

    def cycles(self, first: int, end: int) -> int:
        """Cycles of the vector unit for the outputs first..end−1."""
        return sum(ceil_div(part(op.work, first, end, self.elements), self.lanes) for op in self.operators)

    def results(self, first: int, end: int) -> int:
        """Elements that are left of the outputs first..end−1: fewer behind pooling."""
        left = self.elements
        for operator in self.operators:
            left = operator.outputs if OPS[operator.op].pooling else left
        return part(left, first, end, self.elements)

    def counts(self) -> dict[str, int]:
        """Lane operations of one run, parameters read, and outputs read from their slots and put back."""
        return {
            "vector_operations": sum(operator.work for operator in self.operators),
            "sram_filter_reads": sum(operator.parameters for operator in self.operators),
            "sram_vector_reads": self.elements,
            "sram_vector_writes": self.results(0, self.elements),
        }

    @property
    def parameter_bits(self) -> int:
        """Bits of scales, shifts and slopes, fetched with the layer's first weights."""
        return sum(operator.parameters * operator.activation_bits for operator in self.operators)


def fuse(
    trace: GemmTrace, tile_rows: Sequence[int], operators: Sequence[Operator], lanes: int
) -> FusedOperators | None:
    """The first operators behind a layer, as many as can run on its output tiles of `tile_rows` outputs along M.

    Elementwise ones always can. Pooling can where every tile holds whole windows: whole output planes (or all M); or,
    where windows tile the plane (inputs = window · outputs, of batch 1 or planes of whole windows), whole output rows
    in multiples of the window's area, which no shape of window of that area cuts. The window is `work` of an output
    less what OPS counts an element. None where no operator can.
    """
    elements = left = trace.groups * trace.M * trace.N
    rows = 1
    for count, operator in enumerate(operators):
        if OPS[operator.op].pooling:
            needed = _whole_windows(trace, operator, left, left == elements)
            if not needed or any(m < trace.M and m % needed for m in tile_rows):
                return FusedOperators(tuple(operators[:count]), lanes, elements, rows) if count else None
            rows, left = lcm(rows, needed), operator.outputs
    return FusedOperators(tuple(operators), lanes, elements, rows) if operators else None


def _whole_windows(trace: GemmTrace, operator: Operator, inputs: int, first: bool) -> int:
    """Outputs of a filter, a multiple of which holds whole windows; 0 where the sizes do not fit the layer's."""
    batch = trace.conv.batch if trace.conv is not None else 1
    planes, plane = trace.groups * trace.N * batch, trace.M // batch
    if operator.inputs != inputs or not operator.outputs or operator.outputs % planes:
        return 0
    window = operator.work // operator.outputs - OPS[operator.op].element
    if not first or trace.conv is None or window < 1 or operator.inputs != window * operator.outputs:
        return plane
    rows = window * trace.conv.out_width
    return rows if batch == 1 or plane % rows == 0 else plane
