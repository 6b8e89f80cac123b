"""Which variant of an array runs a layer: of `dataflow: auto`, the dataflow that the mapping's goal prefers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product

from ..arrays.base import PEArray, Program, Tile, Work
from ..errors import MappingError
from ..mapping.goals import MappingCosts
from ..mapping.tiling import Tiling
from ..trace.gemm import GemmTrace
from .tilings import Tilings

Cost = tuple[float, float]


def best_programs(array: PEArray, trace: GemmTrace, tilings: Tilings) -> Sequence[Program]:
    """The programs of the variant whose mappings are best by the machine's goal, the first of them on ties.

    Ties of cycles and of energy go to less traffic, those of traffic to fewer cycles. Raises what `programs` raises,
    and MappingError where no variant's tiles fit.
    """
    variants = array.variants
    if len(variants) == 1:
        return array.programs(trace)
    candidates = [variant.programs(trace) for variant in variants]
    costs = [_cost(programs, tilings) for programs in candidates]
    known = [place for place, cost in enumerate(costs) if cost is not None]
    if not known:
        tilings.of(candidates[0])  # raises MappingError, which says what would fit
    return candidates[min(known, key=lambda place: costs[place] or (0, 0))]


def _cost(programs: Sequence[Program], tilings: Tilings) -> Cost | None:
    """What a layer's groups take by the goal; None where a tile of theirs does not fit."""
    times = Counter(id(program) for program in programs)
    different = {id(program): program for program in programs}
    try:
        chosen = {key: tilings.predicted(program, len(programs)) for key, program in different.items()}
    except MappingError:
        return None
    moved = sum(times[key] * chosen[key].tiling.dram_bytes for key in different)
    joined = (len(programs) - 1) * programs[0].fill_cycles if programs[0].joins_groups else 0
    compute = sum(times[key] * compute_cycles(program, chosen[key].tiling) for key, program in different.items())
    ends = chosen[id(programs[0])].ends
    cycles = max(compute - joined + ends, moved / tilings.bytes_per_cycle)
    goal = tilings.machine.mapping.goal
    if goal != "energy":
        return (cycles, moved) if goal == "cycles" else (moved, cycles)
    on_chip = {key: _on_chip_pj(program, chosen[key].tiling, tilings.costs) for key, program in different.items()}
    return sum(times[key] * (chosen[key].energy + on_chip[key]) for key in different), moved


def _on_chip_pj(program: Program, tiling: Tiling, costs: MappingCosts) -> float:
    """What the array and its buffers' words cost, in which dataflows differ and mappings of one do not."""
    return sum(times * costs.of_counts(work.counts) for times, work in _works(program, tiling))


def compute_cycles(program: Program, tiling: Tiling) -> int:
    """Busy cycles of all tiles, for programs whose work depends on sizes alone.

    Loads that hide behind the tile before are taken to hide behind one of equal size.
    """
    return sum(times * work.cycles for times, work in _works(program, tiling))


def _works(program: Program, tiling: Tiling) -> Iterator[tuple[int, Work]]:
    """The work of one tile of each size, at the beginning of K and behind it, and how many of it there are."""
    trace = program.trace
    m_sizes, n_sizes, k_sizes = (
        _sizes(size, step) for size, step in ((trace.M, tiling.m), (trace.N, tiling.n), (trace.K, tiling.k))
    )
    (first, full), *rest = k_sizes
    along_k = [(0, first, 1), (first, first, full - 1), *((trace.K - size, size, count) for size, count in rest)]
    for (m, a), (n, b), (start, k, c) in product(m_sizes, n_sizes, along_k):
        if c:
            yield a * b * c, program.work(Tile(0, m, 0, n, start, start + k, before=(m, n, k)))


def _sizes(size: int, step: int) -> list[tuple[int, int]]:
    """Tile sizes along a dimension, and how many there are of each."""
    full, rest = divmod(size, min(step, size))
    return [(min(step, size), full)] + [(rest, 1)] * (rest > 0)
