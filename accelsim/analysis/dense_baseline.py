"""The dense baseline: the uncompressed network on a dense array with the same peak MACs and the same DRAM."""

from __future__ import annotations

from dataclasses import replace
from math import isqrt

from ..arrays.base import PEArray
from ..arrays.systolic import SystolicArray
from ..errors import TraceError, suggestion
from ..hardware.accelerator import Accelerator
from ..hardware.parts import MappingConfig
from ..trace.gemm import GemmTrace
from ..trace.operator import Operator
from ..trace.workload import Workload


def dense_pair(uncompressed: Workload, workload: Workload, machine: Accelerator) -> tuple[Workload, Accelerator]:
    """What a run of `workload` on `machine` is measured against: shapes at its bits, and the dense machine."""
    widest = max(workload.traces, key=lambda trace: trace.macs)
    baseline = dense_machine(machine, widest.weight_bits, widest.activation_bits)
    return dense_workload(uncompressed, workload), baseline


def dense_machine(machine: Accelerator, weight_bits: int = 8, activation_bits: int = 8) -> Accelerator:
    """`machine` with a systolic `os` array of as many MACs a cycle in place of its own, and no fallback.

    Tile sizes that were given are for the array that is gone; the dense one's are chosen.
    """
    array = dense_array(machine.array, weight_bits, activation_bits)
    if machine.array == array:
        return machine
    name = f"dense os {array.rows}x{array.cols}"
    return machine.model_copy(update={"name": name, "array": array, "mapping": MappingConfig(), "fallback": None})


def dense_array(array: PEArray, weight_bits: int, activation_bits: int) -> SystolicArray:
    """The systolic `os` array with the same peak MACs a cycle, as near to a square as that number allows."""
    macs = max(1, array.baseline_macs(weight_bits, activation_bits))
    if isinstance(array, SystolicArray) and array.dataflow == "os":
        rows, cols = array.rows, array.cols
    else:
        rows = next(r for r in range(isqrt(macs), 0, -1) if macs % r == 0)
        cols = macs // rows
    return SystolicArray(rows=rows, cols=cols, dataflow="os", accumulator_bits=array.accumulator_bits)


def dense_workload(uncompressed: Workload, compressed: Workload) -> Workload:
    """The uncompressed network's shapes at the bits of the compressed one, layer by layer.

    A dense array's time and traffic do not depend on values, so none are carried. A layer that compression removed
    keeps its own bits. The operators are the uncompressed network's, and none where the compressed one lists none:
    both sides of a comparison run the same work. TraceError where a compressed layer is not in the uncompressed
    network.
    """
    now = {trace.name: trace for trace in compressed.traces}
    known = [trace.name for trace in uncompressed.traces]
    for name in now:
        if name not in known:
            raise TraceError(f"layer {name!r} is not in {uncompressed.name!r}; {suggestion(name, known)}")
    shapes = tuple(_shape(trace, now.get(trace.name, trace)) for trace in uncompressed.traces)
    name = f"{uncompressed.name} at the bits of {compressed.name}"
    return Workload(name, shapes, operators=_operators(uncompressed, compressed))


def _operators(uncompressed: Workload, compressed: Workload) -> list[Operator]:
    """The uncompressed network's operators at the bits of the compressed one's of the same names."""
    if not compressed.operators:
        return []
    now = {operator.name: operator.activation_bits for operator in compressed.operators}
    return [replace(o, activation_bits=now.get(o.name, o.activation_bits)) for o in uncompressed.operators]


def _shape(trace: GemmTrace, bits: GemmTrace) -> GemmTrace:
    """The uncompressed layer without values, in the number format of `bits`, for a machine that multiplies.

    The bits of single filters are those of the compressed layer's filters and stay away: a dense array runs all at
    `weight_bits`.
    """
    return replace(
        trace.as_shape(),
        weight_bits=bits.weight_bits,
        activation_bits=bits.activation_bits,
        weight_coding=bits.weight_coding,
        codebook_bits=bits.codebook_bits,
        filter_bits=None,
        dense_shape=trace.shape,
        dense_groups=trace.groups,
        operation="any",
    )
