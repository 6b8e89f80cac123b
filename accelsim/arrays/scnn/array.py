"""scnn: PEs that multiply every nonzero activation of a planar tile with every nonzero weight of a filter group."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from accelsim.arrays.base import PEArray, Size
from accelsim.arrays.counters import Cause, CounterSpec, idle, statistic
from accelsim.arrays.operation import Operation
from accelsim.arrays.scnn.plan import INDEX_BITS, Plan, plan_of
from accelsim.arrays.scnn.program import ScnnProgram, ScnnShape
from accelsim.technology.table import EnergyTable
from accelsim.trace.conv import ConvGeometry
from accelsim.trace.gemm import GemmTrace

Vector = Annotated[int, Field(ge=1, le=128)]  # so that a step's products fit the kernel's 16-bit counters


class ScnnArray(PEArray):
    """pe_rows × pe_cols PEs of I × F multipliers; the PT-IS-CP-sparse dataflow of SCNN (ISCA 2017), sections III-IV.

    The padded ifmap is cut into a planar tile a PE, the filters into groups of ⌊accumulators / outputs of a tile⌋. For
    every image, group and input channel a PE takes its nonzero activations, I at a time (rows outer), with the group's
    nonzero weights, F at a time (taps outer, filters innermost); with stride s each of the s² phases by itself. Such a
    step lasts as many cycles as the busiest accumulator bank has products, at least one. Products outside the output
    are dropped. The slowest PE sets the pace at every channel (`barrier: channel`) or group. After a group, PEs hand
    the psums beyond their tiles to their neighbours, the largest of the up to eight regions setting the time. Output
    (x, y) of filter k has bank (16·(k2 ⊕ x1 ⊕ y1) + 8·x0 + 4·y0 + k mod 4) mod banks, subscripts being bits.

    Weights travel and lie in the filter buffer as nonzeros with 4-bit counts of the zeros before them (section IV), a
    padding zero after each further 16 positions and a 16-bit count a stream (the width is this project's); padding
    zeros are dropped before vectors are formed. Activations travel dense, as touched elements; in the PEs they are
    compressed alike, and their indices are priced like the weights'. Filling accumulators from and draining them to the
    ofmap buffer takes no cycles: they are double-buffered.
    """

    kind: Literal["scnn"] = "scnn"
    counters: ClassVar[tuple[CounterSpec, ...]] = (
        idle("scnn_idle_fragment", Cause.EDGE, "multipliers without a product inside the output in a step"),
        idle("scnn_idle_conflict", Cause.CONFLICT, "multipliers that wait for the busiest accumulator bank"),
        idle("scnn_idle_barrier", Cause.IMBALANCE, "multipliers of PEs that wait for the slowest"),
        idle("scnn_idle_halo", Cause.CONFLICT, "multipliers while psums go to the neighbours"),
        statistic("scnn_mults", "products", "products inside the output"),
        statistic("scnn_outside", "products", "products outside the output, which are dropped"),
        statistic("scnn_halo_psums", "psums", "psums handed to neighbours"),
    )
    pe_rows: Size = 8
    pe_cols: Size = 8
    ifmap_vector: Vector = 4
    filter_vector: Vector = 4
    banks: Annotated[int, Field(ge=1, le=32)] = 32
    accumulators: Size = 1024
    barrier: Literal["channel", "group"] = "channel"

    @property
    def pes(self) -> int:
        """pe_rows · pe_cols."""
        return self.pe_rows * self.pe_cols

    @property
    def lanes(self) -> int:
        """Multipliers of a PE, I · F."""
        return self.ifmap_vector * self.filter_vector

    @property
    def peak_macs(self) -> int:
        """I · F a PE."""
        return self.pes * self.lanes

    @property
    def filter_banks(self) -> int:
        """Each PE has its own weight FIFO."""
        return self.pes

    def plan(self, conv: ConvGeometry) -> Plan:
        """How a convolution is cut."""
        grid, vectors = (self.pe_rows, self.pe_cols), (self.ifmap_vector, self.filter_vector)
        return plan_of(conv, grid, vectors, self.banks, self.accumulators)

    def program(self, trace: GemmTrace) -> ScnnProgram:
        """Convolutions in any coding whose planar tiles fit the accumulators; UnsupportedLayerError otherwise."""
        if trace.conv is None:
            raise self.refuse(trace, "it is no convolution and has no planar tiles")
        if self.plan(trace.conv).group == 0:
            out = f"{trace.conv.out_height}x{trace.conv.out_width}"
            raise self.refuse(trace, f"a PE's part of its {out} outputs exceeds {self.accumulators} accumulators")
        shape = trace.weight_operand is None and trace.conv.columns is None
        return (ScnnShape if shape else ScnnProgram)(self, trace)

    def operations(self, table: EnergyTable, weight_bits: int, activation_bits: int) -> tuple[Operation, ...]:
        """A multiplication a product, an addition a product inside the output."""
        mac = table.mac(weight_bits, activation_bits, self.accumulator_bits)
        outside = table.multiply(weight_bits, activation_bits)
        return (
            Operation("multiply-accumulate", "scnn_mults", mac),
            Operation("product outside the output", "scnn_outside", outside),
        )

    def logic(self, weight_bits: int, activation_bits: int) -> dict[str, float]:
        """A PE: MACs, further adders where there are more banks, the crossbar's multiplexers, vectors, accumulators.

        A decoder for each entry of a vector.
        """
        product = weight_bits + activation_bits
        entries = self.ifmap_vector + self.filter_vector
        operands = self.ifmap_vector * activation_bits + self.filter_vector * weight_bits + entries * INDEX_BITS
        unit = {
            "mac": self.lanes,
            "full_adder": max(0, self.banks - self.lanes) * self.accumulator_bits,
            "gate": self.banks * (self.lanes - 1) * product,
            "register_bit": operands + self.accumulators * self.accumulator_bits,
            "decoder": entries,
        }
        return {name: float(self.pes * count) for name, count in unit.items()}
