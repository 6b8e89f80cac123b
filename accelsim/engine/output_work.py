"""What the vector unit does to each output of a layer because of its number format, before operators of the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..hardware.accelerator import Accelerator
from ..trace.gemm import GemmTrace
from ..trace.operator import OPS, Operator
from .array_selection import select_array
from .step import Step

MOST_BITS = 32  # of an operator's elements


def with_output_work(steps: Sequence[Step], machine: Accelerator) -> list[Step]:
    """The steps with the work of their number formats in front of what is fused behind each layer.

    Activations with a zero point z, on an array that takes raw codes: X · Wᵀ = X_raw · Wᵀ − z · ΣW, a subtraction an
    output and one operation a filter, whose sum comes beside the weights; where the second operand is an activation
    too, its sums are K additions each, in every run (survey 003, Eq. 35-36). With `vector.requantize` a multiply, a
    shift and a clip an output, with one multiplier a filter beside the weights (Eq. 17-20; the scale that XNOR-Net has
    for each filter is in it), unless the network says itself that the outputs are quantized.
    """
    return [replace(step, fused=(*_work(step, machine), *step.fused)) for step in steps]


def _work(step: Step, machine: Accelerator) -> Iterator[Operator]:
    trace = step.runs
    if not isinstance(trace, GemmTrace):
        return
    if trace.activation_zero_point and select_array(machine, trace)[0].takes_raw_codes:
        filters = trace.groups * trace.N
        yield _operator(trace, machine, "zero_point", filters if trace.has_weights else filters * trace.K)
    known = {"quantize", "requantize"} & {operator.op for operator in step.fused}
    if machine.vector.requantize and not known and trace.float_format is None:
        yield _operator(trace, machine, "requantize", 0)


def _operator(trace: GemmTrace, machine: Accelerator, op: str, more: int) -> Operator:
    """`op` on every output, with `more` lane operations; a number of the accumulator's bits a filter of weights."""
    outputs, filters = trace.groups * trace.M * trace.N, trace.groups * trace.N
    return Operator(
        f"{trace.name}.{op}", op, trace.name, outputs, outputs, outputs * OPS[op].element + more,
        filters if trace.has_weights else 0, fused=True,
        activation_bits=min(MOST_BITS, machine.array.accumulator_bits), repeat=trace.repeat,
    )  # fmt: skip
