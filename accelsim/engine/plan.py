"""The plan of a workload: the order in which layers and operators run, and what stays on chip between two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import inf

from ..errors import MappingError
from ..hardware.accelerator import Accelerator
from ..mapping.footprint import bytes_of
from ..trace.gemm import GemmTrace
from ..trace.operator import OPS, Operator
from ..trace.workload import Workload
from .array_selection import select_array
from .liveness import Liveness
from .output_values import with_values
from .output_work import with_output_work
from .residency import NOTHING, Residency
from .step import Step
from .tilings import Tilings
from .weight_residency import WeightResidency


def plan(workload: Workload, machine: Accelerator, tilings: Tilings | None = None) -> list[Step]:
    """The steps of a workload on a machine, each with what never crosses to DRAM while it runs.

    Raises MappingError where a layer's tiles fit no buffer. `tilings` are a runner's, whose searches count for both.

    >>> import accelsim, workloads
    >>> [step.runs.name for step in plan(workloads.load("lenet5"), accelsim.load_hardware("dense/os-32x32"))]
    ['conv1', 'conv2', 'fc1', 'fc2']
    """
    steps, buffers = steps_of(workload.traces, workload.operators), machine.buffers
    if machine.tensors.activation_format != "dense":
        steps = with_values(steps, workload.graph)
    if buffers is None:
        return with_output_work(steps, machine)
    tilings = tilings or Tilings(machine)
    if buffers.keep_on_chip and Liveness.knows(steps, workload.graph):
        steps = _by_liveness(Liveness(steps, workload.graph, machine), tilings)
    elif buffers.keep_on_chip:
        stays = activations_on_chip(steps, machine)
        steps = [replace(step, residency=residency) for step, residency in zip(steps, stays, strict=True)]
    steps = with_output_work(steps, machine)
    return WeightResidency(steps, machine, tilings).result() if buffers.weights_resident else steps


def _by_liveness(liveness: Liveness, tilings: Tilings) -> list[Step]:
    """What stays by liveness; nothing does while a layer runs whose tiles would not fit what is left."""
    closed: frozenset[int] = frozenset()
    while True:
        steps = liveness.result(closed)
        tight = [i for i, step in enumerate(steps) if step.buffers is not None and not _fits_beside(step, tilings)]
        if not tight:
            return steps
        closed |= frozenset(tight)


def _fits_beside(step: Step, tilings: Tilings) -> bool:
    if isinstance(step.runs, Operator):
        return True
    try:
        tilings.planned(select_array(tilings.machine, step.runs)[1], step.buffers, step.residency.operands)
    except MappingError:
        return False
    return True


def steps_of(traces: Sequence[GemmTrace], operators: Sequence[Operator]) -> list[Step]:
    """Traces in their order, each operator behind the one that it names, fused ones with the step that they follow.

    A fused operator runs by itself where it runs more or less often than the layer, and behind another operator where
    it pools, for the vector unit's tiles need not hold whole windows, or reads something else than its outputs.
    """
    steps: list[Step] = []
    for item in _in_order(traces, operators):
        if steps and isinstance(item, Operator) and _joins(steps[-1], item):
            steps[-1] = replace(steps[-1], fused=(*steps[-1].fused, item))
        else:
            steps.append(Step(item))
    return steps


def _joins(step: Step, operator: Operator) -> bool:
    if not operator.fused or operator.after != step.last or operator.repeat != step.runs.repeat:
        return False
    if isinstance(step.runs, GemmTrace):
        return True
    return step.outputs == operator.inputs and not OPS[operator.op].pooling


def _in_order(traces: Sequence[GemmTrace], operators: Sequence[Operator]) -> Iterator[GemmTrace | Operator]:
    behind: dict[str, list[Operator]] = defaultdict(list)
    for operator in operators:
        behind[operator.after].append(operator)
    for start in (None, *traces):
        if start is not None:
            yield start
        waiting = behind[start.name if start is not None else ""][::-1]
        while waiting:
            operator = waiting.pop()
            yield operator
            waiting += behind[operator.name][::-1]


def activations_on_chip(steps: Sequence[Step], machine: Accelerator) -> list[Residency]:
    """Which activations stay between one step and the next where nothing says who reads whom.

    A workload without operators counts as a chain in the order of its traces. With operators, steps whose sizes follow
    from one another and of which none reads two tensors are a chain too; in any other network an activation stays only
    where nothing else of its size could be what the next step reads, and it is written all the same where a later step
    could read it.
    """
    stays = [_fits(a, b, machine) for a, b in pairwise(steps)]
    reads, alone = _flow(steps)
    ifmap = [NOTHING, *(Fraction(s and r) for s, r in zip(stays, reads, strict=True))]
    ofmap = [*(s and r and o for s, r, o in zip(stays, reads, alone, strict=True)), False]
    return [Residency(before, after) for before, after in zip(ifmap, ofmap, strict=True)]


def _fits(step: Step, following: Step, machine: Accelerator) -> bool:
    buffers = machine.buffers
    if buffers is None or not buffers.keep_on_chip or step.runs.repeat * following.runs.repeat > 1:
        return False
    outputs = step.outputs * (machine.array.output_bits or step.runs.activation_bits)
    inputs = _touched(following) * following.runs.activation_bits
    return bytes_of(outputs) <= buffers.tile_bytes("ofmap") and bytes_of(inputs) <= buffers.tile_bytes("ifmap")


def _touched(step: Step) -> int:
    runs = step.runs
    return runs.inputs if isinstance(runs, Operator) else runs.groups * runs.touched_ifmap(0, runs.M, 0, runs.K)


def _flow(steps: Sequence[Step]) -> tuple[list[bool], list[bool]]:
    """For each step but the last: whether the next surely reads its outputs, and whether no later one can."""
    pairs = list(pairwise(steps))
    known = any(isinstance(step.runs, Operator) or step.fused for step in steps)
    chain = all(a.outputs == b.inputs for a, b in pairs) and not any(step.joins for step in steps)
    if chain or not known:
        return [True] * len(pairs), [True] * len(pairs)
    return _surely_read(steps), _read_no_later(steps)


def _surely_read(steps: Sequence[Step]) -> list[bool]:
    reads, sizes = [], set()
    for step, following in pairwise(steps):
        sizes.add(step.inputs)
        reads.append(step.outputs == following.inputs and not following.joins and step.outputs not in sizes)
        sizes.add(step.outputs)
    return reads


def _read_no_later(steps: Sequence[Step]) -> list[bool]:
    alone, sizes = [], set[int]()
    largest = 0.0  # of what a later step that reads several tensors may read; a join without a copy has no sizes
    for i in range(len(steps) - 2, -1, -1):
        alone.append(steps[i].outputs > largest and steps[i].outputs not in sizes)
        following = steps[i + 1]
        if following.joins:
            largest = max(largest, following.inputs or inf)
        sizes.add(following.inputs)
    return alone[::-1]
