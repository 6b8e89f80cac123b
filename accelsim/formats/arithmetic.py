"""Storage by formula, from counts alone: the arithmetic behind the tables of 001 (§III-A, §VII). Bits throughout."""

from __future__ import annotations

from ..errors import TraceError

WIDEST_INDEX = 32


def value_store_bits(weights: float, value_bits: int) -> float:
    """n weights of b bits: n · b. Structured networks need no more."""
    return weights * value_bits


def relative_entries_at_least(weights: float, density: float, index_bits: int) -> float:
    """Entries of relative storage with k index bits: n / (1 − q), q = (1 − density)^(2^k).

    Exact on average for nonzeros that are placed uniformly at random, and a lower bound of every published cell, whose
    nonzeros cluster. TraceError where the density is not in (0, 1] or the width not in 1..32.
    """
    if not 0 < density <= 1:
        raise TraceError(f"density is {density}; above 0 and up to 1 is expected")
    if not 1 <= index_bits <= WIDEST_INDEX:
        raise TraceError(f"index_bits is {index_bits}; 1 to {WIDEST_INDEX} is expected")
    empty: float = (1 - density) ** (2**index_bits)
    return weights / (1 - empty)


def relative_store_bits(weights: float, density: float, value_bits: int, index_bits: int) -> float:
    """Entries of that bound, padding zeros included, at value_bits + index_bits each."""
    return relative_entries_at_least(weights, density, index_bits) * (value_bits + index_bits)


def best_relative_width(weights: float, density: float, value_bits: int) -> int:
    """The index width of the fewest bits; ties go to the narrower."""
    return min(range(1, WIDEST_INDEX + 1), key=lambda k: relative_store_bits(weights, density, value_bits, k))


def absolute_store_bits(weights: int, rows: int, columns: int, value_bits: int, block: int = 64) -> int:
    """Absolute indices in square blocks: a value and its column a weight, an extent a matrix row of each block column.

    Blocks of 64 take 6-bit columns and 13-bit extents, which gives the 0.93 KB of LeNet-5 (001 Table XIV).
    """
    column_bits = (block - 1).bit_length()
    extent_bits = (block * block).bit_length()
    return weights * (value_bits + column_bits) + rows * -(-columns // block) * extent_bits
