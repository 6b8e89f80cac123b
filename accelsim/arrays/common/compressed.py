"""What arrays with compressed weights share: entries counted once, and from them the bits of any tile.

A format stores *entries* (nonzeros, and the zeros that it has to store as padding) for each *unit*, `unit_n` filters ×
`unit_k` elements along K, and tiles are cut on these units. Its bits are

    weight_bits(tile) = entries(tile) · stored_weight_bits
    index_bits(tile)  = entries(tile) · entry_index_bits + fixed_index_bits(n, k of the tile)

so that all a subclass has to say is how many entries each unit has, and what stands beside them. A bitmap of 64 k a
word, for one, stores the nonzeros and a bit an element:

    class BitmapProgram(CompressedProgram):
        unit_k = 64

        def entry_counts(self):
            return word_counts(self.trace.weight_tile(0, self.trace.N, 0, self.trace.K) != 0)  # (N, ⌈K / 64⌉)

        def fixed_index_bits(self, n, k):
            return n * k

        # and grain, work and functional, as every Program
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..base import Program, Tile
from .tile_sums import Int64s, UnitSums


class CompressedProgram(Program):
    """One GEMM whose weights travel and lie in the filter buffer as entries with indices.

    Without weight values (`is_shape`) every weight is nonzero, and a tile has an entry a weight.
    """

    looks_up_codebook: ClassVar[bool] = False  # whether an entry of a codebook's layer is its code

    @property
    def unit_n(self) -> int:
        """Filters of a unit; tiles cut N in multiples of it."""
        return 1

    @property
    @abstractmethod
    def unit_k(self) -> int:
        """Elements along K of a unit; tiles cut K in multiples of it."""

    @property
    def entry_index_bits(self) -> int:
        """Index bits of an entry."""
        return 0

    @property
    def unit_index_bits(self) -> int:
        """Index bits of every filter and unit of k, whatever it holds: an extent or a count."""
        return 0

    @abstractmethod
    def entry_counts(self) -> NDArray[np.integer]:
        """Entries of every unit, (⌈N / unit_n⌉, ⌈K / unit_k⌉). Asked once, where there are weight values."""

    def fixed_index_bits(self, n: Int64s, k: Int64s) -> Int64s:
        """Index bits of tiles of these sizes beside those of their entries, by size; n and k broadcast."""
        return n * -(-k // self.unit_k) * self.unit_index_bits

    @property
    def is_shape(self) -> bool:
        """Whether the weights have no values."""
        return self.trace.weight_operand is None

    @property
    def uniform_weights(self) -> bool:
        """Where all weights are nonzero."""
        return self.is_shape

    @property
    def stored_weight_bits(self) -> int:
        """An entry's value at its own width, or at the codebook's where the array looks it up."""
        number_format = self.trace.number_format
        return number_format.stored_weight_bits if self.looks_up_codebook else number_format.weight_bits

    @cached_property
    def entry_sums(self) -> UnitSums:
        """Entries of any tile."""
        return UnitSums(self.entry_counts(), self.unit_n, self.unit_k)

    def entries(self, n0: int, n1: int, k0: int, k1: int) -> int:
        """Entries of a tile."""
        return (n1 - n0) * (k1 - k0) if self.uniform_weights else self.entry_sums.of_tile(n0, n1, k0, k1)

    def weight_bits(self, n0: int, n1: int, k0: int, k1: int) -> int:
        """Values of all entries."""
        return self.entries(n0, n1, k0, k1) * self.stored_weight_bits

    def index_bits(self, n0: int, n1: int, k0: int, k1: int) -> int:
        """Indices of all entries, and what stands beside them."""
        fixed = self.fixed_index_bits(np.array(n1 - n0), np.array(k1 - k0))
        return self.entries(n0, n1, k0, k1) * self.entry_index_bits + int(fixed)

    def bits_of_tiles(self, n: Int64s, k: Int64s) -> tuple[Int64s, Int64s]:
        """From the running sums of entries."""
        sizes = np.diff(n)[:, None], np.diff(k)[None, :]
        entries = sizes[0] * sizes[1] if self.uniform_weights else self.entry_sums.of_tiles(n, k)
        return entries * self.stored_weight_bits, entries * self.entry_index_bits + self.fixed_index_bits(*sizes)

    def work_key(self, tile: Tile) -> object:
        """Pixels count by their number, filters and k by themselves; without weight values only sizes matter.

        Right for arrays whose work does not depend on the activations' values.
        """
        if self.is_shape:
            return tile.shape, tile.k0 > 0
        return tile.m1 - tile.m0, tile.n0, tile.n1, tile.k0, tile.k1
