"""What csr_relative and rle share: entries of a value and the zeros before it, with padding zeros for the rest.

An entry says: skip `distance` zeros, then comes `value`. b bits hold at most 2^b − 1 zeros, so each 2^b zeros before a
value become one padding entry (2^b − 1 zeros and a zero value), as in Deep Compression and EIE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..trace.operand import Ints
from .base import CHUNK, INDEX_BITS_LIMIT, Encoded, FieldWidths, check_codes

Gaps = NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True, eq=False, repr=False)
class DistanceCoded(Encoded):
    """Entries of the flattened matrix; `closed` formats also store its last element where that is zero."""

    closed: ClassVar[bool]
    index_bits: int
    values: Ints
    distances: Gaps

    @classmethod
    def encode(cls, matrix: Ints, widths: FieldWidths) -> Self:
        """Entries of the row-major matrix at `index_bits`, or at the width with the fewest bits in all."""
        gaps, stored = stored_elements(matrix.reshape(-1), cls.closed)
        index_bits = widths.index_bits or fewest_bits(gaps, widths.value_bits)
        values, distances = padded(gaps, stored, index_bits)
        check_codes(values, widths.value_bits, f"{cls.__name__} at {index_bits} index bits")
        return cls(matrix.shape, matrix.dtype, widths.value_bits, index_bits, values, distances)

    def decode(self) -> Ints:
        """The matrix."""
        matrix = np.zeros(self.shape, self.dtype)
        at = np.cumsum(self.distances, dtype=np.int64) + np.arange(self.distances.size)
        matrix.reshape(-1)[at] = self.values
        return matrix

    @property
    def value_bits_total(self) -> int:
        """Entries × value_bits, padding included."""
        return self.values.size * self.value_bits

    @property
    def index_bits_total(self) -> int:
        """Entries × index_bits, padding included."""
        return self.values.size * self.index_bits

    @property
    def padding_entries(self) -> int:
        """Entries whose value is zero."""
        return self.values.size - int(np.count_nonzero(self.values))


def stored_elements(flat: Ints, closed: bool) -> tuple[Gaps, Ints]:
    """(zeros before it, value) of every nonzero, and of a zero last element where `closed`."""
    width = np.uint32 if flat.size < 2**32 else np.uint64
    gaps, values, last = [np.empty(0, width)], [flat[:0]], -1
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        at = np.flatnonzero(part != 0)
        if closed and start + part.size == flat.size and part[-1] == 0:
            at = np.append(at, part.size - 1)
        gaps.append((np.diff(at + start, prepend=last) - 1).astype(width))
        values.append(part[at])
        last = start + int(at[-1]) if at.size else last
    return np.concatenate(gaps), np.concatenate(values)


def fewest_bits(gaps: Gaps, value_bits: int) -> int:
    """The distance width, 1 to 32, with the fewest bits; the least one on ties."""
    best, least = 1, None
    for index_bits in range(1, INDEX_BITS_LIMIT + 1):
        padding = int((gaps >> index_bits).sum(dtype=np.uint64))
        bits = (gaps.size + padding) * (value_bits + index_bits)
        if least is None or bits < least:
            best, least = index_bits, bits
        if padding == 0:
            break
    return best


def padded(gaps: Gaps, stored: Ints, index_bits: int) -> tuple[Ints, Gaps]:
    """(values, distances) of all entries, padding entries before the value that they lead to."""
    padding = gaps >> index_bits
    last = np.cumsum(padding, dtype=np.int64) + np.arange(gaps.size)
    entries = int(last[-1]) + 1 if gaps.size else 0
    distances = np.full(entries, 2**index_bits - 1, np.min_scalar_type(2**index_bits - 1))
    distances[last] = gaps - (padding << index_bits)
    values = np.zeros(entries, stored.dtype)
    values[last] = stored
    return values, distances
