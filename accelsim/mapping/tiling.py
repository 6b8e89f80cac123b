"""A GEMM cut into tiles: their sizes and the order in which they run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from ..arrays.base import Program, Tile, ceil_div
from ..trace.gemm import GemmTrace
from .footprint import spans


@dataclass(frozen=True)
class Tiling:
    """Tile sizes along M, N, K and the loop order, outermost first. `t_cuts` counts the cuts of the T dimension.

    `dram_bytes` and `cycles` are what it is predicted to take.
    """

    m: int
    n: int
    k: int
    order: str
    dram_bytes: int
    t_cuts: int = 0
    cycles: float = 0.0

    def sizes(self) -> dict[str, int]:
        """Tile size by dimension."""
        return {"M": self.m, "N": self.n, "K": self.k}

    def tiles(self, trace: GemmTrace) -> int:
        """How many tiles a one-group GEMM is cut into."""
        return ceil_div(trace.M, self.m) * ceil_div(trace.N, self.n) * ceil_div(trace.K, self.k)


def tiles_of(program: Program, tiling: Tiling) -> Iterator[Tile]:
    """The tiles in the order in which they run."""
    size = {"M": program.trace.M, "N": program.trace.N, "K": program.trace.K}
    edges = {d: spans(size[d], step) for d, step in tiling.sizes().items()}
    before = None
    for at in product(*(edges[d] for d in tiling.order)):
        part = dict(zip(tiling.order, at, strict=True))
        tile = Tile(*part["M"], *part["N"], *part["K"], before=before)
        yield tile
        before = tile.shape
