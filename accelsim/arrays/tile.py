"""How a GEMM is cut: a tile of it, the grain that tiles are cut along, and what one tile costs an array."""

from __future__ import annotations

from dataclasses import dataclass

from .counters import Counts


@dataclass(frozen=True)
class Tile:
    """O[m0:m1, n0:n1] += X[m0:m1, k0:k1] · W[n0:n1, k0:k1]ᵀ; `before` is the shape of the tile before, if any.

    `continues`: it follows the tile before without a break, being another part of what was fetched at once, or the
    next group of a layer whose array runs all groups as one sequence (Program.joins_groups).

    >>> Tile(0, 4, 0, 8, 64, 128).shape
    (4, 8, 64)
    >>> Tile(0, 4, 0, 8, 64, 128).psums
    32
    """

    m0: int
    m1: int
    n0: int
    n1: int
    k0: int
    k1: int
    before: tuple[int, int, int] | None = None
    continues: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """(m, n, k) sizes."""
        return self.m1 - self.m0, self.n1 - self.n0, self.k1 - self.k0

    @property
    def outputs(self) -> int:
        """m · n."""
        return (self.m1 - self.m0) * (self.n1 - self.n0)

    @property
    def psums(self) -> int:
        """Outputs that a tile before this one along K has begun, which come back from the ofmap buffer."""
        return self.outputs if self.k0 > 0 else 0


@dataclass(frozen=True)
class Grain:
    """Edges of tiles are multiples of m, n and k, or the GEMM's ends.

    `whole` is the temporal dimension T ("M", "N" or "K"): the one that an array runs through in time while its folds
    take up the other two. It is cut only where nothing else fits. `costly` are the dimensions whose cut adds compute
    cycles; T usually is one of them. `refilled` are those of them whose cut adds but a fill of the pipeline
    (Program.fill_cycles), which parts of a tile that run on (Tile.continues) do not pay.
    """

    m: int
    n: int
    k: int
    whole: str
    costly: frozenset[str] = frozenset()
    refilled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Work:
    """What one tile costs the array: busy cycles, and counts of the array's schema."""

    cycles: int
    counts: Counts


def ceil_div(a: int, b: int) -> int:
    """⌈a / b⌉ of integers.

    >>> ceil_div(65, 64)
    2
    """
    return -(-a // b)
