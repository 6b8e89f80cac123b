"""Tiles of a GEMM for tests: whole, and cut on the grain along some dimensions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..arrays.base import Program, Tile, ceil_div

Sizes = dict[str, int]
Edges = NDArray[np.int64]


def whole(program: Program) -> Tile:
    """The GEMM as one tile."""
    trace = program.trace
    return Tile(0, trace.M, 0, trace.N, 0, trace.K)


def layer_sizes(program: Program) -> Sizes:
    """M, N and K."""
    trace = program.trace
    return {"M": trace.M, "N": trace.N, "K": trace.K}


def grain_sizes(program: Program) -> Sizes:
    """The grain along M, N and K."""
    grain = program.grain
    return {"M": grain.m, "N": grain.n, "K": grain.k}


def edges(size: int, step: int) -> Edges:
    """Rising edges of tiles along a dimension, its ends included."""
    return np.append(np.arange(0, size, step), size)


def random_steps(program: Program, rng: np.random.Generator, dimensions: Iterable[str] = "MNK") -> Sizes:
    """Tile sizes in multiples of the grain along some dimensions; the others stay whole."""
    steps, grain = layer_sizes(program), grain_sizes(program)
    for d in dimensions:
        steps[d] = grain[d] * int(rng.integers(1, max(2, ceil_div(steps[d], grain[d]))))
    return steps


def tiles(program: Program, steps: Mapping[str, int]) -> list[Tile]:
    """All tiles of these sizes in an order in which they may run, M outermost and K innermost."""
    spans = {d: edges(size, steps[d]).tolist() for d, size in layer_sizes(program).items()}
    parts = [list(zip(spans[d], spans[d][1:], strict=False)) for d in "MNK"]
    result: list[Tile] = []
    for m, n, k in product(*parts):
        result.append(Tile(*m, *n, *k, before=result[-1].shape if result else None))
    return result
