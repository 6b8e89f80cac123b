"""Bits of a tensor in a storage format without making it: what `encode(...)` would count, and no format has less."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from ..trace.operand import Ints
from .distances import fewest_bits, stored_elements

Packing = Literal["rle", "bitmap"]


class PackedSize(NamedTuple):
    """Bits, those of them that say where values are, and the values that are stored (padding zeros included)."""

    bits: int
    index_bits: int
    entries: int


def packed_size(flat: Ints, packing: Packing, value_bits: int, run_bits: int = 1) -> PackedSize:
    """What a tensor of integers takes, in the order in which it is given; `run_bits` are rle's alone.

    >>> packed_size(np.array([0, 0, 3, 0, 5, 0]), "bitmap", value_bits=4)
    PackedSize(bits=14, index_bits=6, entries=2)
    """
    if packing == "bitmap":
        entries = int(np.count_nonzero(flat))
        return PackedSize(flat.size + entries * value_bits, flat.size, entries)
    gaps, stored = stored_elements(flat, closed=True)
    entries = stored.size + int((gaps >> run_bits).sum(dtype=np.uint64))
    return PackedSize(entries * (value_bits + run_bits), entries * run_bits, entries)


def best_run_bits(flat: Ints, value_bits: int) -> int:
    """The width of rle's runs, 1 to 32 bits, with the fewest bits in all: what `encode` takes where none is given."""
    return fewest_bits(stored_elements(flat, closed=True)[0], value_bits)


def least_bits(elements: int, nonzeros: int, packing: Packing, value_bits: int, run_bits: int = 1) -> int:
    """No order of these elements and no cut of them into tiles takes less.

    A bitmap has a bit an element. An entry of rle holds one nonzero at most, and 2^run_bits elements.

    >>> least_bits(64, 0, "bitmap", value_bits=8), least_bits(64, 0, "rle", value_bits=8, run_bits=4)
    (64, 48)
    """
    if packing == "bitmap":
        return elements + nonzeros * value_bits
    return max(nonzeros, -(-elements // (1 << run_bits))) * (value_bits + run_bits)
