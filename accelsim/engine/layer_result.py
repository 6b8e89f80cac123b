"""The row of a layer or an operator in the report: what its runs on the engine add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accelsim.arrays.base import PEArray, Program
from accelsim.energy import model as energy
from accelsim.engine.schedule import Schedule
from accelsim.engine.simulation import EngineRun
from accelsim.engine.vector_unit import Chain
from accelsim.hardware.accelerator import Accelerator
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.operator import Operator

Row = dict[str, Any]
VECTOR = "vector"  # kind and array of an operator's row
WEIGHT_COLUMNS = ("weights_dense", "weights_nonzero", "storage_weight_bits", "storage_index_bits")
COUNT_COLUMNS = (
    "macs_executed", "vector_operations", "sram_ifmap_reads", "sram_filter_reads", "sram_ofmap_writes",
    "sram_psum_reads", "sram_vector_reads", "sram_vector_writes", "sram_index_bits", "register_bits", "decodes",
)  # fmt: skip


@dataclass(frozen=True)
class Play:
    """One run of the engine, `times` over. `counts` are the mapping's and the DRAM's columns; `dram_pj` its energy."""

    schedule: Schedule
    run: EngineRun
    programs: list[Program]
    times: int
    counts: Mapping[str, int]
    dram_pj: Mapping[str, float]


def layer_row(
    trace: GemmTrace,
    array: PEArray,
    machine: Accelerator,
    leak_uw: float,
    plays: Sequence[Play],
    again: int,
    chain: Chain | None,
) -> Row:
    """The row of a layer whose runs are `plays`, all of them `again` times, with the operators that ran with it."""
    programs = plays[0].programs
    stored = sum(p.stored_weight_bits for p in programs) / len(programs)  # every group is read as often as another
    output = programs[0].output_bits
    widths = energy.Widths(trace.weight_bits, stored, trace.activation_bits, output, array.accumulator_bits)
    total = _total(machine, array, plays, widths, leak_uw)
    compute = total["compute_cycles"]
    return _identity(trace, array) | {
        "operators": "+".join(operator.op for operator in chain.operators) if chain is not None else "",
        "utilization": total["macs_executed"] / (array.peak_macs * compute) if compute else 0.0,
        "bound": _bound(total),
        **widths.columns(),
        "macs_dense": trace.macs,
        **_weights(trace, programs),
        **{name: value * again for name, value in total.items()},
        **_dram_rates(total, machine.clock_mhz),
    }


def operator_row(operators: Sequence[Operator], machine: Accelerator, leak_uw: float, play: Play) -> Row:
    """The row of an operator that runs by itself, with those fused behind it.

    Its array is the vector unit, its inputs count as ifmap and its parameters as weights in the traffic; `utilization`
    is of the lanes.
    """
    bits, repeat = operators[0].activation_bits, operators[0].repeat
    widths = energy.Widths(bits, bits, bits, bits, machine.array.accumulator_bits)
    total = _total(machine, machine.array, [play], widths, leak_uw)
    slots = machine.vector.lanes * total["compute_cycles"]
    return {
        "name": operators[0].name, "kind": VECTOR, "array": VECTOR, "M": 0, "N": 0, "K": 0, "groups": 1,
        "repeat": repeat, "weight_bits": bits, "activation_bits": bits,
        "operators": "+".join(operator.op for operator in operators),
        "utilization": total["vector_operations"] / slots if slots else 0.0,
        "bound": _bound(total),
        **widths.columns(),
        "macs_dense": 0,
        **dict.fromkeys(WEIGHT_COLUMNS, 0),
        **{name: value * repeat for name, value in total.items()},
        **_dram_rates(total, machine.clock_mhz),
    }  # fmt: skip


def _total(machine: Accelerator, array: PEArray, plays: Sequence[Play], widths: energy.Widths, leak_uw: float) -> Row:
    """The columns that add up, of all plays."""
    run: Row = {}
    counts, dram, dram_pj = Counter[str](), dict[str, int](), dict[str, float]()
    for play in plays:
        _add(run, _columns(play), play.times)
        _add(counts, play.schedule.counts, play.times)
        _add(dram, play.schedule.dram_bytes(), play.times)
        _add(dram_pj, play.dram_pj, play.times)
    one_run = {part: max(play.schedule.dram_bytes()[part] for play in plays) for part in dram}
    pj = energy.layer_energy(machine, array, counts, dram, widths, leak_uw, run["cycles"], one_run) | dram_pj
    own = {name: value for name, value in sorted(counts.items()) if name.startswith(f"{array.kind}_")}
    return {
        **{name: run.pop(name) for name in list(run) if name not in plays[0].counts},
        **{column: counts[column] for column in COUNT_COLUMNS},
        **dram,
        "dram_bytes": sum(dram.values()),
        **{f"energy_{part}_pj": value for part, value in pj.items()},
        "energy_pj": sum(pj.values()),
        **own,
        **run,
    }


def _add(total: dict[str, Any], more: Mapping[str, Any], times: int) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value * times


def _columns(play: Play) -> Row:
    schedule, run = play.schedule, play.run
    return {
        "cycles": run.cycles,
        "compute_cycles": schedule.compute_cycles,
        "stall_cycles": run.cycles - schedule.compute_cycles,
        **{f"stall_{cause}_cycles": cycles for cause, cycles in ({"vector": 0} | run.stalls).items()},
        "vector_cycles": schedule.compute_cycles if schedule.unit == VECTOR else schedule.vector_cycles,
        "macs_effectual": sum(program.effectual_macs() for program in play.programs),
        **play.counts,
    }


def _identity(trace: GemmTrace, array: PEArray) -> Row:
    shape = {"M": trace.M, "N": trace.N, "K": trace.K, "groups": trace.groups, "repeat": trace.repeat}
    bits = {"weight_bits": trace.weight_bits, "activation_bits": trace.activation_bits}
    return {"name": trace.name, "kind": trace.kind, "array": array.kind, **shape, **bits}


def _weights(trace: GemmTrace, programs: Sequence[Program]) -> Row:
    """What alpha and storage count; an attention GEMM has two activations and no weights."""
    if not trace.has_weights:
        return dict.fromkeys(WEIGHT_COLUMNS, 0)
    whole = (0, trace.N, 0, trace.K)
    values = (
        trace.dense_groups * trace.dense_shape[1] * trace.dense_shape[2],
        sum(program.weights_nonzero() for program in programs),
        sum(program.weight_bits(*whole) for program in programs),
        sum(program.index_bits(*whole) for program in programs),
    )
    return dict(zip(WEIGHT_COLUMNS, values, strict=True))


def _dram_rates(row: Mapping[str, Any], clock_mhz: float) -> Row:
    """Bandwidth over the layer in 10⁹ bytes a second, and of a DRAM with banks the share of requests that hit a row."""
    rates = {"dram_gbps": row["dram_bytes"] * clock_mhz / 1000 / row["cycles"] if row["cycles"] else 0.0}
    if "dram_requests" in row:
        rates["dram_row_hit_rate"] = row["dram_row_hits"] / row["dram_requests"] if row["dram_requests"] else 0.0
    return rates


def _bound(row: Mapping[str, Any]) -> str:
    """What a layer waits for at best: computing, or DRAM; `index` where indices are the largest part of that traffic.

    Computing is the array's MACs or, where it takes longer, the vector unit's work on their outputs.
    """
    if max(row["compute_cycles"], row["vector_cycles"]) >= row["memory_cycles"]:
        return "compute"
    parts = ("dram_ifmap_bytes", "dram_weight_bytes", "dram_index_bytes", "dram_ofmap_bytes", "dram_psum_bytes")
    return "index" if max(parts, key=lambda part: row[part]) == "dram_index_bytes" else "memory"
