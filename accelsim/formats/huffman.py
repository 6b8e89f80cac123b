"""huffman: canonical prefix codes over all elements' values (Deep Compression, Han et al., ICLR 2016, section 4)."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..trace.operand import Ints
from .base import CHUNK, Encoded, FieldWidths, check_codes

LENGTH_BITS = 6  # a code of 63 bits takes more than 10^13 elements
COUNT_BITS = 32


@dataclass(frozen=True, eq=False, repr=False)
class Huffman(Encoded):
    """The packed codes of all elements, row after row, first bit highest; a code has at least one bit.

    The table, which only `bits` counts, holds the number of symbols, and each symbol at value_bits with its code's
    length: canonical codes need no more. `symbols` stand in the order of their codes.
    """

    name: ClassVar[str] = "huffman"
    symbols: Ints
    lengths: NDArray[np.int64]
    coded_bits: int
    stream: NDArray[np.uint8]

    @classmethod
    def encode(cls, matrix: Ints, widths: FieldWidths) -> Huffman:
        """Codes of least total length for the matrix's own values."""
        from .huffman_kernels import pack

        symbols, counts = _histogram(matrix.reshape(-1))
        check_codes(symbols, widths.value_bits, "the table of huffman")
        lengths = np.array(code_lengths(counts.tolist()), np.int64)
        codes = np.empty_like(lengths)
        order = np.lexsort((symbols, lengths))
        codes[order] = canonical_codes(lengths[order])
        coded_bits = int(counts @ lengths)
        stream = np.zeros(-(-coded_bits // 8), np.uint8)
        pack(matrix.reshape(-1), symbols, codes, lengths, stream)
        return cls(
            matrix.shape, matrix.dtype, widths.value_bits, symbols[order], lengths[order], coded_bits, stream
        )  # fmt: skip

    def decode(self) -> Ints:
        """The matrix."""
        from .huffman_kernels import unpack

        matrix = np.empty(self.shape, self.dtype)
        counts = np.bincount(self.lengths, minlength=1)
        first = np.cumsum(counts) - counts
        codes = np.append(canonical_codes(self.lengths), 0)[first]
        unpack(self.stream, self.symbols, counts, first, codes, matrix.reshape(-1))
        return matrix

    @property
    def value_bits_total(self) -> int:
        """Bits of all codes."""
        return self.coded_bits

    @property
    def index_bits_total(self) -> int:
        """None."""
        return 0

    @property
    def table_bits(self) -> int:
        """A count, and a value and a length a symbol."""
        return COUNT_BITS + self.symbols.size * (self.value_bits + LENGTH_BITS)


def _histogram(flat: Ints) -> tuple[Ints, NDArray[np.int64]]:
    """Distinct values, rising, and how often each occurs."""
    parts = [np.unique(flat[start : start + CHUNK], return_counts=True) for start in range(0, flat.size, CHUNK)]
    if not parts:
        return flat[:0], np.zeros(0, np.int64)
    values = np.concatenate([part[0] for part in parts])
    symbols, place = np.unique(values, return_inverse=True)
    counts = np.zeros(symbols.size, np.int64)
    np.add.at(counts, place, np.concatenate([part[1] for part in parts]))
    return symbols, counts


def code_lengths(counts: Sequence[int]) -> list[int]:
    """Huffman code length of every symbol from how often it occurs; ties go to the older node."""
    if len(counts) == 1:
        return [1]
    parents = [0] * (2 * len(counts) - 1)
    heap = [(count, node) for node, count in enumerate(counts)]
    heapq.heapify(heap)
    for node in range(len(counts), len(parents)):
        (a, left), (b, right) = heapq.heappop(heap), heapq.heappop(heap)
        parents[left] = parents[right] = node
        heapq.heappush(heap, (a + b, node))
    depths = [0] * len(parents)
    for node in range(len(parents) - 2, -1, -1):
        depths[node] = depths[parents[node]] + 1
    return depths[: len(counts)]


def canonical_codes(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codes of symbols sorted by length: each is the one before plus one, shifted to its own length."""
    codes = np.zeros(lengths.size, np.int64)
    for i in range(1, lengths.size):
        codes[i] = (codes[i - 1] + 1) << (lengths[i] - lengths[i - 1])
    return codes
