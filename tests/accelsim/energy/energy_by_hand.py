"""Energy and area of a layer from counts that were worked out by hand, in the table's own numbers.

Nothing of accelsim is called: a slip in the table's reading, in a law or in an action would not repeat itself here.
"""

from dataclasses import dataclass

import numpy as np
import pytest

import accelsim

ADD_8, ADD_32, MULT_8 = 0.03, 0.1, 0.2  # pJ, Horowitz
FULL_ADDER = ADD_8 / 8
GATE = 0.25 * FULL_ADDER
MAC = MULT_8 + ADD_32
MAC_UM2, FULL_ADDER_UM2, GATE_UM2, BIT_UM2, DECODER_UM2 = 282 + 137, 4.5, 0.25 * 4.5, 4.5, 67
LANE_UM2 = 282 + 137 + 137  # a multiplier, an adder and a comparator of 32 bits
KIB = {"ifmap_kib": 1, "filter_kib": 1, "ofmap_kib": 1}
FULL = np.array([[1, 2], [3, 4]])


def read_bit(size_bytes: float, word_bits: float = 64) -> float:
    return 0.0072555 * size_bytes**0.53565 * word_bits**0.5 / word_bits


def write_bit(size_bytes: float, word_bits: float = 64) -> float:
    return 0.020202 * size_bytes**0.43907 * word_bits**0.5 / word_bits


def sram_um2(size_bytes: float) -> float:
    return 3.5264 * size_bytes**0.99076


def sram_uw(size_bytes: float) -> float:
    return 5.8105e-5 * size_bytes**0.93242


@dataclass
class ByHand:
    """Bits and bytes of one layer on a machine of 1 GHz with 1 KiB of each buffer and nothing spilled.

    A port is (banks, bits of a word) of a buffer. `flip_flops` are all that the array's clock reaches, `inside_pj` and
    `inside` the energy and the (count, bytes) of SRAM within the PEs, whose area `array_um2` has.
    """

    cycles: int
    mac_pj: float
    register_bits: int
    ifmap_bits: int  # read from the buffer
    filter_bits: int
    output_bits: int  # written to it
    dram: tuple[int, int, int, int]  # bytes of ifmap, weights, indices, outputs
    array_um2: float
    flip_flops: int
    index_bits: int = 0
    decodes: int = 0
    ifmap_port: tuple[int, int] = (1, 2 * 8)
    filter_port: tuple[int, int] = (1, 2 * 8)
    ofmap_port: tuple[int, int] = (1, 2 * 32)
    lane_um2: float = LANE_UM2
    inside: tuple[int, float] = (0, 1)
    inside_pj: float = 0

    @property
    def banks(self) -> list[int]:
        return [self.ifmap_port[0], self.filter_port[0], self.ofmap_port[0]]

    @property
    def area_um2(self) -> float:
        buffers = sum(banks * sram_um2(1024 / banks) for banks in self.banks)
        return self.array_um2 + 16 * self.lane_um2 + buffers

    @property
    def leakage_uw(self) -> float:
        count, size = self.inside
        logic = (self.array_um2 - count * sram_um2(size) + 16 * self.lane_um2) * 8e-6
        return logic + count * sram_uw(size) + sum(banks * sram_uw(1024 / banks) for banks in self.banks)

    def components(self) -> dict[str, float]:
        ports = [(1024 / banks, bits) for banks, bits in (self.ifmap_port, self.filter_port, self.ofmap_port)]
        (ifmap_r, filter_r, ofmap_r), (ifmap_w, filter_w, ofmap_w) = (
            [bit(*port) for port in ports] for bit in (read_bit, write_bit)
        )
        ifmap, weights, indices, outputs = (8 * count for count in self.dram)
        reads = self.ifmap_bits * ifmap_r + outputs * ofmap_r + self.filter_bits * filter_r
        writes = self.output_bits * ofmap_w + ifmap * ifmap_w + (weights + indices) * filter_w
        return {
            "mac": self.mac_pj,
            "register": self.register_bits * FULL_ADDER,
            "clock": self.flip_flops * self.cycles * 0.0037,
            "sram": reads + writes + self.inside_pj,
            "index": self.index_bits * filter_r + self.decodes * 0.05,
            "vector": 0.0,
            "leakage": self.leakage_uw * self.cycles / 1000,
            "dram_access": 8 * sum(self.dram) * 1300 / 64,
            "dram_standby": 0.0,
        }


def check(trace: accelsim.GemmTrace, array: dict, hand: ByHand) -> None:
    """The simulator says the same, to 1e-9."""
    machine = {"name": "hand", "clock_mhz": 1000, "array": array, "buffers": KIB}
    report = accelsim.simulate(trace, machine, verify=True)
    row = report.rows[0]
    assert (row["array"], row["cycles"]) == (array["kind"], hand.cycles)
    expected = hand.components()
    assert {key for key in row if key.startswith("energy_") and key != "energy_pj"} == {
        f"energy_{part}_pj" for part in expected
    }
    for part, pj in expected.items():
        assert row[f"energy_{part}_pj"] == pytest.approx(pj, rel=1e-9, abs=1e-12), part
    assert report.energy_pj == pytest.approx(sum(expected.values()), rel=1e-9)
    assert report.area_um2 == pytest.approx(hand.area_um2, rel=1e-9)
