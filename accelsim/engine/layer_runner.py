"""Layers and operators on the engine: which runs each takes, and the result that they add up to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

from ..arrays.base import PEArray, Program
from ..hardware.accelerator import Accelerator
from ..mapping.goals import MappingCosts
from ..trace.checks import RECURRENT
from ..trace.gemm import GemmTrace
from ..trace.operator import OPS, Operator
from .array_selection import select_array
from .compulsory import compulsory_bytes, encoded_filter_bytes
from .dram_traffic import DramTraffic
from .layer_result import (
    VECTOR,
    LayerResult,
    LayerShape,
    OperandWidths,
    RunResult,
    WeightCounts,
    total,
)
from .layer_storage import layer_storage
from .residency import Residency
from .schedule_builder import build, made_of
from .schedule_run import Played, play
from .step import Step
from .tensor_storage import TensorStorage
from .tilings import Tilings
from .vector_layer import VectorLayer
from .vector_storage import vector_storage
from .vector_unit import FusedOperators, fuse

Run = tuple[Sequence[Program], Residency, int]  # programs, what never crosses to DRAM, how many equal runs


class LayerRunner:
    """Runs the steps of a workload on a machine; a step whose equal ran before is not simulated again."""

    def __init__(self, machine: Accelerator, costs: MappingCosts | None = None) -> None:
        self.machine = machine
        self.tilings = Tilings(machine, costs)
        self.known: dict[object, list[tuple[int, LayerResult]]] = {}

    def run(self, step: Step) -> list[LayerResult]:
        """The result of a layer or an operator, and of each operator behind it that could not run with it.

        An operator that computes and moves nothing, such as a concatenation in place, has none.
        """
        if isinstance(step.runs, Operator) and step.runs.is_free:
            return []
        tensors = step.output_values and step.output_values.reader, tuple(t.reader for t in step.input_values)
        key = step.residency, step.buffers, tensors, tuple(map(_operator_key, step.fused)), _key(step.runs)
        if key not in self.known:
            self.known[key] = list(self._simulate(step))
        names = [step.runs.name, *(operator.name for operator in step.fused)]
        return [result.renamed(names[place]) for place, result in self.known[key]]

    def _simulate(self, step: Step) -> Iterator[tuple[int, LayerResult]]:
        """Each result with the place of its name in the step."""
        if isinstance(step.runs, Operator):
            yield 0, self._operators((step.runs, *step.fused), step)
            return
        array, programs = select_array(self.machine, step.runs, self.tilings)
        rows = [tiling.m for tiling in self.tilings.of(programs, step)]
        fused = fuse(step.runs, rows, step.fused, self.machine.vector.lanes)
        groups = _by_themselves(step.fused, len(fused.operators) if fused is not None else 0)
        stays = step.residency
        here = replace(stays, ofmap=stays.between if groups else stays.ofmap)
        own = replace(step, output_values=None if groups else step.output_values)
        yield 0, self._layer(own, array, programs, here, fused)
        for number, (place, operators) in enumerate(groups, 1):
            leaves = stays.ofmap if number == len(groups) else stays.between
            weights = stays.weights  # all of the step's, or none of what runs by itself
            here = Residency(Fraction(stays.between), ofmap=leaves, weights=weights)
            values = step.output_values if number == len(groups) else None
            yield place + 1, self._operators(operators, replace(step, residency=here, output_values=values))

    def _layer(
        self,
        step: Step,
        array: PEArray,
        programs: Sequence[Program],
        residency: Residency,
        fused: FusedOperators | None,
    ) -> LayerResult:
        trace = step.runs
        assert isinstance(trace, GemmTrace)
        runs: list[tuple[RunResult, int]] = []
        compulsory, first, played = 0, None, self.tilings.played.get(programs[0])
        for now, here, times in self._runs(step, programs, residency):
            tilings = self.tilings.of(now, step)
            storage = layer_storage(self.machine, trace, now, fused, step.output_values)
            inputs = list(zip(now, tilings, strict=True)), here, fused, storage
            if played is None or played.made_of is None or played.made_of != made_of(*inputs):
                schedule = build(*inputs)
                if played is None or schedule != played.schedule:  # equal schedules take as long
                    played = play(schedule, self.machine, made_of(*inputs))
            first = first or played
            runs.append((played.result(now, sum(tiling.t_cuts for tiling in tilings)), times))
            compulsory += times * compulsory_bytes(now, here, fused, storage)
        assert first is not None
        return LayerResult(
            shape=_layer_shape(trace, programs[0].array, fused, array is not self.machine.array, storage),
            widths=_widths(trace, array, programs),
            weights=_weight_counts(trace, programs),
            macs_dense=trace.macs,
            times=trace.repeat // sum(times for _, times in runs),
            lanes=array.peak_macs,
            compulsory_bytes=compulsory,
            **_added_up(runs, first),
        )

    def _runs(self, step: Step, first: Sequence[Program], residency: Residency) -> Iterator[Run]:
        """One run, which `repeat` multiplies; of a recurrent layer each step as far as steps differ.

        Weights that the filter buffer holds in a single copy come with the first step alone. Where some stay from one
        inference to the next, the plan says of any repeated layer which stay from one run to the next.
        """
        trace = step.runs
        assert isinstance(trace, GemmTrace)
        now = later = residency
        if self._plans_weights:
            stay = trace.repeat > 1 and residency.weights == "streamed" and residency.later_weight_bytes > 0
            now, later = self._planned_runs(first, residency) if stay else (residency, residency)
        elif stay := trace.kind in RECURRENT and trace.repeat > 1 and self._fit(first):
            now, later = replace(residency, weights="loaded"), replace(residency, weights="resident")
        yield first, now, 1
        if trace.has_steps:
            for t in range(1, trace.repeat):
                programs = first[0].array.programs(trace.step(t))
                self.tilings.carry_over(programs, first)
                yield programs, later, 1
        elif stay:
            yield first, later, trace.repeat - 1

    @property
    def _plans_weights(self) -> bool:
        return self.machine.buffers is not None and self.machine.buffers.weights_resident

    @staticmethod
    def _planned_runs(programs: Sequence[Program], residency: Residency) -> tuple[Residency, Residency]:
        """What stays in the first run of a layer and in the later ones."""
        if residency.later_weight_bytes < sum(map(encoded_filter_bytes, programs)):
            return residency, replace(residency, weight_bytes=residency.later_weight_bytes)
        return replace(residency, weights="loaded"), replace(residency, weights="resident")

    def _fit(self, programs: Sequence[Program]) -> bool:
        """Whether the filter buffer holds all weights of a layer in a single copy."""
        buffers = self.machine.buffers
        return buffers is None or sum(map(encoded_filter_bytes, programs)) <= int(buffers.filter_kib * 1024)

    def _operators(self, operators: tuple[Operator, ...], step: Step) -> LayerResult:
        machine, bits, buffers = self.machine, operators[0].activation_bits, step.buffers or self.machine.buffers
        storage = vector_storage(machine, bits, step.input_values, step.output_values)
        layer = VectorLayer(operators, machine.vector.lanes, buffers, self.tilings.overlap, storage)
        played = play(layer.schedule(step.residency), machine)
        names = tuple(operator.op for operator in operators)
        return LayerResult(
            shape=LayerShape(
                operators[0].name, VECTOR, VECTOR, 0, 0, 0, 1, operators[0].repeat, names, False, "", *storage.formats
            ),
            widths=OperandWidths(bits, bits, bits, bits, machine.array.accumulator_bits),
            weights=WeightCounts(),
            macs_dense=0,
            times=operators[0].repeat,
            lanes=machine.vector.lanes,
            compulsory_bytes=layer.compulsory_bytes(step.residency),
            **_added_up([(played.result(), 1)], played),
        )


def _added_up(runs: Sequence[tuple[RunResult, int]], first: Played) -> dict[str, Any]:
    """The fields of a LayerResult that its runs give; its spans are the first run's."""
    largest = (max(sizes) for sizes in zip(*(_on_chip(run).values() for run, _ in runs), strict=True))
    whole = total([run * times for run, times in runs])
    return {"run": whole, "largest_traffic": DramTraffic(*largest), "spans": first.run.spans}


def _on_chip(run: RunResult) -> DramTraffic:
    """The traffic of a run as its bytes lie in the buffers, activations decoded."""
    ifmap, ofmap = run.counts["sram_ifmap_fill_bytes"], run.counts["sram_ofmap_drain_bytes"]
    return replace(run.traffic, ifmap=ifmap, ofmap=ofmap)


def _layer_shape(
    trace: GemmTrace, array: PEArray, fused: FusedOperators | None, on_fallback: bool, storage: TensorStorage
) -> LayerShape:
    names = tuple(operator.op for operator in fused.operators) if fused is not None else ()
    sizes = trace.M, trace.N, trace.K, trace.groups, trace.repeat
    dataflow = str(getattr(array, "dataflow", ""))
    formats = storage.ifmap_format, storage.ofmap_format
    return LayerShape(trace.name, trace.kind, array.kind, *sizes, names, on_fallback, dataflow, *formats)


def _widths(trace: GemmTrace, array: PEArray, programs: Sequence[Program]) -> OperandWidths:
    """Every group is read as often as another, so that the mean is what a read costs."""
    stored = sum(program.stored_weight_bits for program in programs) / len(programs)
    output = programs[0].output_bits
    bits = trace.weight_bits, stored, programs[0].trace.activation_bits, output, array.accumulator_bits
    return OperandWidths(*bits, trace.float_format)


def _weight_counts(trace: GemmTrace, programs: Sequence[Program]) -> WeightCounts:
    """What alpha and storage count; an attention GEMM has two activations and no weights.

    A shape that the array runs with fewer weights than it has is taken as pruned to the array's pattern.
    """
    if not trace.has_weights:
        return WeightCounts()
    ends = [(0, program.trace.N, 0, program.trace.K) for program in programs]
    dense = trace.dense_groups * trace.dense_shape[1] * trace.dense_shape[2]
    nonzero = sum(program.weights_nonzero() for program in programs)
    return WeightCounts(
        dense=dense,
        nonzero=nonzero,
        value_bits=sum(program.weight_bits(*whole) for program, whole in zip(programs, ends, strict=True)),
        index_bits=sum(program.index_bits(*whole) for program, whole in zip(programs, ends, strict=True)),
        pruned=trace.pruned or (trace.weight_operand is None and nonzero < dense),
    )


def _by_themselves(fused: tuple[Operator, ...], count: int) -> list[tuple[int, tuple[Operator, ...]]]:
    """The operators from `count` on with their places: one that pools begins a row, others join the one before."""
    groups: list[tuple[int, tuple[Operator, ...]]] = []
    for place, operator in enumerate(fused[count:], count):
        if groups and not OPS[operator.op].pooling:
            groups[-1] = (groups[-1][0], (*groups[-1][1], operator))
        else:
            groups.append((place, (operator,)))
    return groups


def _key(runs: GemmTrace | Operator) -> object:
    """What tells two layers without values, or two operators, apart; the name where a layer has values."""
    if isinstance(runs, Operator):
        return _operator_key(runs)
    if runs.weight_operand is not None or runs.activation_operand is not None:
        return runs.name
    return tuple(getattr(runs, f.name) for f in fields(runs) if f.name != "name")


def _operator_key(operator: Operator) -> object:
    return tuple(getattr(operator, f.name) for f in fields(operator) if f.name not in {"name", "after"})
