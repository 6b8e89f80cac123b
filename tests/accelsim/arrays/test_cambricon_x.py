"""cambricon_x: the kernels against the plain per-clock model, the split of lost slots, and what tiles add up to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim.arrays.base import Tile
from accelsim.arrays.cambricon_x.array import CambriconXArray, CambriconXProgram
from accelsim.config import build
from accelsim.errors import ConfigError
from accelsim.technology.table import default_table
from accelsim.trace.gemm import GemmTrace
from tests.references import cambricon_x as reference_cambricon_x

LOSSES = ("imbalance", "padding", "fragment", "extent", "barrier")


def draw(shape: tuple[int, int], density: float, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-128, 128, shape) * (rng.random(shape) < density)


def whole(trace: GemmTrace) -> Tile:
    return Tile(0, trace.M, 0, trace.N, 0, trace.K)


def program(weight: np.ndarray, m: int = 1, **fields: Any) -> CambriconXProgram:
    return CambriconXArray(**fields).program(GemmTrace("layer", weight=weight, M=m))


machines = st.fixed_dictionaries(
    {"pes": st.integers(1, 6), "multipliers": st.integers(1, 20), "index_bits": st.integers(1, 6)}
)


@given(
    machine=machines,
    size=st.tuples(st.integers(1, 4), st.integers(1, 10), st.integers(1, 600)),
    density=st.sampled_from([0.0, 0.005, 0.03, 0.2, 0.7, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_kernel_equals_the_per_clock_model(
    machine: dict[str, Any], size: tuple[int, int, int], density: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    m, n, k = size
    weight, activation = draw((n, k), density, rng), draw((m, k), 0.7, rng)
    expected = reference_cambricon_x.run(weight, activation, **machine)
    trace = GemmTrace("layer", weight=weight, activation=activation)
    ran = CambriconXArray(**machine).program(trace)
    work = ran.work(whole(trace))
    assert work.cycles == expected.cycles
    assert work.counts["macs_executed"] == expected.tally["macs"] == np.count_nonzero(weight) * m
    for reason in LOSSES:
        assert work.counts[f"cambricon_x_idle_{reason}"] == expected.tally[reason]
    assert expected.tally.total() == ran.array.peak_macs * work.cycles
    assert ran.weight_bits(0, n, 0, k) * m == 8 * (expected.tally["macs"] + expected.tally["padding"])
    np.testing.assert_array_equal(expected.output, activation @ weight.T)
    np.testing.assert_array_equal(ran.functional(), activation @ weight.T)


def test_cycles_and_losses_by_hand() -> None:
    """Two PEs of 2 multipliers, 2 index bits. Filter 0: k = 0, 5 (4 zeros: one padding) and 6, then an empty window."""
    weight = np.zeros((2, 300), np.int64)
    weight[0, [0, 5, 6]] = 7
    weight[1, [0, 256, 257, 258]] = 7
    work = program(weight, m=3, pes=3, multipliers=2, index_bits=2).work(Tile(0, 3, 0, 2, 0, 300))
    assert work.cycles == 3 * 3
    lost = {reason: work.counts[f"cambricon_x_idle_{reason}"] for reason in LOSSES}
    assert lost == {"padding": 3, "fragment": 3 * 2, "extent": 3 * 2, "barrier": 0, "imbalance": 3 * 3 * 2}
    assert work.counts["sram_index_bits"] == 3 * (8 * 2 + 4 * 9)


def test_energy_of_a_two_by_two_case_by_hand() -> None:
    """Three nonzeros and a padding zero for two pixels: 8 selections of one in 256 and 8 MACs."""
    weight = np.zeros((2, 20), np.int64)
    weight[0, [0, 1]] = weight[1, 19] = 3
    array = {"kind": "cambricon_x", "pes": 2, "multipliers": 2}
    trace = GemmTrace("layer", weight=weight, activation=np.ones((2, 20), np.int64))
    row = accelsim.simulate(trace, {"name": "t", "array": array}, verify=True).rows[0]
    table = default_table()
    selection = 255 * 8 * 0.25 * table.figures["add_8_pj"] / 8
    assert row["energy_mac_pj"] == pytest.approx(8 * (table.mac(8, 8, 32) + selection), rel=1e-9)
    assert row["compute_cycles"] == 2
    assert row["dram_weight_bytes"] == 4
    assert row["dram_index_bytes"] == -(-(4 * 4 + 2 * 9) // 8)


def test_a_padding_zero_for_each_further_distance() -> None:
    """15 zeros fit 4 bits, 16 take one padding entry, 32 take two; zeros behind the last weight take none."""
    for zeros, entries in {0: 1, 15: 1, 16: 2, 31: 2, 32: 3, 255: 16}.items():
        weight = np.zeros((1, 256), np.int64)
        weight[0, zeros] = 1
        assert program(weight).weight_bits(0, 1, 0, 256) == 8 * entries


def test_where_the_nonzeros_lie_matters() -> None:
    """As many nonzeros in runs of 16 as spread evenly at random: runs leave windows empty and need more padding."""
    rng = np.random.default_rng(0)
    runs = np.repeat(rng.random((64, 144)) < 0.1, 16, axis=1).astype(np.int64)
    spread = rng.permuted(runs.ravel()).reshape(runs.shape)
    blocked, random = (program(w).work(Tile(0, 1, 0, 64, 0, 2304)) for w in (runs, spread))
    assert blocked.counts["macs_executed"] == random.counts["macs_executed"]
    assert blocked.cycles != random.cycles
    assert blocked.counts["cambricon_x_idle_padding"] > random.counts["cambricon_x_idle_padding"]


@pytest.mark.parametrize("size", [(1, 1, 1), (3, 40, 700), (2, 16, 256)])
def test_a_shape_costs_what_a_layer_without_zeros_costs(size: tuple[int, int, int]) -> None:
    m, n, k = size
    for fields in ({}, {"pes": 5, "multipliers": 7}):
        full = program(np.ones((n, k), np.int64), m, **fields)
        shape = CambriconXArray(**fields).program(GemmTrace("layer", M=m, N=n, K=k))
        assert shape.work(whole(full.trace)) == full.work(whole(full.trace))
        assert shape.weight_bits(0, n, 0, k) == full.weight_bits(0, n, 0, k)
        assert shape.index_bits(0, n, 0, k) == full.index_bits(0, n, 0, k)


def test_a_shape_of_any_size_is_answered_at_once() -> None:
    trace = GemmTrace("layer", M=2**40, N=2**30, K=2**30)
    assert CambriconXArray(pes=2**40).program(trace).work(whole(trace)).cycles == 2**40 * 2**26


def test_tiles_along_m_add_up_and_cuts_of_n_and_k_add_barriers() -> None:
    weight = draw((21, 600), 0.2, np.random.default_rng(1))
    ran = program(weight, m=50, pes=4)
    at_once = ran.work(whole(ran.trace))
    parts = [ran.work(Tile(m, min(m + 16, 50), 0, 21, 0, 600)) for m in range(0, 50, 16)]
    assert sum(part.cycles for part in parts) == at_once.cycles
    assert sum((part.counts for part in parts[1:]), parts[0].counts) == at_once.counts
    cut = [ran.work(Tile(0, 50, n, min(n + 8, 21), k, min(k + 256, 600))) for n in (0, 8, 16) for k in (0, 256, 512)]
    assert sum(part.cycles for part in cut) > at_once.cycles
    assert sum(part.counts["macs_executed"] for part in cut) == at_once.counts["macs_executed"]
    assert sum(part.counts["sram_psum_reads"] for part in cut) == 2 * 50 * 21
    assert ran.work_key(Tile(0, 16, 0, 8, 0, 256)) == ran.work_key(Tile(16, 32, 0, 8, 0, 256))


def test_shipped_machines_are_what_the_paper_says() -> None:
    published = accelsim.load_hardware("published/cambricon-x")
    assert (published.array.peak_macs, published.clock_mhz, published.technology_nm) == (256, 1000, 65)
    assert accelsim.load_hardware("sparse/cambricon-x-16x16").array == published.array


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"pes": 0}, "pes"),
        ({"multipliers": 0}, "multipliers is 0"),
        ({"multipliers": 257}, r"multipliers is 257.* 256"),
        ({"index_bits": 0}, "index_bits"),
        ({"multiplier": 3}, "multipliers"),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(CambriconXArray, fields)
