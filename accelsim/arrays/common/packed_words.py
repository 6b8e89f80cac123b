"""Bits in words of lanes, as XNOR-popcount and bit-serial PEs take them: packing, and the adders that count ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...technology.cost import Cost
from ...technology.table import EnergyTable
from ..base import BufferPorts, Port, Size, buffer_ports, ceil_div
from .output_stationary import OutputStationaryArray

LIMB_BITS = 64  # a word lies in whole limbs of the host


class WordArray(OutputStationaryArray):
    """R rows × C cols of PEs that take a word of `word_bits` pairs of bits a cycle: XNOR under a mask, count, add."""

    word_bits: Size = 64

    @property
    def peak_macs(self) -> int:
        """rows · cols · word_bits: a lane is a multiply-accumulate of 1-bit operands."""
        return self.rows * self.cols * self.word_bits

    @property
    def buffer_ports(self) -> BufferPorts:
        """A word of bits a row and a column, and C outputs."""
        (r, c), bits = (self.rows, self.cols), self.word_bits
        rows, cols = Port(1, r * bits, word_bits=r * bits), Port(1, c * bits, word_bits=c * bits)
        return buffer_ports(rows, cols, Port(1, c))

    def word_cost(self, table: EnergyTable) -> Cost:
        """pJ of a word: XNOR and mask a lane, a popcount tree of counted full adders, an add into the accumulator."""
        return (
            table.gates(2 * self.word_bits)
            + table.full_adders(popcount_adders(self.word_bits))
            + table.add(self.accumulator_bits)
        )

    def word_logic(self) -> dict[str, int]:
        """Of one PE: gates, popcount tree and adder; word registers of weights, signs and mask, accumulator."""
        return {
            "gate": 2 * self.word_bits,
            "full_adder": popcount_adders(self.word_bits) + self.accumulator_bits,
            "register_bit": 3 * self.word_bits + self.accumulator_bits,
        }


def popcount_adders(word_bits: int) -> int:
    """Full adders that count the ones of a word of W bits: Σ ⌊W / 2^i⌋, which is W less the ones in W's binary form.

    j bits of one weight leave one and ⌊j / 2⌋ carries, an adder each (the last of them takes two bits where j is even).
    """
    return word_bits - word_bits.bit_count()


def pack(bits: NDArray[np.bool_], lanes: int) -> NDArray[np.uint64]:
    """(rows, K) bits in words of `lanes`, each in whole limbs: (rows, words · limbs); lanes past K hold 0."""
    rows, k = bits.shape
    words, limbs = ceil_div(k, lanes), ceil_div(lanes, LIMB_BITS)
    if lanes % LIMB_BITS == 0 and k == words * lanes:
        return np.packbits(np.ascontiguousarray(bits), axis=1, bitorder="little").view(np.uint64)
    padded = np.zeros((rows, words * lanes), bool)
    padded[:, :k] = bits
    wide = np.zeros((rows, words, limbs * LIMB_BITS), bool)
    wide[:, :, :lanes] = padded.reshape(rows, words, lanes)
    return np.packbits(wide.reshape(rows, -1), axis=1, bitorder="little").view(np.uint64)
