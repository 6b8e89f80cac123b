"""numba kernels of the huffman format: bits in and out, most significant first."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..trace.operand import Ints

Int64s = NDArray[np.int64]


@njit(cache=True)
def pack(flat: Ints, symbols: Ints, codes: Int64s, lengths: Int64s, stream: NDArray[np.uint8]) -> None:
    """Write the code of every element of `flat` to the zeroed bytes of `stream`; `symbols` rise."""
    word, waiting, at = np.uint64(0), 0, 0
    for value in flat:
        symbol = np.searchsorted(symbols, value)
        for bit in range(lengths[symbol] - 1, -1, -1):
            word = (word << np.uint64(1)) | np.uint64((codes[symbol] >> bit) & 1)
            waiting += 1
            if waiting == 8:
                stream[at] = np.uint8(word)
                word, waiting, at = np.uint64(0), 0, at + 1
    if waiting:
        stream[at] = np.uint8(word << np.uint64(8 - waiting))


@njit(cache=True)
def unpack(stream: NDArray[np.uint8], symbols: Ints, counts: Int64s, first: Int64s, codes: Int64s, flat: Ints) -> None:
    """Fill `flat` with the elements of `stream`.

    Of every code length: how many symbols have it, the place of its first symbol in `symbols`, and that one's code.
    """
    position = 0
    for i in range(flat.size):
        code, length = np.int64(0), 0
        while True:
            code = (code << 1) | ((stream[position >> 3] >> (7 - (position & 7))) & 1)
            position, length = position + 1, length + 1
            if 0 <= code - codes[length] < counts[length]:
                flat[i] = symbols[first[length] + code - codes[length]]
                break
