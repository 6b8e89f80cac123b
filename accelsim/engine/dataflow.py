"""Which variant of an array runs a layer: of `dataflow: auto`, the dataflow that the mapping prefers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import product

from ..arrays.base import PEArray, Program, Tile
from ..errors import MappingError
from ..mapping.footprint import bytes_of
from ..mapping.tiling import Tiling
from ..trace.gemm import GemmTrace
from .tilings import Tilings


def best_programs(array: PEArray, trace: GemmTrace, tilings: Tilings) -> Sequence[Program]:
    """The programs of the variant whose tilings take the fewest predicted cycles, the first of them on ties.

    Ties of cycles go to less traffic. Raises what `programs` raises, and MappingError where no variant's tiles fit.
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


def _cost(programs: Sequence[Program], tilings: Tilings) -> tuple[float, int] | None:
    """Predicted cycles and DRAM bytes of a layer's groups; None where a tile of theirs does not fit."""
    times = Counter(id(program) for program in programs)
    different = {id(program): program for program in programs}
    try:
        chosen = dict(zip(different, tilings.of(different.values()), strict=True))
    except MappingError:
        return None
    joined = (len(programs) - 1) * programs[0].fill_cycles if programs[0].joins_groups else 0
    compute = sum(times[key] * compute_cycles(program, chosen[key]) for key, program in different.items()) - joined
    moved = sum(times[key] * chosen[key].dram_bytes for key in different)
    ends = _ends(programs[0], tilings.of(programs[:1])[0])
    return max(compute + ends / tilings.bytes_per_cycle, moved / tilings.bytes_per_cycle), moved


def compute_cycles(program: Program, tiling: Tiling) -> int:
    """Busy cycles of all tiles, of which one of each size is asked: for programs whose work depends on sizes alone.

    Loads that hide behind the tile before are taken to hide behind one of equal size.
    """
    trace = program.trace
    parts = [_sizes(size, step) for size, step in ((trace.M, tiling.m), (trace.N, tiling.n), (trace.K, tiling.k))]
    return sum(
        a * b * c * program.work(Tile(0, m, 0, n, 0, k, before=(m, n, k))).cycles
        for (m, a), (n, b), (k, c) in product(*parts)
    )


def _sizes(size: int, step: int) -> list[tuple[int, int]]:
    """Tile sizes along a dimension, and how many there are of each."""
    full, rest = divmod(size, min(step, size))
    return [(min(step, size), full)] + [(rest, 1)] * (rest > 0)


def _ends(program: Program, tiling: Tiling) -> int:
    """Bytes of a first tile's operands and of a last one's outputs, which no computing hides."""
    trace = program.trace
    m, n, k = min(tiling.m, trace.M), min(tiling.n, trace.N), min(tiling.k, trace.K)
    fetched = bytes_of(program.ifmap_bits(0, m, 0, k)) + bytes_of(program.weight_bits(0, n, 0, k))
    return fetched + bytes_of(m * n * program.output_bits)
