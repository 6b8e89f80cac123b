"""One 2 x 2 case by hand for every kind of array. The counts in the cases are reasoned from the array's description."""

from dataclasses import replace

import numpy as np
import pytest

from accelsim import GemmTrace
from accelsim.arrays import KINDS
from tests.accelsim.energy.energy_by_hand import (  # fmt: skip
    ADD_32,
    BIT_UM2,
    DECODER_UM2,
    FULL,
    FULL_ADDER,
    FULL_ADDER_UM2,
    GATE,
    GATE_UM2,
    MAC,
    MAC_UM2,
    MULT_8,
    ByHand,
    check,
    read_bit,
    sram_um2,
    write_bit,
)

DIAGONAL = np.array([[5, 0], [0, 7]])
FOUR = 4 * 8  # bits of a 2 x 2 operand of 8 bits
WORDS = (4, 4, 0, 4)  # bytes of three dense 2 x 2 operands


def trace(weight=FULL, activation=FULL, **kind):
    return GemmTrace("layer", weight=weight, activation=activation, **kind)


def systolic():
    """8 MACs in 2 + 2 + 2 - 2 cycles; each hop of weight, activation and psum is latched."""
    pe = MAC_UM2 + (8 + 8 + 32) * BIT_UM2
    hand = ByHand(4, 8 * MAC, 8 * (8 + 8 + 32), FOUR, FOUR, FOUR, WORDS, 4 * pe, 4 * (8 + 8 + 32))
    return trace(), {"rows": 2, "cols": 2, "dataflow": "os"}, hand


def csr_rows():
    """Two filters of one nonzero; the two pixels fill the two lanes: one cycle, each PE served a word of two."""
    index_bits = 2 * 6 + 2 * 13  # a column a nonzero, an extent a filter
    crossbar = (2 - 1) * 2 * 8  # multiplexers in front of a PE
    pe = (
        2 * MAC_UM2
        + (2 * (32 + 8) + 8 + 6 + 2 * 13) * BIT_UM2
        + (crossbar + 2 * (16 + 1)) * GATE_UM2  # two banks, 16 bits of address and a grant each
        + DECODER_UM2
    )
    hand = ByHand(
        cycles=1, mac_pj=4 * MAC + 2 * crossbar * GATE,
        register_bits=2 * (8 + 2 * 8) + index_bits + 4 * 32,
        ifmap_bits=2 * 2 * 8, filter_bits=2 * 8, output_bits=FOUR, dram=(4, 2, 5, 4), array_um2=2 * pe,
        flip_flops=2 * (2 * (32 + 8) + 8 + 6 + 2 * 13), index_bits=index_bits, decodes=2,
        ifmap_port=(2, 2 * 8), filter_port=(2, 8 + 6), ofmap_port=(2, 2 * 32),
    )  # fmt: skip
    return trace(DIAGONAL), {"pes": 2, "vector_width": 2}, hand


def eie():
    """A vector: two broadcasts to two PEs, an entry a column; both lie in one 64-bit word of five entries.

    A first service in cycle 3, two entries, a drain of 5: 10 cycles a vector.
    """
    pairs, words, entries = 2 * 2 * 2, 2 * 2, 8
    index_bits = words * 5 * 4 + pairs * 2 * 16
    pe = MAC_UM2 + (8 * (8 + 16) + 3 * 16 + 64 + 32) * BIT_UM2 + DECODER_UM2
    hand = ByHand(
        cycles=20, mac_pj=entries * MAC, register_bits=pairs * (8 + 3 * 16) + words * 64 + entries * 32,
        ifmap_bits=FOUR, filter_bits=words * 5 * 8, output_bits=FOUR,
        dram=(4, 4, (4 * 4 + 2 * 3 * 16) // 8, 4),  # a distance an entry, three pointers a PE
        array_um2=2 * pe, flip_flops=2 * (8 * (8 + 16) + 3 * 16 + 64 + 32), index_bits=index_bits, decodes=entries,
        ifmap_port=(2, 64), filter_port=(2, 64), ofmap_port=(2, 64),
    )  # fmt: skip
    return trace(), {"pes": 2, "fifo_depth": 8, "index_bits": 4}, hand


def cambricon_x():
    """Each PE has one filter of two entries: a cycle a pixel, in which both multipliers select and multiply."""
    index_bits = 8 * 4 + 4 * 9  # a step an entry, a count a filter and pixel
    select = 255 * 8
    pe = (
        2 * (MAC_UM2 + select * GATE_UM2 + DECODER_UM2)
        + (256 * 8 + 2 * (8 + 8 + 4) + 9 + 32) * BIT_UM2
    )  # fmt: skip
    hand = ByHand(
        cycles=2, mac_pj=8 * (MAC + select * GATE), register_bits=8 * (8 + 8) + index_bits + 4 * 32,
        ifmap_bits=8 * 8, filter_bits=8 * 8, output_bits=FOUR, dram=(4, 4, 5, 4),  # 4 steps and 2 counts are 34 bits
        array_um2=2 * pe, flip_flops=2 * (256 * 8 + 2 * (8 + 8 + 4) + 9 + 32), index_bits=index_bits, decodes=8,
        ifmap_port=(2, 2 * 8), filter_port=(2, 2 * (8 + 4)), ofmap_port=(2, 32),
    )  # fmt: skip
    return trace(), {"pes": 2, "multipliers": 2, "index_bits": 4}, hand


def scnn():
    """A pixel a PE, and two filters of one tap: every PE multiplies its activation with both weights in one cycle.

    Twice four accumulators of 4 bytes in 32 banks a PE are a byte a bank. Each product is added to what its bank reads
    and writes, and each output read once more to leave.
    """
    index_bits = (8 + 4) * 4
    pe = (
        2 * MAC_UM2
        + 30 * 32 * FULL_ADDER_UM2  # adders of the banks beyond the multipliers
        + 32 * 16 * GATE_UM2  # the crossbar brings one of two products to each bank
        + (8 + 2 * 8 + 3 * 4) * BIT_UM2
        + 32 * sram_um2(1)
        + 3 * DECODER_UM2
    )
    hand = ByHand(
        cycles=1, mac_pj=8 * (MAC + 16 * GATE), register_bits=8 * 8 + 4 * 8 + index_bits,
        ifmap_bits=4 * 8, filter_bits=8 * 8, output_bits=8 * 8, dram=(4, 2, 3, 8),  # 2 run lengths and a count
        array_um2=4 * pe, flip_flops=4 * (8 + 2 * 8 + 3 * 4), index_bits=index_bits, decodes=12,
        ifmap_port=(4, 8 + 4), filter_port=(4, 2 * (8 + 4)), ofmap_port=(4, 64),
        inside=(4 * 32, 1), inside_pj=8 * 32 * (2 * read_bit(1, 32) + write_bit(1, 32)),
    )  # fmt: skip
    layer = GemmTrace.from_conv("layer", weight=np.array([5, 7]).reshape(2, 1, 1, 1), ifmap=FULL.reshape(1, 1, 2, 2))
    sizes = {"pe_rows": 2, "pe_cols": 2, "ifmap_vector": 1, "filter_vector": 2, "accumulators": 4}
    return layer, sizes, hand


def sticker():
    """Both operands are dense: one pass of K = 2 cycles, without indices."""
    pe = MAC_UM2 + (8 + 8 + 2 * 6 + 32) * BIT_UM2 + 2 * DECODER_UM2
    hand = ByHand(2, 8 * MAC, 8 * (8 + 8 + 32), FOUR, FOUR, FOUR, WORDS, 4 * pe, 4 * (8 + 8 + 2 * 6 + 32))
    return trace(), {"pe_rows": 2, "pe_cols": 2}, hand


def nm_sparse():
    """1:2 halves K: 4 MACs in 1 + 2 + 2 - 2 cycles, a bit of index a weight, one of two activations picked."""
    pe = MAC_UM2 + (8 + 8 + 32 + 8 + 1) * BIT_UM2 + 8 * GATE_UM2
    hand = ByHand(
        cycles=3, mac_pj=4 * (MAC + 8 * GATE), register_bits=4 * (8 + 8 + 32),
        ifmap_bits=2 * 8, filter_bits=2 * 8, output_bits=FOUR, dram=(4, 2, 1, 4),
        array_um2=4 * pe + 2 * DECODER_UM2, flip_flops=4 * (8 + 8 + 32 + 8 + 1), index_bits=2, decodes=2,
    )  # fmt: skip
    return trace(DIAGONAL), {"rows": 2, "cols": 2, "dataflow": "os", "n": 1, "m": 2}, hand


def shift():
    """4-bit codes have 3 bits of exponent: 3 stages of a shifter whose output has 8 + 7 bits."""
    shifter = 3 * 15
    pe = shifter * GATE_UM2 + 32 * FULL_ADDER_UM2 + (4 + 8 + 32) * BIT_UM2
    hand = ByHand(
        4, 8 * (shifter * GATE + ADD_32), 8 * (4 + 8 + 32), FOUR, 4 * 4, FOUR, (4, 2, 0, 4), 4 * pe, 4 * (4 + 8 + 32),
        filter_port=(1, 2 * 4),
    )  # fmt: skip
    weight = np.array([[1, 2], [4, -1]])
    return trace(weight, weight_bits=4, weight_coding="pow2"), {"rows": 2, "cols": 2}, hand


def xnor():
    """K is one word of 2: an XNOR and a mask gate a lane, one adder that counts, one add into the accumulator."""
    pe = 4 * GATE_UM2 + (1 + 32) * FULL_ADDER_UM2 + (3 * 2 + 32) * BIT_UM2
    hand = ByHand(
        cycles=3, mac_pj=4 * (4 * GATE + FULL_ADDER + ADD_32), register_bits=4 * (3 * 2 + 32),
        ifmap_bits=4, filter_bits=4, output_bits=4, dram=(1, 1, 0, 1), array_um2=4 * pe,
        flip_flops=4 * (3 * 2 + 32), ifmap_port=(1, 2 * 2), filter_port=(1, 2 * 2), lane_um2=282 / 64 + 137 + 137,
    )  # fmt: skip
    signs = np.array([[1, -1], [-1, -1]])
    bits = {"weight_bits": 1, "activation_bits": 1, "weight_coding": "binary"}
    return trace(signs, signs.T, **bits), {"rows": 2, "cols": 2, "word_bits": 2}, hand


def bitserial():
    """2 x 2 bits: four passes of one word, whose count of up to 2 moves by up to 2 places and changes its sign."""
    shifter = 2 * 4 + 32
    word = (4 + shifter) * GATE + FULL_ADDER + ADD_32
    pe = (4 + shifter) * GATE_UM2 + (1 + 32) * FULL_ADDER_UM2 + (3 * 2 + 32) * BIT_UM2
    edges = (2 * 2 + 2) * 2 * BIT_UM2 + 2 * (32 * BIT_UM2 + (1 + 32) * FULL_ADDER_UM2)
    hand = ByHand(
        cycles=6, mac_pj=16 * word, register_bits=16 * (2 * 2 + 32) + 2 * (4 + 4),
        ifmap_bits=8, filter_bits=8, output_bits=8, dram=(1, 1, 0, 1), array_um2=4 * pe + edges,
        flip_flops=4 * (3 * 2 + 32) + (2 * 2 + 2) * 2 + 2 * 32, ifmap_port=(1, 2 * 2), filter_port=(1, 2 * 2),
        lane_um2=282 / 16 + 137 + 137,
    )  # fmt: skip
    bits = {"weight_bits": 2, "activation_bits": 2}
    layer = trace(np.array([[1, -2], [0, 1]]), np.array([[1, -1], [-2, 1]]), **bits)
    return layer, {"rows": 2, "cols": 2, "word_bits": 2}, hand


def ternary():
    """Both k have a nonzero filter: nothing is skipped, one of four weights is 0 and its adder stands still.

    One decoder finds the next k of the bitmap.
    """
    pe = 16 * GATE_UM2 + 32 * FULL_ADDER_UM2 + (2 + 8 + 32) * BIT_UM2
    hand = ByHand(
        cycles=4, mac_pj=6 * (16 * GATE + ADD_32), register_bits=8 * (2 + 8) + 6 * 32,
        ifmap_bits=FOUR, filter_bits=4 * 2, output_bits=FOUR, dram=(4, 1, 1, 4), array_um2=4 * pe + DECODER_UM2,
        flip_flops=4 * (2 + 8 + 32), filter_port=(1, 2 * 2), index_bits=2, decodes=2,
    )  # fmt: skip
    layer = trace(np.array([[1, -1], [0, 1]]), weight_bits=2, weight_coding="ternary")
    return layer, {"rows": 2, "cols": 2}, hand


def adder():
    """A difference of 9 bits, its complement, and an add: an eighth of an 8-bit add a bit of the difference."""
    pe = 9 * GATE_UM2 + (9 + 32) * FULL_ADDER_UM2 + (8 + 8 + 32) * BIT_UM2
    pj = 8 * (9 * FULL_ADDER + 9 * GATE + ADD_32)
    hand = ByHand(4, pj, 8 * (8 + 8 + 32), FOUR, FOUR, FOUR, WORDS, 4 * pe, 4 * (8 + 8 + 32))
    return trace(), {"rows": 2, "cols": 2}, hand


def overlap_os():
    """The four outputs move to the second accumulators once; a fold alone takes what it takes without them."""
    layer, sizes, plain = systolic()
    pe = MAC_UM2 + (8 + 8 + 32 + 32) * BIT_UM2
    hand = replace(plain, register_bits=plain.register_bits + 4 * 32, array_um2=4 * pe, flip_flops=4 * 80)
    return layer, sizes | {"fold_overlap": True}, hand


def overlap_ws():
    """A hop of activation and psum a MAC; a weight shifts in, the lower ones by a row more, and moves over once."""
    pe = MAC_UM2 + (8 + 8 + 32 + 8) * BIT_UM2
    bits = 8 * (8 + 32) + 2 * (1 + 2) * 8 + 4 * 8
    hand = ByHand(6, 8 * MAC, bits, FOUR, FOUR, FOUR, WORDS, 4 * pe, 4 * (8 + 8 + 32 + 8))
    return trace(), {"rows": 2, "cols": 2, "dataflow": "ws", "fold_overlap": True}, hand


def overlap_is():
    """As in ws with weights and activations exchanged, here of 4 and 8 bits."""
    pe = MAC_UM2 - 282 / 2 + (4 + 8 + 32 + 8) * BIT_UM2  # a multiplier of half the size
    bits = 8 * (4 + 32) + 2 * (1 + 2) * 8 + 4 * 8
    hand = ByHand(
        6, 8 * (MULT_8 / 2 + ADD_32), bits, FOUR, 4 * 4, FOUR, (4, 2, 0, 4), 4 * pe, 4 * (4 + 8 + 32 + 8),
        filter_port=(1, 2 * 4),
    )  # fmt: skip
    return trace(weight_bits=4), {"rows": 2, "cols": 2, "dataflow": "is", "fold_overlap": True}, hand


def packed():
    """Two groups of K = N = 1 and M = 2 side by side: a value crosses the column, a psum and a weight a row more."""
    pe = MAC_UM2 + (8 + 8 + 32) * BIT_UM2
    moved = 4 * (8 + 32) + 2 * (8 + 32)  # in the groups' own PEs, and in those of the other
    hand = ByHand(6, 4 * MAC, moved + 3 * 8, FOUR, 2 * 8, FOUR, (4, 2, 0, 4), 4 * pe, 4 * (8 + 8 + 32))
    layer = trace(np.array([[5], [7]]), groups=2)
    return layer, {"rows": 2, "cols": 2, "dataflow": "ws", "group_packing": True}, hand


def auto():
    """os is the fastest; the multiplexers in front of 48 register bits a PE are there all the same."""
    layer, sizes, plain = systolic()
    pe = MAC_UM2 + (8 + 8 + 32) * (BIT_UM2 + GATE_UM2)
    return layer, sizes | {"dataflow": "auto"}, replace(plain, array_um2=4 * pe)


def gated():
    """Half of the eight MACs have a zero weight; all compare: an OR of 7 gates an operand, and the AND of both."""
    _, sizes, plain = systolic()
    pe = MAC_UM2 + (8 + 8 + 32) * BIT_UM2 + 15 * GATE_UM2
    hand = replace(plain, mac_pj=4 * MAC + 8 * 15 * GATE, array_um2=4 * pe)
    return trace(DIAGONAL), sizes | {"zero_gating": True}, hand


OPTIONS = {case.__name__: case for case in (overlap_os, overlap_ws, overlap_is, packed, auto, gated)}


@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_options_of_the_dense_array_by_hand(option):
    layer, sizes, hand = OPTIONS[option]()
    check(layer, {"kind": "systolic"} | sizes, hand)


CASES = {case.__name__: case for case in (
    systolic, csr_rows, eie, cambricon_x, scnn, sticker, nm_sparse, shift, xnor, bitserial, ternary, adder
)}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(CASES))
def test_two_by_two_by_hand(kind):
    layer, sizes, hand = CASES[kind]()
    check(layer, {"kind": kind} | sizes, hand)


def test_every_kind_of_array_has_its_case():
    assert set(CASES) == set(KINDS)
