"""Layers and operators on the engine: which runs each takes, and the rows of the report that they give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Literal
from weakref import WeakKeyDictionary

from accelsim.arrays.base import PEArray, Program
from accelsim.engine import simulation as engine
from accelsim.engine.array_selection import programs_of, select_array
from accelsim.engine.layer_result import Play, Row, layer_row, operator_row
from accelsim.engine.plan import Step
from accelsim.engine.schedule import OnChip, Schedule, build
from accelsim.engine.vector_layer import VectorLayer
from accelsim.engine.vector_unit import Chain, fused_chain
from accelsim.hardware.accelerator import Accelerator
from accelsim.mapping.footprint import bytes_of
from accelsim.mapping.search import Mapping, choose
from accelsim.results.report import check_row
from accelsim.trace.gemm import RECURRENT, GemmTrace
from accelsim.trace.operator import OPS, Operator

Simulated = tuple[Row, list[engine.Span]]
Run = tuple[list[Program], OnChip, int]  # programs, what never crosses to DRAM, how many equal runs


class LayerRunner:
    """Simulates the steps of a workload; one whose like was seen before is not simulated again."""

    def __init__(self, machine: Accelerator, leak_uw: float) -> None:
        self.machine, self.leak_uw = machine, leak_uw
        self.overlap = machine.dram.is_timed
        self.bytes_per_cycle = machine.dram.bytes_per_cycle(machine.clock_mhz)
        self.slots = 1 if machine.buffers is not None and not machine.buffers.double else 2
        self.mapped: WeakKeyDictionary[Program, Mapping] = WeakKeyDictionary()
        self.alike: dict[object, Mapping] = {}
        self.seen: dict[object, list[tuple[int, Simulated]]] = {}
        self.spans: dict[str, list[engine.Span]] = {}

    def rows(self, step: Step, on_chip: OnChip) -> list[Row]:
        """The report's row of a layer or an operator, and of each operator behind it that could not run with it.

        An operator that computes and moves nothing, such as a concatenation in place, has none.
        """
        if isinstance(step.runs, Operator) and step.runs.is_free:
            return []
        names = [step.runs.name, *(operator.name for operator in step.fused)]
        key = on_chip, tuple(map(_operator_key, step.fused)), _key(step.runs)
        if key not in self.seen:
            self.seen[key] = list(self._simulate(step, on_chip))
        for at, (_, spans) in self.seen[key]:
            self.spans[names[at]] = spans
        return [{**row, "name": names[at]} for at, (row, _) in self.seen[key]]

    def _simulate(self, step: Step, on_chip: OnChip) -> Iterator[tuple[int, Simulated]]:
        """Each row with the place of its name in the step."""
        if isinstance(step.runs, Operator):
            yield 0, self._operators((step.runs, *step.fused), on_chip)
            return
        array, programs = select_array(self.machine, step.runs)
        rows = [mapping.m for mapping in self._mappings(programs)] if step.fused else []
        chain = fused_chain(step.runs, rows, step.fused, self.machine.vector.lanes)
        groups = _by_themselves(step.fused, len(chain.operators) if chain is not None else 0)
        here = replace(on_chip, ofmap=on_chip.ofmap and not groups)
        yield 0, self._layer(step.runs, array, programs, here, chain)
        for number, (at, operators) in enumerate(groups, 1):
            here = OnChip(ofmap=on_chip.ofmap and number == len(groups))
            yield at + 1, self._operators(operators, here)

    def _mappings(self, programs: Sequence[Program]) -> list[Mapping]:
        """One a program, chosen once for all programs whose bytes are alike."""
        for program in programs:
            if program not in self.mapped:
                self.mapped[program] = self._mapping(program)
        return [self.mapped[program] for program in programs]

    def _mapping(self, program: Program) -> Mapping:
        key = _mapping_key(program)
        if key is None or key not in self.alike:
            room, given = self.machine.buffers, self.machine.mapping
            found = choose(program, room, self.overlap, given, self.bytes_per_cycle)
            if key is None:
                return found
            self.alike[key] = found
        return self.alike[key]

    def _layer(
        self, trace: GemmTrace, array: PEArray, first: list[Program], on_chip: OnChip, chain: Chain | None
    ) -> Simulated:
        plays: list[Play] = []
        compulsory = 0
        for programs, here, times in self._runs(trace, array, first, on_chip):
            mappings = self._mappings(programs)
            schedule = build(zip(programs, mappings, strict=True), here, chain)
            cuts = sum(mapping.t_cuts for mapping in mappings)
            plays.append(self._play(schedule, programs, cuts, times, plays[-1] if plays else None))
            compulsory += times * _compulsory(programs, here, chain)
        again = trace.repeat // sum(play.times for play in plays)
        row = layer_row(trace, array, self.machine, self.leak_uw, plays, again, chain)
        check_row(row, array.peak_macs, again * compulsory)
        return row, plays[0].run.spans

    def _runs(self, trace: GemmTrace, array: PEArray, first: list[Program], on_chip: OnChip) -> Iterator[Run]:
        """One run, which `repeat` multiplies; of a recurrent layer each step as far as steps differ.

        Weights that the filter buffer holds in a single copy come with the first step alone.
        """
        resident = trace.kind in RECURRENT and trace.repeat > 1 and self._fits(first)
        now, later = _weights(on_chip, "kept"), _weights(on_chip, "held")
        if not resident:
            now = later = on_chip
        yield first, now, 1
        if trace.has_steps:
            for t in range(1, trace.repeat):
                programs = programs_of(array, trace.step(t))
                self.mapped.update((p, self.mapped[f]) for p, f in zip(programs, first, strict=True))  # of the layer
                yield programs, later, 1
        elif resident:
            yield first, later, trace.repeat - 1

    def _fits(self, programs: Sequence[Program]) -> bool:
        if self.machine.buffers is None:
            return True
        size = sum(bytes_of(p.weight_bits(*_whole(p))) + bytes_of(p.index_bits(*_whole(p))) for p in programs)
        return size <= int(self.machine.buffers.filter_kib * 1024)

    def _play(self, schedule: Schedule, programs: list[Program], cuts: int, times: int, before: Play | None) -> Play:
        """Run the engine; a schedule equal to the one before takes as long."""
        if before is not None and schedule == before.schedule:
            return replace(before, programs=programs, times=times)
        timed = self.machine.dram.kernel(self.machine.clock_mhz)
        run = engine.run(schedule, timed, self.slots)
        counts = {"t_cuts": cuts, "memory_cycles": timed.busy_cycles if timed is not None else 0}
        if timed is not None:
            timed.close(run.cycles)
            counts |= timed.counts()
        return Play(schedule, run, programs, times, counts, timed.energy_pj() if timed is not None else {})

    def _operators(self, operators: tuple[Operator, ...], on_chip: OnChip) -> Simulated:
        layer = VectorLayer(operators, self.machine.vector.lanes, self.machine.buffers, self.overlap)
        play = self._play(layer.schedule(on_chip), [], 0, 1, None)
        row = operator_row(operators, self.machine, self.leak_uw, play)
        check_row(row, self.machine.vector.lanes, operators[0].repeat * layer.compulsory_bytes(on_chip))
        return row, play.run.spans


def _by_themselves(fused: tuple[Operator, ...], count: int) -> list[tuple[int, tuple[Operator, ...]]]:
    """The operators from `count` on with their places: one that pools begins a row, others join the one before."""
    groups: list[tuple[int, tuple[Operator, ...]]] = []
    for at, operator in enumerate(fused[count:], count):
        if groups and not OPS[operator.op].pooling:
            groups[-1] = (groups[-1][0], (*groups[-1][1], operator))
        else:
            groups.append((at, (operator,)))
    return groups


def _mapping_key(program: Program) -> object:
    """What a program's mapping depends on where no value changes its bytes: shape and bits; else None."""
    if not program.uniform_weights or type(program).ifmap_bits is not Program.ifmap_bits:
        return None
    trace = program.trace
    return type(program), id(program.array), trace.M, trace.N, trace.K, trace.conv, trace.number_format


def _weights(on_chip: OnChip, where: Literal["kept", "held"]) -> OnChip:
    return replace(on_chip, weights=where)


def _whole(program: Program) -> tuple[int, int, int, int]:
    return 0, program.trace.N, 0, program.trace.K


def _compulsory(programs: Sequence[Program], on_chip: OnChip, chain: Chain | None) -> int:
    """Bytes that must cross once: encoded weights, indices, touched ifmap, ofmap, less what stays on chip."""
    total = 0
    for program in programs:
        t = program.trace
        if on_chip.weights != "held":
            total += bytes_of(program.weight_bits(*_whole(program))) + bytes_of(program.index_bits(*_whole(program)))
        total += 0 if on_chip.ifmap else bytes_of(program.ifmap_bits(0, t.M, 0, t.K))
        total += 0 if on_chip.ofmap or chain is not None else bytes_of(t.M * t.N * program.output_bits)
    if chain is None:
        return total
    parameters = 0 if on_chip.weights == "held" else bytes_of(chain.parameter_bits)
    results = 0 if on_chip.ofmap else bytes_of(chain.results(0, chain.elements) * programs[0].output_bits)
    return total + parameters + results


def _key(runs: GemmTrace | Operator) -> object:
    """What tells two layers without values, or two operators, apart; the name where a layer has values."""
    if isinstance(runs, Operator):
        return _operator_key(runs)
    if runs.weight_operand is not None or runs.activation_operand is not None:
        return runs.name
    names = (
        "M",
        "N",
        "K",
        "groups",
        "number_format",
        "kind",
        "conv",
        "repeat",
        "dense_shape",
        "dense_groups",
        "operation",
    )
    return tuple(getattr(runs, name) for name in names)


def _operator_key(operator: Operator) -> object:
    return tuple(getattr(operator, field.name) for field in fields(operator) if field.name not in {"name", "after"})
