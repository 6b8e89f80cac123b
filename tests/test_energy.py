"""Energy and area against figures worked out by hand from the table's own sources."""

import csv
from pathlib import Path

import numpy as np
import pytest

import accelsim
from accelsim import GemmTrace
from accelsim.energy import COMPONENTS, area_scale, default_table, energy_scale

ONE_KIB = {"ifmap_kib": 1, "filter_kib": 1, "ofmap_kib": 1}
READ_BIT = 0.009347 * 1024**0.5559 * 64**0.3800 / 64  # pJ, by the law's own numbers
WRITE_BIT = 0.029271 * 1024**0.4688 * 64**0.3244 / 64
LEAK_UW = 3 * 6.6245e-5 * 1024**0.94293 * 64**-0.0621
SRAM_UM2 = 3 * 3.6567 * 1024**0.99367 * 64**-0.01718
FULL = np.array([[1, 2], [3, 4]])


def simulate(array, weight=FULL):
    hardware = {"name": "hand", "clock_mhz": 1000, "array": array, "buffers": ONE_KIB}
    return accelsim.simulate(GemmTrace("layer", weight=weight, activation=FULL), hardware)


def test_a_2x2_systolic_array_by_hand():
    """Horowitz: 8-bit multiply 0.2 pJ, 32-bit add 0.1 pJ; 8 MACs in 2 + 2 + 2 - 2 = 4 cycles of 1 ns."""
    report = simulate({"kind": "systolic", "rows": 2, "cols": 2, "dataflow": "os"})
    row = report.rows[0]
    logic_um2 = 4 * (282 + 137) + 4 * (8 + 8 + 32) * 4.5
    expected = {
        "mac": 8 * (0.2 + 0.1),
        "register": 8 * (8 + 8 + 32) * 0.00375,
        "sram": (32 + 32) * READ_BIT + 32 * WRITE_BIT + (32 + 32) * WRITE_BIT + 32 * READ_BIT,
        "index": 0.0,
        "dram": 3 * 32 * 1300 / 64,
        "dram_io": 0.0,  # in the figure of a DRAM bit
        "leakage": (LEAK_UW + logic_um2 * 8e-6) * 4 / 1000,
    }
    assert row["cycles"] == 4
    assert set(expected) == set(COMPONENTS)
    for component, pj in expected.items():
        assert row[f"energy_{component}_pj"] == pytest.approx(pj, rel=1e-9, abs=1e-12), component
    assert report.energy_pj == pytest.approx(sum(expected.values()), rel=1e-9)
    assert report.area_um2 == pytest.approx(logic_um2 + SRAM_UM2, rel=1e-9)


def test_a_2x2_csr_rows_array_by_hand():
    """Two rows of one nonzero each; the two pixels fill the two lanes, so one pass of one cycle does 4 MACs."""
    report = simulate({"kind": "csr_rows", "pes": 2, "vector_width": 2}, weight=np.array([[5, 0], [0, 7]]))
    row = report.rows[0]
    index_bits = 2 * 6 + 2 * 13
    assert row["cycles"] == 1
    assert row["dram_index_bytes"] == -(-index_bits // 8)
    assert row["energy_mac_pj"] == pytest.approx(4 * 0.3, rel=1e-9)
    assert row["energy_index_pj"] == pytest.approx(index_bits * READ_BIT + 2 * 0.05, rel=1e-9)
    dram_bytes = 4 + 2 + 5 + 4
    assert row["dram_bytes"] == dram_bytes
    assert row["energy_dram_pj"] == pytest.approx(8 * dram_bytes * 20.3125, rel=1e-9)
    words = 2 * 2 * 8 * READ_BIT + 2 * 8 * READ_BIT + 4 * 8 * WRITE_BIT
    moved = 8 * 4 * WRITE_BIT + 8 * (2 + 5) * WRITE_BIT + 8 * 4 * READ_BIT
    assert row["energy_sram_pj"] == pytest.approx(words + moved, rel=1e-9)


def test_every_figure_has_a_source():
    table = default_table()
    assert set(table.figures) == set(table.sources)
    assert all(len(source) > 10 for source in table.sources.values())
    assert all(law.source for law in table.sram.values())


def test_the_sram_laws_are_within_a_quarter_of_cacti_and_are_the_least_squares_fit():
    with (Path(__file__).parent / "golden" / "sram_cacti.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["technology_nm"] == "45"]
    sizes = np.array([[1, np.log2(float(r["bytes"])), np.log2(float(r["width_bits"]))] for r in rows])
    for figure, law in default_table().sram.items():
        published = np.array([float(r[figure]) for r in rows])
        ours = np.array([law.at(float(r["bytes"]), float(r["width_bits"])) for r in rows])
        assert np.all(np.abs(ours / published - 1) < 0.25), figure
        fit = np.linalg.lstsq(sizes, np.log2(published), rcond=None)[0]
        assert (np.log2(law.factor), law.size_exponent, law.width_exponent) == pytest.approx(fit, abs=2e-3)


def test_scaling_between_nodes():
    assert energy_scale(45) == area_scale(45) == 1
    assert energy_scale(90) == 2
    assert area_scale(22.5) == 0.25
    array = {"kind": "systolic", "rows": 2, "cols": 2}
    small, large = (
        accelsim.simulate(GemmTrace("a", M=2, N=2, K=2), {"name": "n", "technology_nm": nm, "array": array})
        for nm in (22.5, 45.0)
    )
    assert small.area_um2 == pytest.approx(large.area_um2 / 4)
    assert small.rows[0]["energy_mac_pj"] == pytest.approx(large.rows[0]["energy_mac_pj"] / 2)
    assert small.rows[0]["energy_dram_pj"] == large.rows[0]["energy_dram_pj"]
