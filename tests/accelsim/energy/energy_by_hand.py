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


def read_bit(size_bytes: float) -> float:
    return 0.0072555 * size_bytes**0.53565 * 64**0.5 / 64


def write_bit(size_bytes: float) -> float:
    return 0.020202 * size_bytes**0.43907 * 64**0.5 / 64


def sram_um2(size_bytes: float) -> float:
    return 3.5264 * size_bytes**0.99076


def sram_uw(size_bytes: float) -> float:
    return 5.8105e-5 * size_bytes**0.93242


@dataclass
class ByHand:
    """Bits and bytes of one layer on a machine of 1 GHz with 1 KiB of each buffer and nothing spilled."""

    cycles: int
    mac_pj: float
    register_bits: int
    ifmap_bits: int  # read from the buffer
    filter_bits: int
    output_bits: int  # written to it
    dram: tuple[int, int, int, int]  # bytes of ifmap, weights, indices, outputs
    array_um2: float
    index_bits: int = 0
    decodes: int = 0
    filter_banks: int = 1
    lane_um2: float = LANE_UM2

    @property
    def area_um2(self) -> float:
        filters = self.filter_banks * sram_um2(1024 / self.filter_banks)
        return self.array_um2 + 16 * self.lane_um2 + 2 * sram_um2(1024) + filters

    @property
    def leakage_uw(self) -> float:
        logic = (self.array_um2 + 16 * self.lane_um2) * 8e-6
        return logic + 2 * sram_uw(1024) + self.filter_banks * sram_uw(1024 / self.filter_banks)

    def components(self) -> dict[str, float]:
        bank = 1024 / self.filter_banks
        ifmap, weights, indices, outputs = (8 * count for count in self.dram)
        reads = (self.ifmap_bits + outputs) * read_bit(1024) + self.filter_bits * read_bit(bank)
        writes = (self.output_bits + ifmap) * write_bit(1024) + (weights + indices) * write_bit(bank)
        return {
            "mac": self.mac_pj,
            "register": self.register_bits * FULL_ADDER,
            "sram": reads + writes,
            "index": self.index_bits * read_bit(bank) + self.decodes * 0.05,
            "vector": 0.0,
            "dram": 8 * sum(self.dram) * (1300 / 64 - 3.19),
            "dram_io": 8 * sum(self.dram) * 3.19,
            "leakage": self.leakage_uw * self.cycles / 1000,
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
