"""eie: the kernels against the plain per-cycle model and the register-transfer simulator, tiles, bits and energy."""

from __future__ import annotations

import csv
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim.arrays.base import Tile, Work
from accelsim.arrays.eie.array import EieArray, EieProgram
from accelsim.config import build
from accelsim.errors import ConfigError
from accelsim.hardware.loading import load_hardware
from accelsim.trace.gemm import GemmTrace
from tests.accelsim.energy.energy_by_hand import LANE_UM2, read_bit, sram_uw, write_bit
from tests.places import GOLDEN
from tests.references import eie as reference_eie

ROWS = GOLDEN / "eie_rtl.csv"
LOSSES = ("padding", "pointer", "queue", "imbalance", "pipeline")


def draw(shape: tuple[int, ...], density: float, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-128, 128, shape) * (rng.random(shape) < density)


def whole(trace: GemmTrace) -> Tile:
    return Tile(0, trace.M, 0, trace.N, 0, trace.K)


def program(trace: GemmTrace, **fields: Any) -> EieProgram:
    return EieArray(**fields).program(trace)


def lost(work: Work) -> int:
    return sum(work.counts[f"eie_idle_{reason}"] for reason in LOSSES)


machines = st.fixed_dictionaries(
    {"pes": st.integers(1, 6), "fifo_depth": st.integers(2, 7), "index_bits": st.integers(1, 4)}
)
sizes = st.tuples(st.integers(1, 4), st.integers(1, 60), st.integers(1, 40))
densities = st.sampled_from([0.0, 0.03, 0.1, 0.4, 0.9, 1.0])


@given(machine=machines, size=sizes, weights=densities, active=densities, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=600, deadline=None)
def test_kernels_equal_the_per_cycle_model(
    machine: dict[str, int], size: tuple[int, int, int], weights: float, active: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    m, n, k = size
    weight, activation = draw((n, k), weights, rng), draw((m, k), active, rng)
    entry_bits = 8 + machine["index_bits"]
    expected = reference_eie.run(
        weight, activation, machine["pes"], machine["fifo_depth"], machine["index_bits"], entry_bits
    )
    ran = program(GemmTrace("layer", weight=weight, activation=activation), **machine)
    work, tally = ran.work(whole(ran.trace)), expected.tally
    assert work.cycles == expected.cycles
    assert work.counts["eie_entries"] == expected.stored
    assert work.counts["eie_padding"] == expected.stored_padding
    assert work.counts["macs_executed"] == tally["weights"] == ran.effectual_macs()
    assert work.counts["eie_work"] == tally["weights"] + tally["padding"]
    assert work.counts["eie_idle_padding"] == tally["padding"]
    assert work.counts["eie_idle_pointer"] == tally["pointer"]
    assert work.counts["eie_matrix_words"] == tally["words"]
    assert work.counts["eie_pointer_reads"] == tally["broadcasts"] * min(machine["pes"], n)
    assert work.counts["macs_executed"] + lost(work) == ran.array.peak_macs * work.cycles
    np.testing.assert_array_equal(expected.output, activation @ weight.T)
    np.testing.assert_array_equal(ran.functional(), activation @ weight.T)


def golden_rows() -> list[dict[str, str]]:
    with ROWS.open(newline="") as file:
        return list(csv.DictReader(file))


@lru_cache(maxsize=1)
def golden_layer(inputs: int, outputs: int, weight_density: float, activation_density: float) -> GemmTrace:
    rng = np.random.default_rng(0)
    weight = (rng.random((outputs, inputs)) < weight_density).astype(np.int8)
    activation = (rng.random((1, inputs)) < activation_density).astype(np.int8)
    return GemmTrace("layer", weight=weight, activation=activation, weight_coding="codebook", codebook_bits=4)


@pytest.mark.parametrize("row", golden_rows(), ids=lambda row: f"{row['layer']}-fifo{row['fifo']}")
def test_register_transfer_simulator(row: dict[str, str]) -> None:
    """Cycles of every row, also at the smallest FIFO; where the tool stops early, ours are those of the last PE."""
    sizes = int(row["inputs"]), int(row["outputs"])
    trace = golden_layer(*sizes, float(row["weight_density"]), float(row["activation_density"]))
    ran = program(trace, pes=int(row["npe"]), fifo_depth=int(row["fifo"]))
    work = ran.work(whole(trace))
    named = {"entries": "entries", "padding": "pad", "work": "work", "max_pe": "max_pe"}
    for ours, theirs in named.items():
        assert work.counts[f"eie_{ours}"] == int(row[theirs])
    assert work.counts["eie_idle_padding"] == int(row["work"]) - ran.effectual_macs()
    assert 0 <= work.cycles - int(row["cycles"]) <= 0.0025 * int(row["cycles"])
    spared = 64 if row["layer"] == "Alex-7" and int(row["fifo"]) >= 32 else 0
    assert abs(work.counts["eie_matrix_words"] - int(row["spm_reads"])) <= spared
    bias = int(row["npe"])  # the tool reads the pointers of one more column
    assert abs(work.counts["eie_pointer_reads"] + bias - int(row["ptr_reads"])) <= 3


def test_cycles_by_hand() -> None:
    """PE 0: columns of 3 and 1 entries; PE 1: none and 1. Broadcasts in cycles 1 and 2, services from cycle 3 on."""
    weight = np.zeros((6, 2), np.int64)
    weight[[0, 2, 4], 0] = weight[[0, 5], 1] = 1
    work = program(GemmTrace("layer", weight=weight, activation=[[1, 1]]), pes=2).work(Tile(0, 1, 0, 6, 0, 2))
    assert work.cycles == 3 + 3 + 1 + 5
    assert work.counts["eie_idle_pointer"] == 1
    assert work.counts["eie_idle_imbalance"] == 2
    assert work.counts["eie_idle_queue"] == 0
    assert work.counts["eie_idle_pipeline"] == 2 * 8
    assert work.counts["eie_max_pe"] == 4


def test_a_full_fifo_holds_the_broadcast() -> None:
    """PE 0 takes column 0 in cycle 3 and column 1 in 13; with one slot column 2 comes then, for cycle 15.

    PE 1 waits in cycle 4 and from 6 to 15, PE 0 in 14.
    """
    weight = np.zeros((20, 3), np.int64)
    weight[::2, 0] = 1
    activation = np.ones((1, 3), np.int64)
    shallow, deep = (
        program(GemmTrace("layer", weight=weight, activation=activation), pes=2, fifo_depth=depth).work(
            Tile(0, 1, 0, 20, 0, 3)
        )
        for depth in (2, 4)
    )
    assert deep.cycles == 3 + 10 + 2 + 5
    assert shallow.cycles == deep.cycles + 1
    assert shallow.counts["eie_idle_queue"] == 1 + 9 + 1


@pytest.mark.parametrize("depth", [2, 3, 8])
@pytest.mark.parametrize(
    "size", [(1, 1, 1), (3, 64, 7), (2, 65, 30), (4, 5, 9), (2, 130, 64), (1, 190, 3), (1, 127, 50)]
)
def test_a_shape_costs_what_a_layer_without_zeros_costs(depth: int, size: tuple[int, int, int]) -> None:
    m, n, k = size
    full = program(GemmTrace("layer", weight=np.ones((n, k), np.int8), M=m), fifo_depth=depth)
    shape = program(GemmTrace("layer", M=m, N=n, K=k), fifo_depth=depth)
    tile = whole(full.trace)
    assert shape.work(tile) == full.work(tile)
    assert shape.weight_bits(0, n, 0, k) == full.weight_bits(0, n, 0, k)
    assert shape.index_bits(0, n, 0, k) == full.index_bits(0, n, 0, k)


def test_a_shape_of_any_size_is_answered_at_once() -> None:
    trace = GemmTrace("layer", M=2**40, N=2**30, K=2**30)
    assert program(trace, pes=2**40).work(whole(trace)).cycles == 2**40 * (3 + 2**30 + 5)


def test_a_layer_may_have_values_on_one_side_only() -> None:
    rng = np.random.default_rng(3)
    weight, activation = draw((20, 30), 0.3, rng), draw((4, 30), 0.3, rng)
    ones_w, ones_x = np.ones((20, 30), np.int64), np.ones((4, 30), np.int64)
    for one, both in [
        (GemmTrace("a", weight=weight, M=4), GemmTrace("a", weight=weight, activation=ones_x)),
        (GemmTrace("a", activation=activation, N=20), GemmTrace("a", weight=ones_w, activation=activation)),
    ]:
        assert program(one, pes=4).work(whole(one)) == program(both, pes=4).work(whole(both))


def test_tiles_along_m_add_up() -> None:
    rng = np.random.default_rng(1)
    ran = program(GemmTrace("a", weight=draw((40, 150), 0.1, rng), activation=draw((9, 150), 0.5, rng)), pes=4)
    parts = [ran.work(Tile(m, min(m + 4, 9), 0, 40, 0, 150)) for m in range(0, 9, 4)]
    at_once = ran.work(whole(ran.trace))
    assert sum(part.cycles for part in parts) == at_once.cycles
    assert sum((part.counts for part in parts[1:]), parts[0].counts) == at_once.counts


def test_any_tiles_hold_the_entries_of_the_whole() -> None:
    """Padding stays where the whole layer's encoding has it, so that cuts neither add entries nor lose any."""
    rng = np.random.default_rng(1)
    trace = GemmTrace("a", weight=draw((201, 150), 0.05, rng), activation=draw((3, 150), 0.5, rng))
    ran = program(trace, pes=4, index_bits=2)
    tiles = [Tile(0, 3, n, min(n + 16, 201), k, min(k + 64, 150)) for n in range(0, 201, 16) for k in (0, 64, 128)]
    parts = [ran.work(tile) for tile in tiles]
    at_once = ran.work(whole(trace))
    for name in ("macs_executed", "eie_entries", "eie_padding", "eie_work", "eie_idle_padding"):
        assert sum(part.counts[name] for part in parts) == at_once.counts[name]
    assert at_once.counts["eie_padding"] > 0
    assert sum(part.cycles for part in parts) > at_once.cycles
    for tile, part in zip(tiles, parts, strict=True):
        assert ran.weight_bits(tile.n0, tile.n1, tile.k0, tile.k1) == part.counts["eie_entries"] * 8
    assert sum(part.counts["sram_psum_reads"] for part in parts) == 2 * 3 * 201


def test_stored_bits_by_hand() -> None:
    """Rows 0 and 40 of one PE: two padding zeros between, at rows 16 and 32; 2 PEs with 2 pointers of 16 bits each."""
    weight = np.zeros((82, 1), np.int64)
    weight[[0, 80]] = 7
    ran = program(GemmTrace("a", weight=weight, M=1), pes=2)
    assert ran.weight_bits(0, 82, 0, 1) == 4 * 8
    assert ran.index_bits(0, 82, 0, 1) == 4 * 4 + 2 * 2 * 16
    coded = GemmTrace("a", weight=weight, M=1, weight_coding="codebook", codebook_bits=4)
    assert program(coded, pes=2).weight_bits(0, 82, 0, 1) == 4 * 4


def test_pointers_widen_where_a_pe_stores_more_entries() -> None:
    ran = program(GemmTrace("a", M=1, N=2, K=2**17), pes=2)
    assert ran.index_bits(0, 2, 0, 2**17) == 2**18 * 4 + 2 * (2**17 + 1) * 18


def test_convolution_with_padding_groups_and_batch() -> None:
    rng = np.random.default_rng(2)
    weight, ifmap = draw((6, 2, 3, 3), 0.4, rng), draw((2, 4, 6, 5), 0.6, rng)
    trace = GemmTrace.from_conv("conv", weight=weight, ifmap=ifmap, padding=1, stride=2, groups=2)
    report = accelsim.simulate(trace, {"name": "e", "array": {"kind": "eie", "pes": 2}}, verify=True)
    row = report.layers.iloc[0]
    assert row["macs_executed"] == row["macs_effectual"]


def test_work_key_holds_all_that_matters() -> None:
    rng = np.random.default_rng(1)
    weight = draw((8, 150), 0.3, rng)
    alike = program(GemmTrace("a", weight=weight, M=64), pes=4)
    assert alike.work_key(Tile(16, 32, 0, 4, 0, 64)) == alike.work_key(Tile(32, 48, 0, 4, 0, 64))
    assert alike.work_key(Tile(0, 16, 0, 4, 0, 64)) != alike.work_key(Tile(16, 32, 0, 4, 0, 64))
    valued = program(GemmTrace("a", weight=weight, activation=draw((64, 150), 0.5, rng)), pes=4)
    assert valued.work_key(Tile(16, 32, 0, 4, 0, 64)) != valued.work_key(Tile(32, 48, 0, 4, 0, 64))


def test_energy_of_two_by_two_by_hand() -> None:
    """W = [[3, 0], [2, 5]], X = [[1, 0], [4, 6]] on one PE at 8 bits; four slots of FIFO, 1 KiB of each buffer.

    Vectors: column 0 (2 entries), then columns 0 and 1 (2 and 1 entries): 5 MACs, 3 broadcasts, cycles 3 + 2 + 5 and
    3 + 3 + 5. A matrix word holds 5 entries of 12 bits, so each vector reads one.
    """
    trace = GemmTrace("a", weight=[[3, 0], [2, 5]], activation=[[1, 0], [4, 6]])
    buffers = {"ifmap_kib": 1, "filter_kib": 1, "ofmap_kib": 1, "double": False}
    machine = {"name": "e", "clock_mhz": 500, "array": {"kind": "eie", "pes": 1, "fifo_depth": 4}, "buffers": buffers}
    row = accelsim.simulate(trace, machine).layers.iloc[0]
    read, write = read_bit(1024), write_bit(1024)
    index_bits = 2 * 5 * 4 + 3 * 2 * 16
    dram = {"ifmap": 4, "weight": 3, "index": -(-(3 * 4 + 3 * 16) // 8), "ofmap": 4}
    latched = 3 * (8 + 3 * 16) + 2 * 64 + 5 * 32
    reads, writes = (4 + 10) * 8 * read, 4 * 8 * write
    moved = 8 * (4 + 3 + 8) * write + 8 * 4 * read
    area = 282 + 137 + 4.5 * (4 * 24 + 48 + 64 + 32) + 67 + 16 * LANE_UM2
    assert row["cycles"] == 10 + 11
    assert {part: row[f"dram_{part}_bytes"] for part in dram} == dram
    assert row["energy_mac_pj"] == pytest.approx(5 * (0.2 + 0.1), rel=1e-9)
    assert row["energy_register_pj"] == pytest.approx(latched * 0.03 / 8, rel=1e-9)
    assert row["energy_sram_pj"] == pytest.approx(reads + writes + moved, rel=1e-9)
    assert row["energy_index_pj"] == pytest.approx(index_bits * read + 5 * 0.05, rel=1e-9)
    assert row["energy_dram_access_pj"] == pytest.approx(8 * 19 * 20.3125, rel=1e-9)
    assert row["energy_leakage_pj"] == pytest.approx((area * 8e-6 + 3 * sram_uw(1024)) * 21 / 500, rel=1e-9)


def test_sram_reads_are_priced_by_a_pes_own_memory_and_the_codes_width() -> None:
    """2 PEs share 2 KiB of every buffer, 1 KiB each. A word of 64 bits holds 8 entries of 4-bit codes and indices."""
    trace = GemmTrace(
        "a", weight=[[3], [300]], activation=[[1]], weight_bits=16, weight_coding="codebook", codebook_bits=4
    )
    buffers = {"ifmap_kib": 2, "filter_kib": 2, "ofmap_kib": 2, "double": False}
    row = accelsim.simulate(trace, {"name": "e", "array": {"kind": "eie", "pes": 2}, "buffers": buffers}).layers.iloc[0]
    read, write = read_bit(1024), write_bit(1024)
    assert row["sram_filter_reads"] == 2 * 8
    moved = 8 * row["dram_bytes"]
    ofmap = 8 * row["dram_ofmap_bytes"]
    expected = (8 + 16 * 4) * read + 2 * 8 * write + (moved - ofmap) * write + ofmap * read
    assert row["energy_sram_pj"] == pytest.approx(expected, rel=1e-9)


def test_a_padding_zero_costs_a_mac() -> None:
    weight = np.zeros((40, 1), np.int64)
    weight[[0, 39]] = 1
    row = accelsim.simulate(
        GemmTrace("a", weight=weight, activation=[[1]]), {"name": "e", "array": {"kind": "eie", "pes": 1}}
    ).layers.iloc[0]
    assert (row["macs_executed"], row["eie_padding"]) == (2, 2)
    assert row["energy_mac_pj"] == pytest.approx(4 * 0.3, rel=1e-9)


def test_shipped_machine_loads() -> None:
    machine = load_hardware("sparse/eie-64pe")
    assert machine.array.peak_macs == 64
    assert machine.array.baseline_macs(4, 16) == 64


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"pes": 0}, "pes"), ({"fifo_depth": 1}, "fifo_depth"), ({"index_bits": 17}, "index_bits"), ({"pe": 3}, "pes")],
)
def test_wrong_fields_are_named(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(EieArray, fields)
