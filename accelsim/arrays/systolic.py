"""Dense systolic array: output-, weight- and input-stationary folds with SCALE-Sim's closed-form timing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator

from ..technology.table import EnergyTable
from ..trace.gemm import GemmTrace
from .base import BufferPorts, Port, Tile, buffer_ports
from .common.folds import FoldedArray, SystolicProgram
from .common.nm_pattern import NM, compressed_length
from .common.packed_groups import PackedProgram
from .counters import CounterSchema, statistic
from .operation import Operation


def _valid_nm(text: str | None) -> str | None:
    if text is not None:
        NM.parse(text)
    return text


class SystolicArray(FoldedArray):
    """R rows × C cols of MACs. A fold of an Sr × Sc part with temporal length T takes, in cycles,

    os (Sr, Sc, T = M, N, K): T + R + C − 2; ws (K, N, M) and is (K, M, N): 2R + C + T − 2, of which R load the
    stationary operand. `edge_folds: clipped` puts the occupied rows and columns of an edge fold for R and C;
    `weight_double_buffer` hides the load of a fold behind the fold before. `nm` ("2:4") shortens K layer-wise to
    ⌊K/b⌋·a + min(a, K mod b). Source: SCALE-Sim's analytical model (Samajdar et al., ISPASS 2020, section III).

    Options that make it the strongest dense array (DESIGN section 4):

    * `dataflow: auto`: each layer runs in the dataflow that suits it best; a PE has a 2:1 multiplexer in front of every
      register bit (assumption: set once a layer, so that it costs area and no energy).
    * `fold_overlap`: the folds of a tile, and those of all groups of a layer, are one sequence (common.fold_sequence).
      A PE has a second accumulator (os), to which each output moves once, or a shadow register (ws, is), from which
      each stationary value moves once.
    * `group_packing`: max(1, min(⌊R/K⌋, ⌊C/Sc⌋)) groups lie block-diagonally in one fold of ws (Sc = N) and is (M).
    * `zero_gating`: a MAC with a zero operand holds still: its registers and the comparison cost energy, the multiply
      and add do not. Counted from the actual values; a shape has no zeros.

    >>> trace = GemmTrace("fc", M=50, N=40, K=30)
    >>> SystolicArray(rows=16, cols=16, dataflow="auto", fold_overlap=True).program(trace).array.dataflow
    'ws'
    """

    kind: Literal["systolic"] = "systolic"
    multiplies_floats: ClassVar[bool] = True
    dataflow: Literal["os", "ws", "is", "auto"] = "os"  # type: ignore[assignment]  # one more than its base offers
    edge_folds: Literal["full", "clipped"] = "full"
    weight_double_buffer: bool = False
    fold_overlap: bool = False
    group_packing: bool = False
    zero_gating: bool = False
    nm: Annotated[str | None, AfterValidator(_valid_nm)] = None

    @property
    def variants(self) -> tuple[SystolicArray, ...]:
        """One a dataflow where it is `auto`."""
        if self.dataflow != "auto":
            return (self,)
        return tuple(self.model_copy(update={"dataflow": dataflow}) for dataflow in ("os", "ws", "is"))

    @property
    def buffer_ports(self) -> BufferPorts:
        """As of its base; with `dataflow: auto` ifmap and filter deliver what the widest of the dataflows needs."""
        if self.dataflow != "auto":
            return super().buffer_ports
        most = Port(1, max(self.rows, self.cols))
        return buffer_ports(most, most, Port(1, self.cols))

    def program(self, trace: GemmTrace) -> SystolicProgram:
        """Any coding runs at its bits; weights that break `nm` raise TraceError with row and group.

        `auto` by itself, without a machine's memory, takes the dataflow of the fewest cycles.
        """
        programs = [SystolicProgram(variant, trace) for variant in self.variants]
        whole = Tile(0, trace.M, 0, trace.N, 0, trace.K)
        return programs[0] if len(programs) == 1 else min(programs, key=lambda program: program.work(whole).cycles)

    def programs(self, trace: GemmTrace) -> Sequence[SystolicProgram]:
        """A program a group, or with `group_packing` one for as many groups as lie in a fold."""
        together = self._groups_together(trace)
        if together == 1:
            return [program for program in super().programs(trace) if isinstance(program, SystolicProgram)]
        firsts = range(0, trace.groups, together)
        if not trace.is_uniform:
            return [PackedProgram(self, trace, first, min(together, trace.groups - first)) for first in firsts]
        full, rest = divmod(trace.groups, together)
        return [PackedProgram(self, trace, 0, together)] * full + [PackedProgram(self, trace, 0, rest)] * (rest > 0)

    def _groups_together(self, trace: GemmTrace) -> int:
        if not self.group_packing or self.dataflow not in {"ws", "is"}:
            return 1
        across = trace.N if self.dataflow == "ws" else trace.M
        fit = min(self.rows // compressed_length(trace.K, self.sparsity), self.cols // across)
        return max(1, min(fit, trace.groups))

    @property
    def shares_groups(self) -> bool:
        """With `fold_overlap` or `group_packing`."""
        return self.fold_overlap or self.group_packing

    def operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """As every folded array's; with `zero_gating` gated MACs are left out, and every one compares its operands.

        The comparison with zero takes an OR of each operand's bits and the AND of both: weight_bits + activation_bits
        − 1 two-input gates.
        """
        operations = super().operations(table, weight_bits, activation_bits)
        if not self.zero_gating:
            return operations
        compared = Operation(
            "operands compared with 0", "macs_executed", table.gates(weight_bits + activation_bits - 1)
        )
        return (*(replace(operation, minus=self.gated_counter) for operation in operations), compared)

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """As every folded array's, and what the options need: second registers, multiplexers, comparisons with zero."""
        logic = super().logic(weight_bits, activation_bits)
        registers = {"os": self.accumulator_bits, "ws": weight_bits, "is": activation_bits}
        second = sum(
            (registers["os"], max(weight_bits, activation_bits))
            if self.dataflow == "auto"
            else (registers[self.dataflow],)
        )
        multiplexers = (weight_bits + activation_bits + self.accumulator_bits) * (self.dataflow == "auto")
        gates = multiplexers + (weight_bits + activation_bits - 1) * self.zero_gating
        more = {"register_bit": second * self.fold_overlap, "gate": gates}
        return logic | {unit: logic[unit] + float(self.peak_macs * count) for unit, count in more.items()}

    @property
    def gated_counter(self) -> str:
        """With `zero_gating` the counter of the MACs that it held still, `systolic_gated`; "" without."""
        return f"{self.kind}_gated" if self.zero_gating else ""

    @property
    def schema(self) -> CounterSchema:  # type: ignore[override]  # as in its base
        """As everywhere, and with `zero_gating` the counter of gated MACs."""
        gated = self.gated_counter
        return _with_gated(type(self), self.kind, gated) if gated else super().schema

    @property
    def overlaps_folds(self) -> bool:
        """`fold_overlap`."""
        return self.fold_overlap

    def without_pattern(self) -> Self:
        """Without `nm`."""
        return self.model_copy(update={"nm": None})

    @property
    def sparsity(self) -> NM:
        """`nm` as numbers; 1:1 where the weights are dense."""
        return NM.parse(self.nm) if self.nm else NM(1, 1)

    @property
    def clips_edges(self) -> bool:
        """`edge_folds: clipped`."""
        return self.edge_folds == "clipped"

    @property
    def hides_loads(self) -> bool:
        """`weight_double_buffer`."""
        return self.weight_double_buffer


@lru_cache(maxsize=256)
def _with_gated(array: type[SystolicArray], kind: str, gated: str) -> CounterSchema:
    counter = statistic(gated, "operations", "MACs with a zero operand that zero gating held still")
    return CounterSchema(kind, (*array.counters, counter))
