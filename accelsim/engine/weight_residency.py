"""Which encoded weights stay on chip from one inference to the next.

The filter buffer is split between weights that stay and the tiles in flight of those that do not. Weights of which a
byte saves the most traffic stay first (those of a layer that runs often, or whose tiles are fetched again), layers as a
whole and the last one in part; of equal ones the earlier. How much the tiles in flight get is tried: the whole buffer,
and the SPLITS powers of two of KiB below it; the split with the least traffic is taken, of equal ones the roomiest.
While a layer runs several times in an inference, no other's tiles are in flight: it has all that others' weights leave
for what stays from one of its runs to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..arrays.base import Program, ceil_div
from ..errors import MappingError
from ..hardware.accelerator import Accelerator
from ..hardware.parts import Buffers
from ..mapping.footprint import Footprint, bytes_of
from ..mapping.tiling import Tiling
from ..mapping.traffic import repeats
from ..trace.operator import Operator
from .array_selection import select_array
from .compulsory import encoded_filter_bytes
from .step import Step
from .tilings import Tilings
from .vector_layer import VectorLayer

SPLITS = 6


@dataclass(frozen=True)
class StepWeights:
    """What a step fetches for each input as it is: encoded weights and parameters of its operators.

    `fetches`: how often they come in one of the step's runs. `in_flight`: bytes that their tiles take while they come.
    `traffic`: DRAM bytes of the whole step. `runs`: of the step in an inference.
    """

    step: int
    size_bytes: int
    fetches: float
    runs: int
    in_flight: int
    traffic: int
    is_layer: bool

    @property
    def rank(self) -> tuple[float, int]:
        """Weights of the least rank stay first."""
        return -self.fetches * self.runs, self.step

    def later(self, resident: int, others: int, room: int) -> int:
        """Bytes that stay from one run of a layer to the next, of `room` in which `others` stay too."""
        if not self.is_layer or self.runs == 1 or self.size_bytes <= room - others:
            return self.size_bytes if self.is_layer and self.runs > 1 else resident
        return max(resident, room - others - self.in_flight)


@dataclass(frozen=True)
class Split:
    """A filter buffer of which tiles in flight get `reserve_kib`.

    `resident`: bytes of weights that stay, by step; `later`: in a layer's runs but the first.
    """

    reserve_kib: float
    resident: dict[int, int]
    later: dict[int, int]
    traffic: float


class WeightResidency:
    """Splits the filter buffer of a machine for a workload's steps."""

    def __init__(self, steps: Sequence[Step], machine: Accelerator, tilings: Tilings) -> None:
        assert machine.buffers is not None
        self.steps, self.machine, self.tilings, self.buffers = steps, machine, tilings, machine.buffers
        self.programs = {
            i: select_array(machine, step.runs)[1]
            for i, step in enumerate(steps)
            if not isinstance(step.runs, Operator)
        }

    def result(self) -> list[Step]:
        """The steps, each with the weights that stay; tiles of a layer that stays whole are a part of it."""
        split = min(self._splits(), key=lambda split: split.traffic)
        return [self._with(i, step, split) for i, step in enumerate(self.steps)]

    def _with(self, i: int, step: Step, split: Split) -> Step:
        resident, residency = split.resident.get(i, 0), step.residency
        whole = resident and resident == self._size(i, step)
        if whole:
            residency = replace(residency, weights="resident")
        else:
            later = split.later.get(i, 0) if residency.weights == "streamed" and step.runs.repeat > 1 else 0
            weight_bytes = resident or residency.weight_bytes
            residency = replace(residency, weight_bytes=weight_bytes, later_weight_bytes=later)
        buffers = step.buffers if whole else self._room(step, split.reserve_kib)
        return replace(step, residency=residency, buffers=buffers, warmup_bytes=resident)

    def _splits(self) -> Iterator[Split]:
        """At least the one that leaves the whole filter buffer to the tiles in flight."""
        yield self._split(self.buffers.filter_kib)
        power = 2.0 ** np.floor(np.log2(self.buffers.filter_kib))
        for number in range(SPLITS):
            reserve = float(power / 2**number)
            if reserve < self.buffers.filter_kib:
                try:
                    yield self._split(reserve)
                except MappingError:  # tiles of some layer would not fit, nor would they in less
                    return

    def _split(self, reserve_kib: float) -> Split:
        """As many of the first weights stay as fit beside the tiles in flight of all others."""
        weights = sorted(self._weights(reserve_kib), key=lambda w: w.rank)
        room, count, resident = int(self.buffers.filter_kib * 1024), len(weights), dict[int, int]()
        in_flight = [max((w.in_flight for w in weights[n:]), default=0) for n in range(count + 1)]
        sizes = [sum(w.size_bytes for w in weights[:n]) for n in range(count + 1)]
        fit = max((n for n in range(count + 1) if sizes[n] + in_flight[n] <= room), default=0)
        for w in weights[:fit]:
            resident[w.step] = w.size_bytes
        if fit < count and (left := room - sizes[fit] - in_flight[fit]) > 0:
            resident[weights[fit].step] = min(left, weights[fit].size_bytes - 1)
        stays = sum(resident.values())
        later = {w.step: w.later(here := resident.get(w.step, 0), stays - here, room) for w in weights if w.size_bytes}
        saved = sum(
            w.fetches * (resident.get(w.step, 0) + (w.runs - 1) * later[w.step]) for w in weights if w.size_bytes
        )
        return Split(reserve_kib, resident, later, sum(w.traffic for w in weights) - saved)

    def _weights(self, reserve_kib: float) -> Iterator[StepWeights]:
        """Of every step that has any: an embedding's rows and a product of two activations depend on the input."""
        for i, step in enumerate(self.steps):
            if isinstance(step.runs, Operator):
                yield from self._of_operator(i, step, reserve_kib)
            else:
                yield self._of_layer(i, step, reserve_kib)

    def _of_operator(self, i: int, step: Step, reserve_kib: float) -> Iterator[StepWeights]:
        size, bits = self._size(i, step), step.runs.activation_bits
        if size:
            operators = (step.runs, *step.fused)
            layer = VectorLayer(
                operators,  # type: ignore[arg-type]  # runs is an Operator here, as _weights has seen
                self.machine.vector.lanes,
                self._room(step, reserve_kib),
                self.tilings.overlap,
            )
            tile = bytes_of(ceil_div(layer.parameters, layer.tiles) * bits)
            yield StepWeights(i, size, 1, step.runs.repeat, tile * self.buffers.slots, 0, is_layer=False)

    def _of_layer(self, i: int, step: Step, reserve_kib: float) -> StepWeights:
        programs = self.programs[i]
        tilings = self.tilings.planned(programs, self._room(step, reserve_kib), step.residency.operands)
        flights = [_in_flight(program, tiling) for program, tiling in zip(programs, tilings, strict=True)]
        fetches, runs = max(times for _, times in flights), step.runs.repeat
        size, tile = self._size(i, step), max(tile for tile, _ in flights) * self.buffers.slots
        traffic = runs * sum(tiling.dram_bytes for tiling in tilings)
        return StepWeights(i, size, fetches if size else 0, runs, tile, traffic, is_layer=True)

    def _size(self, i: int, step: Step) -> int:
        """Bytes of a step's weights and parameters, 0 where they depend on the input."""
        runs = step.runs
        parameters = sum(operator.parameters * operator.activation_bits for operator in step.fused)
        if isinstance(runs, Operator):
            own = runs.parameters * runs.activation_bits
            return 0 if runs.op == "embedding" else bytes_of(own + parameters)
        return sum(map(encoded_filter_bytes, self.programs[i])) + bytes_of(parameters) if runs.has_weights else 0

    def _room(self, step: Step, reserve_kib: float) -> Buffers:
        return (step.buffers or self.buffers).model_copy(update={"filter_kib": reserve_kib})


def _in_flight(program: Program, tiling: Tiling) -> tuple[int, float]:
    """Bytes of the largest filter tile of a group, and how often each comes."""
    trace = program.trace
    sizes = (("M", trace.M, tiling.m), ("N", trace.N, tiling.n), ("K", trace.K, tiling.k))
    tiles = {d: np.array(float(ceil_div(size, step))) for d, size, step in sizes}
    return Footprint(program).filters(tiling.n, tiling.k)[1], float(repeats(tiling.order, "M", tiles))
