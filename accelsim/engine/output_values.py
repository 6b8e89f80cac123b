"""The integers that a step hands on: those of a reader's ifmap, where the workload says who reads whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

from ..trace.gemm import GemmTrace
from ..trace.operand import Ints
from ..trace.operator import Operator
from .step import Step
from .tensor_values import TensorValues


def with_values(steps: Sequence[Step], graph: Mapping[str, Sequence[str]]) -> list[Step]:
    """The steps with the integers that they hand on and, of operators, read; None where they are not known.

    Outputs are known where a layer with integers reads them and nothing else, as many as there are; neither of the two
    runs several times.
    """
    handed_on = _handed_on(steps, graph)
    return [
        replace(step, output_values=handed_on.get(step.last), input_values=_read(step, steps, graph, handed_on))
        for step in steps
    ]


def _handed_on(steps: Sequence[Step], graph: Mapping[str, Sequence[str]]) -> dict[str, TensorValues]:
    """Known outputs by the name of what runs last in their step."""
    by_last = {step.last: step for step in steps}
    known: dict[str, TensorValues] = {}
    for reader in (step.runs for step in steps):
        sources = graph.get(reader.name, ())
        if isinstance(reader, Operator) or len(sources) != 1 or reader.repeat > 1 or sources[0] not in by_last:
            continue
        source, values = by_last[sources[0]], _ifmap(reader)
        if values is not None and source.runs.repeat == 1 and source.outputs == values.size:
            known.setdefault(source.last, TensorValues(reader.name, values))
    return known


def _ifmap(trace: GemmTrace) -> Ints | None:
    """(batch, channels, positions) of a convolution, (M, columns) of a plain GEMM with one activation."""
    if trace.activation_operand is None or not trace.has_weights:
        return None
    if trace.conv is None:
        return trace.activation
    plane = trace.ifmap
    return None if plane is None else plane.reshape(*plane.shape[:2], -1)


def _read(
    step: Step, steps: Sequence[Step], graph: Mapping[str, Sequence[str]], handed_on: Mapping[str, TensorValues]
) -> tuple[TensorValues, ...]:
    """All tensors that an operator reads, none where one of them is not known."""
    if not isinstance(step.runs, Operator) or step.runs.repeat > 1:
        return ()
    free = {other.last for other in steps if other.is_free}
    names = list(_through(graph.get(step.runs.name, ()), free, graph))
    read = [handed_on[name] for name in names if name in handed_on]
    whole = len(read) == len(names) and sum(tensor.values.size for tensor in read) == step.runs.inputs
    return tuple(read) if whole else ()


def _through(names: Sequence[str], free: set[str], graph: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names, with those that only put tensors side by side replaced by what they read."""
    sources = (_through(graph.get(name, ()), free, graph) if name in free else (name,) for name in names)
    return tuple(chain.from_iterable(sources))
