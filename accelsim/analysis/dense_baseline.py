"""The dense baseline: the uncompressed network on the strongest dense array of the same peak MACs and the same DRAM.

A verdict about pruning must not be one about a weak baseline (DESIGN section 1): each layer takes its best dataflow,
folds overlap, groups are packed, zeros are gated.
"""

from __future__ import annotations

from dataclasses import replace
from math import isqrt

from ..arrays.base import PEArray
from ..arrays.systolic import SystolicArray
from ..errors import TraceError, suggestion
from ..hardware.accelerator import Accelerator
from ..results.report import Report
from ..trace.gemm import GemmTrace
from ..trace.operator import Operator
from ..trace.workload import Workload


def dense_pair(uncompressed: Workload, workload: Workload, machine: Accelerator) -> tuple[Workload, Accelerator]:
    """What a run of `workload` on `machine` is measured against: the dense network at its bits, the dense machine.

    Zeros are gated there where a layer of the uncompressed network has its values; a shape has none.
    """
    widest = max(workload.traces, key=lambda trace: trace.macs)
    dense = dense_workload(uncompressed, workload)
    gating = any(trace.has_values for trace in dense.traces)
    return dense, dense_machine(machine, widest.weight_bits, widest.activation_bits, zero_gating=gating)


def dense_machine(
    machine: Accelerator, weight_bits: int = 8, activation_bits: int = 8, *, zero_gating: bool = True
) -> Accelerator:
    """`machine` with the strongest systolic array of as many MACs a cycle in place of its own, and no fallback.

    A machine that already has such an array is its own. Tile sizes that were given are for the array that is gone; the
    dense one's are chosen.

    >>> import accelsim
    >>> dense_machine(accelsim.load_hardware("sparse/csr-rows-16x16")).name
    'dense best 16x16'
    """
    if _is_strongest(machine.array):
        return machine
    array = dense_array(machine.array, weight_bits, activation_bits, zero_gating=zero_gating)
    name = f"dense best {array.rows}x{array.cols}"
    return machine.model_copy(
        update={"name": name, "array": array, "mapping": machine.mapping.without_tiles, "fallback": None}
    )


def dense_array(array: PEArray, weight_bits: int, activation_bits: int, *, zero_gating: bool = True) -> SystolicArray:
    """The strongest systolic array with the same peak MACs a cycle, as near to a square as that number allows.

    `dataflow: auto`, folds overlapped, groups packed; the same rows, columns, edge folds and loads as `array` where
    that is systolic too.
    """
    macs = max(1, array.baseline_macs(weight_bits, activation_bits))
    rows = next(r for r in range(isqrt(macs), 0, -1) if macs % r == 0)
    dense = SystolicArray(
        rows=rows, cols=macs // rows, dataflow="auto", fold_overlap=True, group_packing=True, zero_gating=zero_gating,
        accumulator_bits=array.accumulator_bits,
    )  # fmt: skip
    if not isinstance(array, SystolicArray):
        return dense
    same = ("rows", "cols", "edge_folds", "weight_double_buffer")
    return dense.model_copy(update={name: getattr(array, name) for name in same})


def _is_strongest(array: PEArray) -> bool:
    if not isinstance(array, SystolicArray) or array.dataflow != "auto" or array.nm is not None:
        return False
    return array.fold_overlap and array.group_packing and array.zero_gating


def baseline_text(dense: Report) -> str:
    """In one line, what the machine of a baseline's report is, and whether its zeros are gated.

    >>> import accelsim
    >>> report = accelsim.simulate(accelsim.GemmTrace("a", M=2, N=2, K=2), "dense/best-16x16")
    >>> baseline_text(report)
    'best-16x16: os, ws or is by layer, folds overlapped, groups packed, zeros gated in layers that have values'
    """
    array = dense.hardware["array"]
    dataflow = "os, ws or is by layer" if array["dataflow"] == "auto" else array["dataflow"]
    words = {"fold_overlap": "folds overlapped", "group_packing": "groups packed"}
    options = [text for name, text in words.items() if array[name]]
    gating = (
        "zeros gated in layers that have values"
        if array["zero_gating"]
        else ("zero gating off: the uncompressed layers' values are not known")
    )
    return f"{dense.name}: {', '.join([dataflow, *options, gating])}"


def dense_workload(uncompressed: Workload, compressed: Workload) -> Workload:
    """The uncompressed network at the bits of the compressed one, layer by layer.

    A layer keeps its values where its number format stays as it was, and is a shape otherwise: only the energy of
    gated zeros depends on them. A layer that compression removed
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
    return Workload(
        name, shapes, operators=_operators(uncompressed, compressed), graph=uncompressed.graph,
        not_simulated=uncompressed.not_simulated,
    )  # fmt: skip


def _operators(uncompressed: Workload, compressed: Workload) -> list[Operator]:
    """The uncompressed network's operators at the bits of the compressed one's of the same names."""
    if not compressed.operators:
        return []
    now = {operator.name: operator.activation_bits for operator in compressed.operators}
    return [replace(o, activation_bits=now.get(o.name, o.activation_bits)) for o in uncompressed.operators]


def _shape(trace: GemmTrace, bits: GemmTrace) -> GemmTrace:
    """The uncompressed layer in the number format of `bits`, for a machine that multiplies; with its values if it fits.

    The bits of single filters are those of the compressed layer's filters and stay away: a dense array runs all at
    `weight_bits`.
    """
    same = _same_format(trace, bits)
    number_format = {} if same else {name: getattr(bits, name) for name in (*_FORMAT, *_CODES)}
    return replace(
        trace if same else trace.as_shape(),
        **number_format,
        filter_bits=None,
        dense_shape=trace.shape,
        dense_groups=trace.groups,
        operation="any",
    )


_FORMAT = ("weight_bits", "activation_bits", "weight_coding", "codebook_bits", "float_format")
_CODES = ("weight_signed", "activation_signed", "activation_zero_point")


def _same_format(trace: GemmTrace, bits: GemmTrace) -> bool:
    """Of as many bits in the same coding; where zero lies among the codes is each network's own calibration."""
    return trace.has_values and all(getattr(trace, name) == getattr(bits, name) for name in _FORMAT)
