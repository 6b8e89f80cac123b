"""How activations lie in DRAM: dense or compressed, tile by tile.

A compressed tile is encoded by itself, in the order of trace.touched.touched_values (ifmap) or pixel by pixel (ofmap,
each pixel's filters one after another), and what decodes and encodes it sits between DRAM and the buffers, which hold
activations dense. The width of rle's runs is one for all tiles of a group's ifmap, and one for a layer's ofmap: the one
with the fewest bits for the whole tensor. What has no integers lies dense, and a row says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from ..arrays.base import Program
from ..formats.sizes import Packing, best_run_bits, least_bits, packed_size
from ..memory.base import Bursts
from ..trace.operand import Ints
from ..trace.touched import touched_values
from .tensor_values import TensorValues

DENSE = "dense"
Span = tuple[int, int]
Place = tuple[int, int, int, int]  # m0, m1, k0, k1


class Stored(NamedTuple):
    """A tile in DRAM: bits, those of them that say where values are, and the values that are encoded or decoded.

    `bursts`: where it lies, if not in one row.
    """

    bits: int
    index_bits: int = 0
    entries: int = 0
    bursts: Bursts | None = None


class TensorStorage:
    """Dense activations. `elements` of an output tile are what operators leave of it."""

    ifmap_format: str = DENSE
    ofmap_format: str = DENSE
    is_placed: bool = False  # whether it matters where a tile begins

    def ifmap(self, program: Program, group: int, part: Place) -> Stored:
        """A tile of a program's ifmap; `group` is the number of its first group."""
        return Stored(program.ifmap_bits(*part))

    def ofmap(self, program: Program, pixels: Span, filters: Span, elements: int) -> Stored:
        """An output tile: pixels of M, and filters over all groups."""
        return Stored(elements * program.output_bits)

    def least_ifmap_bits(self, program: Program) -> int:
        """What must cross at least of a program's ifmap."""
        return program.ifmap_bits(0, program.trace.M, 0, program.trace.K)

    def least_ofmap_bits(self, program: Program, filters: Span, elements: int) -> int:
        """What must cross at least of the outputs of these filters."""
        return elements * program.output_bits


DENSE_TENSORS = TensorStorage()


class PackedStorage(TensorStorage):
    """Compressed activations of one layer: its ifmap where it has integers, its ofmap where `outputs` are known."""

    def __init__(self, packing: Packing, programs: Sequence[Program], outputs: TensorValues | None) -> None:
        self.packing: Packing = packing
        trace = programs[0].trace
        channels = sum(program.trace.N for program in programs)
        self.outputs = None if outputs is None else outputs.by_pixel(channels)
        self.pixels = trace.M
        self.output_bits = programs[0].output_bits
        self.knows_ifmap = all(part.activation_operand is not None for part in programs[0].activation_groups)
        self.run_bits: WeakKeyDictionary[Program, int] = WeakKeyDictionary()
        self.ifmap_format = packing if self.knows_ifmap else DENSE
        self.ofmap_format = packing if self.outputs is not None else DENSE

    def ifmap(self, program: Program, group: int, part: Place) -> Stored:
        """Encoded where the trace has integers."""
        if not self.knows_ifmap:
            return super().ifmap(program, group, part)
        values, bits = _ifmap(program, *part), program.trace.activation_bits
        return Stored(*packed_size(values, self.packing, bits, self._run_bits(program)))

    def ofmap(self, program: Program, pixels: Span, filters: Span, elements: int) -> Stored:
        """Encoded where the outputs are known."""
        values = self._outputs_of(pixels, filters)
        if values is None:
            return super().ofmap(program, pixels, filters, elements)
        return Stored(*packed_size(values, self.packing, self.output_bits, self._output_run_bits))

    def least_ifmap_bits(self, program: Program) -> int:
        """Whatever the order and the tiles."""
        if not self.knows_ifmap:
            return super().least_ifmap_bits(program)
        values, bits = _ifmap(program, 0, program.trace.M, 0, program.trace.K), program.trace.activation_bits
        return least_bits(
            values.size, int(np.count_nonzero(values)), self.packing, bits, self._run_bits(program)
        )  # fmt: skip

    def least_ofmap_bits(self, program: Program, filters: Span, elements: int) -> int:
        """Whatever the order and the tiles."""
        values = self._outputs_of((0, self.pixels), filters)
        if values is None:
            return super().least_ofmap_bits(program, filters, elements)
        nonzeros = int(np.count_nonzero(values))
        return least_bits(values.size, nonzeros, self.packing, self.output_bits, self._output_run_bits)

    def _run_bits(self, program: Program) -> int:
        if self.packing != "rle":
            return 1
        if program not in self.run_bits:
            whole = _ifmap(program, 0, program.trace.M, 0, program.trace.K)
            self.run_bits[program] = best_run_bits(whole, program.trace.activation_bits)
        return self.run_bits[program]

    @cached_property
    def _output_run_bits(self) -> int:
        if self.packing != "rle" or self.outputs is None:
            return 1
        return best_run_bits(self.outputs.reshape(-1), self.output_bits)

    def _outputs_of(self, pixels: Span, filters: Span) -> Ints | None:
        """What operators leave of these pixels: as many in proportion."""
        if self.outputs is None:
            return None
        first, end = (pixel * len(self.outputs) // self.pixels for pixel in pixels)
        return self.outputs[first:end, filters[0] : filters[1]].reshape(-1)


def _ifmap(program: Program, m0: int, m1: int, k0: int, k1: int) -> Ints:
    """The elements that a tile touches, group by group."""
    parts = [touched_values(part, m0, m1, k0, k1) for part in program.activation_groups]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
