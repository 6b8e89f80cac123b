"""Shapes made from shapes: another name, a larger batch, more runs, random integers; and operators for a batch."""

from __future__ import annotations

from dataclasses import replace

from accelsim.trace.gemm import GemmTrace
from accelsim.trace.operator import Operator


def changed(trace: GemmTrace, name: str | None = None, batch: int = 1, repeat: int | None = None) -> GemmTrace:
    """The shape of a layer under another name, for `batch` times its inputs, or run `repeat` times.

    A product of two activations runs once more for each input; all others get as many more rows.
    """
    more = 1 if trace.has_weights else batch
    batch = batch // more
    return replace(
        trace.as_shape(),
        name=name or trace.name,
        M=trace.M * batch,
        groups=trace.groups * more,
        conv=None if trace.conv is None else replace(trace.conv, batch=trace.conv.batch * batch),
        repeat=repeat or trace.repeat,
        dense_shape=trace.dense_shape._replace(M=trace.dense_shape.M * batch),
        dense_groups=trace.dense_groups * more,
    )


def scaled(operator: Operator, batch: int) -> Operator:
    """An operator for `batch` times its inputs; an embedding then reads more rows, others no more parameters."""
    more = batch if operator.op == "embedding" else 1
    return replace(
        operator,
        inputs=operator.inputs * batch,
        outputs=operator.outputs * batch,
        work=operator.work * batch,
        parameters=operator.parameters * more,
    )
