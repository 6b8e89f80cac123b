"""The laws of accelsim.arrays.base as functions: each raises AssertionError, with what it saw, where one is broken.

They ask an array and its programs alone, without memory and engine; `program` is set up for a layer of one group.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import isfinite

import numpy as np

from ..arrays.base import PEArray, Program, Tile, Work
from ..arrays.ports import READS
from ..technology.table import default_table
from ..trace.operand_names import BUFFERS
from .cuts import Edges, tiles, whole

SLACK = 64  # cycles, beside 2 %, that greedy orders and conflicts may cost a smaller problem
PRIMITIVES = ("mac", "full_adder", "gate", "register_bit", "decoder")  # of `logic`


def require(condition: bool, message: str) -> None:
    """AssertionError with a message where a law does not hold."""
    if not condition:
        raise AssertionError(message)


def size_is_configuration(array: PEArray) -> None:
    """The configuration comes back from plain values, and each scalable size makes the array larger."""
    again = type(array).model_validate(array.model_dump())
    require(again == array, f"{array!r} comes back from its plain values as {again!r}")
    for field in array.scalable:
        require(field in type(array).model_fields, f"scalable {field!r} is no field of {type(array).__name__}")
        larger = array.model_copy(update={field: 2 * getattr(array, field)})
        seen = f"{array.peak_macs} peak MACs at {field} {getattr(array, field)}, {larger.peak_macs} at twice that"
        require(larger.peak_macs > array.peak_macs > 0, seen)


def costs_are_known(array: PEArray, weight_bits: int, activation_bits: int) -> None:
    """Every operation has a declared counter and a cost, and `logic` counts known primitives."""
    for operation in array.priced_operations(default_table(), weight_bits, activation_bits):
        cost = float(operation.cost)
        require(isfinite(cost) and cost >= 0, f"operation {operation.name!r} costs {cost} pJ")
    for name, count in array.logic(weight_bits, activation_bits).items():
        require(name in PRIMITIVES, f"logic {name!r}; one of {', '.join(PRIMITIVES)} is expected")
        require(isfinite(count) and count >= 0, f"logic counts {count} of {name!r}")
    for memory in array.memories(weight_bits, activation_bits):
        require(memory.count > 0 and memory.size_bytes > 0 and memory.word_bits > 0, f"{memory} has no bits")
    buffers = tuple(array.buffer_ports)
    require(buffers == BUFFERS, f"ports of {buffers}; {BUFFERS} are expected")


def counts_are_declared(program: Program, tile: Tile) -> None:
    """The counts of a tile are those of the array's schema, and neither they nor the cycles are negative."""
    work, names = program.work(tile), program.array.schema.names
    seen = work.counts.schema.names
    require(seen == names, f"counters {sorted(set(seen) ^ set(names))} of {tile} are not the array's")
    negative = {name: number for name, number in work.counts.items() if number < 0}
    require(not negative, f"{negative} of {tile}")
    require(isinstance(work.cycles, int | np.integer) and work.cycles >= 0, f"{work.cycles!r} cycles of {tile}")


def lanes_add_up(program: Program, tile: Tile) -> None:
    """macs_executed + Σ idle = peak · cycles where an array counts idle lanes; no lane executes twice a cycle."""
    work, array = program.work(tile), program.array
    executed, slots = work.counts["macs_executed"], array.peak_macs * work.cycles
    require(executed <= slots, f"{executed} executed in {slots} lane cycles of {tile}")
    idle = {spec.name: work.counts[spec.name] for spec in array.schema.idle}
    total = executed + sum(idle.values())
    require(not idle or total == slots, f"{executed} executed + {idle} = {total}, not {slots} lane cycles of {tile}")


def ports_deliver(program: Program, tile: Tile) -> None:
    """No buffer is read faster than the array says that its ports are."""
    work = program.work(tile)
    for name, port in program.array.buffer_ports.items():
        reads, most = work.counts[READS[name]], port.most_reads(work.cycles)
        seen = f"{reads} operands of the {name} buffer in {work.cycles} cycles of {tile}, whose ports have {most}"
        require(most is None or reads <= most, seen)


def tiles_add_up(program: Program, parts: Sequence[Tile]) -> None:
    """Cycles and all counts of tiles, cut where no dimension is costly, are those of the whole."""
    works, at_once = [program.work(tile) for tile in parts], program.work(whole(program))
    cycles = sum(work.cycles for work in works)
    require(cycles == at_once.cycles, f"{len(parts)} tiles take {cycles} cycles, the whole {at_once.cycles}")
    counts = _total(works)
    different = {n: (a, b) for (n, a), (_, b) in zip(counts.items(), at_once.counts.items(), strict=True) if a != b}
    require(not different, f"{len(parts)} tiles and the whole count {different}")


def cuts_lose_nothing(program: Program, parts: Sequence[Tile]) -> None:
    """However the GEMM is cut, no operation is executed twice, and no tile forgets a psum.

    Fewer may be executed where smaller tiles let an array skip more than the whole does.
    """
    works, at_once = [program.work(tile) for tile in parts], program.work(whole(program))
    executed, expected = _total(works)["macs_executed"], at_once.counts["macs_executed"]
    least = program.effectual_macs()
    seen = f"{len(parts)} tiles execute {executed} operations of {least} effectual ones, the whole {expected}"
    require(least <= executed <= expected, seen)
    for tile, work in zip(parts, works, strict=True):
        reads, writes = work.counts["sram_psum_reads"], work.counts["sram_ofmap_writes"]
        require(reads >= tile.psums, f"{reads} psums read by {tile}, which goes on with {tile.psums}")
        require(writes >= tile.outputs, f"{writes} outputs written by {tile} of {tile.outputs}")


def cut_of_time_costs_what_it_says(program: Program, steps: dict[str, int]) -> None:
    """Cuts of the temporal dimension alone add `cut_cycles` each at most, where that is known beforehand."""
    parts = tiles(program, steps)
    added = sum(program.work(tile).cycles for tile in parts) - program.work(whole(program)).cycles
    most = program.cut_cycles * (len(parts) - 1)
    require(not program.cut_cycles or added <= most, f"{len(parts) - 1} cuts add {added} cycles, at most {most}")


def cuts_cost_what_they_say(program: Program, parts: Sequence[Tile]) -> None:
    """Of tiles that pay a fill each, t parts along T and n in all add (t − 1) · cut_cycles + (n − t) · fill_cycles."""
    t = len({_span(tile, program.grain.whole) for tile in parts})
    added = sum(program.work(tile).cycles for tile in parts) - program.work(whole(program)).cycles
    most = program.cut_cycles * (t - 1) + program.fill_cycles * (len(parts) - t)
    seen = f"{len(parts)} tiles, {t} along {program.grain.whole}, add {added} cycles, at most {most}"
    require(not program.fill_cycles or added <= most, seen)


def _span(tile: Tile, dimension: str) -> tuple[int, int]:
    return {"M": (tile.m0, tile.m1), "N": (tile.n0, tile.n1), "K": (tile.k0, tile.k1)}[dimension]


def equal_keys_cost_equal_work(program: Program, parts: Sequence[Tile]) -> None:
    """Tiles with equal work keys cost equal cycles and counts."""
    known: dict[object, tuple[Tile, Work]] = {}
    for tile in parts:
        work = program.work(tile)
        first, expected = known.setdefault(program.work_key(tile), (tile, work))
        require(work == expected, f"{first} and {tile} have one work key; {_difference(expected, work)}")


def bits_of_tiles_agree(program: Program, n: Edges, k: Edges) -> None:
    """`bits_of_tiles` is `weight_bits` and `index_bits` tile by tile, and these add up as they should."""
    weights, indices = program.bits_of_tiles(n, k)
    shape = len(n) - 1, len(k) - 1
    require(weights.shape == indices.shape == shape, f"bits_of_tiles {weights.shape}, {indices.shape}, not {shape}")
    for i, j in product(range(shape[0]), range(shape[1])):
        part = int(n[i]), int(n[i + 1]), int(k[j]), int(k[j + 1])
        alone = program.weight_bits(*part), program.index_bits(*part)
        seen = int(weights[i, j]), int(indices[i, j])
        require(seen == alone, f"tile {part} has {alone} weight and index bits alone, {seen} among all tiles")
    end = 0, program.trace.N, 0, program.trace.K
    total, at_once = int(weights.sum()), program.weight_bits(*end)
    require(total == at_once, f"weight bits of all tiles are {total}, of the whole {at_once}")
    total, at_once = int(indices.sum()), program.index_bits(*end)
    require(total >= at_once, f"index bits of all tiles are {total}, fewer than {at_once} of the whole")


def larger_tiles_have_no_fewer_bits(program: Program, n: Edges, k: Edges) -> None:
    """Bits never shrink as a tile grows; with `uniform_weights` they follow from sizes."""
    by_size: dict[tuple[int, int], tuple[int, int]] = {}
    for i, j in product(range(len(n) - 1), range(len(k) - 1)):
        part = int(n[i]), int(n[i + 1]), int(k[j]), int(k[j + 1])
        bits = program.weight_bits(*part), program.index_bits(*part)
        for larger in ((0, part[1], *part[2:]), (*part[:2], 0, part[3])):
            more = program.weight_bits(*larger), program.index_bits(*larger)
            require(more[0] >= bits[0] and more[1] >= bits[1], f"{part} has {bits} bits, {larger} around it {more}")
        equal = by_size.setdefault((part[1] - part[0], part[3] - part[2]), bits)
        require(not program.uniform_weights or bits == equal, f"{part} has {bits} bits, another tile as large {equal}")


def psums_spill_where_they_say(program: Program) -> None:
    """Without a spill for the whole K no psum is read, and where a tile of k does not spill a larger one does not."""
    size, grain = program.trace.K, program.grain.k
    spills = [program.spills_psums(min(k, size)) for k in range(grain, size + grain, grain)]
    require(spills == sorted(spills, reverse=True), f"psums spill {spills} for rising k")
    reads = program.work(whole(program)).counts["sram_psum_reads"]
    require(spills[-1] or reads == 0, f"{reads} psums read by the whole GEMM, which does not spill them")


def weights_fit_their_bits(program: Program, n: Edges, k: Edges) -> None:
    """Every tile has bits for each of its nonzero weights, so many as one has in the filter buffer at least."""
    trace = program.trace
    weight = trace.weight_tile(0, trace.N, 0, trace.K)
    number_format = trace.number_format
    least = number_format.filter_bits or (number_format.stored_weight_bits,) * trace.N
    for i, j in product(range(len(n) - 1), range(len(k) - 1)):
        part = int(n[i]), int(n[i + 1]), int(k[j]), int(k[j + 1])
        needed = min(least) * int(np.count_nonzero(weight[part[0] : part[1], part[2] : part[3]]))
        bits = program.weight_bits(*part)
        require(bits >= needed, f"tile {part} has {bits} weight bits; its nonzeros need {needed}")


def _total(works: Sequence[Work]) -> dict[str, int]:
    total = works[0].counts
    for work in works[1:]:
        total = total + work.counts
    return dict(total.items())


def _difference(one: Work, other: Work) -> str:
    if one.cycles != other.cycles:
        return f"{one.cycles} cycles and {other.cycles}"
    return str({n: (a, b) for (n, a), (_, b) in zip(one.counts.items(), other.counts.items(), strict=True) if a != b})
