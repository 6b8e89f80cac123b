"""Which activations stay on chip where the workload says who reads whom: liveness over its graph.

A tensor lies on chip from the step that makes it to the last that reads it, and is then neither written nor fetched.
Half of the ifmap and ofmap buffers together holds all that lie there at a time; where they do not all fit, a tensor
goes before another that saves fewer DRAM bytes for each of its bytes and steps, and of equal ones the earlier before
the later. Tensors of layers that run several times, those that recurrent layers hand on to themselves, and those that
are read together with an unknown part of the network's input, cross.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from ..hardware.accelerator import Accelerator
from ..hardware.parts import Buffers
from ..mapping.footprint import bytes_of
from ..trace.gemm import GemmTrace
from ..trace.graph import INPUT
from .residency import ALL, NOTHING, Residency
from .step import Step

OUTSIDE = -1  # stands for the network's input among the steps that a step reads


@dataclass(frozen=True)
class Tensor:
    """Activations that could stay: those that `step` makes or, `inside` it, lie between its layer and operators.

    `transfers`: how often its bytes need not cross where it stays.
    """

    step: int
    last: int
    size_bytes: int
    transfers: int
    inside: bool = False

    @property
    def rank(self) -> tuple[Fraction, int, bool]:
        """Tensors of the least rank go first."""
        return -Fraction(self.transfers, self.last - self.step + 1), self.step, self.inside


class Liveness:
    """The tensors of a workload's steps, and which of them stay."""

    def __init__(self, steps: Sequence[Step], graph: Mapping[str, Sequence[str]], machine: Accelerator) -> None:
        assert machine.buffers is not None
        self.steps, self.graph, self.machine, self.buffers = steps, graph, machine, machine.buffers
        self.step_of = {name: i for i, step in enumerate(steps) for name in step.names}
        self.reads = [self._sources(step) for step in steps]
        self.returned = self._made_by(graph.get(INPUT, ()))
        self.tensors = sorted(self._tensors(), key=lambda tensor: tensor.rank)

    @staticmethod
    def knows(steps: Sequence[Step], graph: Mapping[str, Sequence[str]]) -> bool:
        """Whether the graph speaks of every layer and operator, and of what the network returns."""
        return INPUT in graph and all(name in graph for step in steps for name in step.names)

    def result(self, closed: frozenset[int] = frozenset()) -> list[Step]:
        """The steps with what stays while each runs; nothing lies on chip during the steps `closed`."""
        used, resident = self._chosen(closed)
        outputs = {tensor.step for tensor in resident if not tensor.inside}
        between = {tensor.step for tensor in resident if tensor.inside}
        return [
            replace(
                step,
                residency=self._residency(i, outputs, i in between),
                buffers=self._left(i, used[i], outputs),
            )
            for i, step in enumerate(self.steps)
        ]

    def _sources(self, step: Step) -> frozenset[int]:
        """The steps whose outputs a step reads, through those that only put tensors side by side."""
        own = set(step.names)
        names = [source for name in step.names for source in self.graph[name] if source not in own]
        return self._made_by(names)

    def _made_by(self, names: Sequence[str]) -> frozenset[int]:
        made: set[int] = set()
        for name in names:
            number = self.step_of.get(name, OUTSIDE)
            free = number != OUTSIDE and self.steps[number].is_free
            made |= self._made_by(self.graph[name]) if free else {number}
        return frozenset(made)

    def _tensors(self) -> list[Tensor]:
        readers: list[list[int]] = [[] for _ in self.steps]
        for i, step in enumerate(self.steps):
            for source in () if step.is_free else self.reads[i] - {OUTSIDE}:
                readers[source].append(i)
        tensors = []
        for i, step in enumerate(self.steps):
            if step.between and step.runs.repeat == 1:
                tensors.append(Tensor(i, i, self._bytes(step, step.between), 2, inside=True))
            once = all(self.steps[j].runs.repeat == 1 for j in (i, *readers[i]))
            if readers[i] and once and min(readers[i]) > i and not any(map(self._reads_unknown, readers[i])):
                transfers = len(readers[i]) + (i not in self.returned)
                tensors.append(Tensor(i, max(readers[i]), self._bytes(step, step.outputs), transfers))
        return tensors

    def _reads_unknown(self, i: int) -> bool:
        """Whether a step reads a part of the network's input whose size does not follow from the others'."""
        return OUTSIDE in self.reads[i] and self.steps[i].inputs <= sum(
            self.steps[source].outputs for source in self.reads[i] - {OUTSIDE}
        )

    def _bytes(self, step: Step, elements: int) -> int:
        return bytes_of(elements * (self.machine.array.output_bits or step.runs.activation_bits))

    def _chosen(self, closed: frozenset[int]) -> tuple[list[int], list[Tensor]]:
        """Bytes that lie on chip while each step runs, and the tensors that they are."""
        room = int((self.buffers.ifmap_kib + self.buffers.ofmap_kib) * 512)
        used, resident = [0] * len(self.steps), []
        for tensor in self.tensors:
            life = range(tensor.step, tensor.last + 1)
            if closed.isdisjoint(life) and all(used[i] + tensor.size_bytes <= room for i in life):
                resident.append(tensor)
                for i in life:
                    used[i] += tensor.size_bytes
        return used, resident

    def _residency(self, i: int, outputs: set[int], between: bool) -> Residency:
        step, share = self.steps[i], self._share(i, outputs)
        residency = Residency(share, ofmap=i in outputs and i not in self.returned, between=between)
        if not isinstance(step.runs, GemmTrace) or step.runs.has_weights or not share:
            return residency
        # both operands are activations, and the second travels as weights
        elements = step.runs.groups * step.runs.N * step.runs.K
        second = int(share * bytes_of(elements * step.runs.activation_bits))
        return replace(residency, weights="resident") if share == ALL else replace(residency, weight_bytes=second)

    def _share(self, i: int, outputs: set[int]) -> Fraction:
        """Of the elements that a step reads those that are on chip; the network's input is what is left of them."""
        step, sources = self.steps[i], self.reads[i]
        elements = {source: self.steps[source].outputs for source in sources if source != OUTSIDE}
        total = sum(elements.values())
        if OUTSIDE in sources:
            total = max(total, step.inputs)
        here = sum(count for source, count in elements.items() if source in outputs)
        return Fraction(here, total) if total else NOTHING

    def _left(self, i: int, used: int, outputs: set[int]) -> Buffers | None:
        """What is left of the ifmap and ofmap buffers, which hold what stays in proportion to their sizes.

        Where a step's whole ifmap is on chip no other tile of it is in flight, and the ifmap buffer is filled first.
        """
        if not used:
            return None
        if self._share(i, outputs) == ALL:
            beyond = max(0.0, used / 1024 - self.buffers.ifmap_kib)
            return self.buffers.model_copy(update={"ofmap_kib": self.buffers.ofmap_kib - beyond})
        share = 1 - used / ((self.buffers.ifmap_kib + self.buffers.ofmap_kib) * 1024)
        sizes = {"ifmap_kib": self.buffers.ifmap_kib * share, "ofmap_kib": self.buffers.ofmap_kib * share}
        return self.buffers.model_copy(update=sizes)
