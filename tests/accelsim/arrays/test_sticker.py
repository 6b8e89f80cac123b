"""sticker: every mode against the plain per-clock model, what each class stores, and what tiles add up to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim.arrays.base import Tile
from accelsim.arrays.sticker.array import StickerArray, StickerProgram, Thresholds
from accelsim.errors import ConfigError
from accelsim.technology.table import default_table
from accelsim.trace.gemm import GemmTrace
from tests.references import sticker as reference_sticker

LOSSES = ("gated", "imbalance", "edge")
DENSITY = {"sparse": 0.2, "medium": 0.55, "dense": 0.95}


def draw(shape: tuple[int, int], density: float, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(1, 128, shape) * rng.choice([-1, 1], shape) * (rng.random(shape) < density)


def whole(trace: GemmTrace) -> Tile:
    return Tile(0, trace.M, 0, trace.N, 0, trace.K)


def program(weight: np.ndarray, x: np.ndarray, rows: int = 4, cols: int = 3) -> StickerProgram:
    return StickerArray(pe_rows=rows, pe_cols=cols).program(GemmTrace("layer", weight=weight, activation=x))


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 150)),
    densities=st.tuples(*[st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0])] * 2),
    thresholds=st.sampled_from([(0.35, 0.75), (0.0, 1.0), (0.0, 0.0), (1.0, 1.0), (0.5, 0.6)]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_every_mode_equals_the_per_clock_model(
    shape: tuple[int, int],
    size: tuple[int, int, int],
    densities: tuple[float, float],
    thresholds: tuple[float, float],
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    m, n, k = size
    weight, x = draw((n, k), densities[0], rng), draw((m, k), densities[1], rng)
    expected = reference_sticker.run(weight, x, shape, thresholds)
    limits = Thresholds(sparse=thresholds[0], dense=thresholds[1])
    array = StickerArray(pe_rows=shape[0], pe_cols=shape[1], thresholds=limits)
    ran = array.program(GemmTrace("layer", weight=weight, activation=x))
    work = ran.work(whole(ran.trace))
    assert work.cycles == expected.cycles
    assert work.counts["macs_executed"] == expected.tally["macs"]
    for reason in LOSSES:
        assert work.counts[f"sticker_idle_{reason}"] == expected.tally[reason]
    assert expected.tally.total() == array.peak_macs * work.cycles
    np.testing.assert_array_equal(expected.output, x @ weight.T)
    np.testing.assert_array_equal(ran.functional(), x @ weight.T)


@pytest.mark.parametrize("weights", DENSITY)
@pytest.mark.parametrize("activations", DENSITY)
def test_densities_select_the_mode_and_its_cycles(weights: str, activations: str) -> None:
    rng = np.random.default_rng(4)
    weight, x = draw((6, 200), DENSITY[weights], rng), draw((8, 200), DENSITY[activations], rng)
    ran = program(weight, x)
    assert ran.mode == f"{weights}_{activations}"
    work = ran.work(whole(ran.trace))
    cycles = {name: count for name, count in work.counts.items() if name.startswith("sticker_cycles_")}
    assert len(cycles) == 9
    assert {name: count for name, count in cycles.items() if count} == {f"sticker_cycles_{ran.mode}": work.cycles}
    w = weight != 0 if weights == "sparse" else np.ones(weight.shape, bool)
    a = x != 0 if activations == "sparse" else np.ones(x.shape, bool)
    pairs = a.astype(int) @ w.T.astype(int)
    assert work.cycles == sum(pairs[m : m + 4, n : n + 3].max() for m in (0, 4) for n in (0, 3))


def test_what_each_class_stores() -> None:
    rng = np.random.default_rng(2)
    for kind, density in DENSITY.items():
        weight = draw((5, 100), density, rng)
        ran = program(weight, np.ones((1, 100), np.int64))
        nonzeros = np.count_nonzero(weight)
        expected = {"sparse": (nonzeros, 6 * nonzeros + 5 * 2 * 7), "medium": (nonzeros, 500), "dense": (500, 0)}
        assert (ran.weight_bits(0, 5, 0, 100) // 8, ran.index_bits(0, 5, 0, 100)) == expected[kind]


def test_energy_of_a_two_by_two_case_by_hand() -> None:
    """Sparse weights and medium activations: three products of nonzeros, two cycles by the fuller filter."""
    weight = np.array([[1, 0, 0, 0, 0, 0], [2, 3, 0, 0, 0, 0]])
    x = np.array([[1, 0, 1, 0, 1, 0], [1, 0, 1, 1, 1, 0]])
    array = {"kind": "sticker", "pe_rows": 2, "pe_cols": 2, "thresholds": {"sparse": 0.3, "dense": 0.8}}
    trace = GemmTrace("layer", weight=weight, activation=x)
    row = accelsim.simulate(trace, {"name": "t", "array": array}, verify=True).rows[0]
    assert row["sticker_cycles_sparse_medium"] == row["compute_cycles"] == 2
    assert row["energy_mac_pj"] == pytest.approx(4 * default_table().mac(8, 8, 32), rel=1e-9)
    assert row["sticker_idle_gated"] == 2
    assert row["sticker_idle_imbalance"] == 2
    assert row["sram_index_bits"] == (3 * 6 + 2 * 7) + 2 * 6
    assert (row["dram_weight_bytes"], row["dram_index_bytes"], row["sram_ifmap_reads"]) == (3, 4, 7)


@pytest.mark.parametrize("densities", [(0.2, 0.2), (0.2, 0.9), (0.9, 0.2), (0.5, 0.5), (0.2, 0.5)])
def test_tiles_along_m_and_n_add_up(densities: tuple[float, float]) -> None:
    rng = np.random.default_rng(3)
    ran = program(draw((11, 150), densities[0], rng), draw((19, 150), densities[1], rng))
    at_once = ran.work(whole(ran.trace))
    cuts = [(m, min(m + 8, 19), n, min(n + 3, 11)) for m in range(0, 19, 8) for n in range(0, 11, 3)]
    parts = [ran.work(Tile(*cut, 0, 150)) for cut in cuts]
    assert sum(part.cycles for part in parts) == at_once.cycles
    for name in ("macs_executed", *(f"sticker_idle_{reason}" for reason in LOSSES)):
        assert sum(part.counts[name] for part in parts) == at_once.counts[name]
    along_k = [ran.work(Tile(0, 19, 0, 11, k, min(k + 64, 150))) for k in (0, 64, 128)]
    assert sum(part.cycles for part in along_k) >= at_once.cycles
    assert sum(part.counts["macs_executed"] for part in along_k) == at_once.counts["macs_executed"]


def test_a_shape_is_dense_and_answered_at_once() -> None:
    trace = GemmTrace("layer", M=2**40, N=2**30, K=2**30)
    ran = StickerArray().program(trace)
    assert ran.mode == "dense_dense"
    assert ran.work(whole(trace)).cycles == 2**36 * 2**26 * 2**30


def test_padding_of_a_convolution_is_skipped_but_does_not_count_for_its_class() -> None:
    ifmap = np.ones((1, 1, 2, 2), np.int64)
    trace = GemmTrace.from_conv("conv", weight=np.ones((1, 1, 3, 3), np.int64), ifmap=ifmap, padding=1)
    ran = StickerArray(pe_rows=1, pe_cols=1).program(trace)
    assert ran.mode == "dense_dense"
    skipping = StickerArray(pe_rows=1, pe_cols=1, thresholds=Thresholds(sparse=1.0, dense=1.0)).program(trace)
    assert skipping.work(whole(trace)).cycles == 4 * 4
    assert ran.work(whole(trace)).cycles == 4 * 9


def test_slices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    weight, ifmap = draw((9, 27), 0.3, rng).reshape(9, 3, 3, 3), rng.integers(-1, 2, (2, 3, 9, 8))
    trace = GemmTrace.from_conv("conv", weight=weight, ifmap=ifmap, padding=1, stride=2)
    at_once = StickerArray().program(trace).work(whole(trace))
    monkeypatch.setattr("accelsim.arrays.common.slices.SLICE_ELEMENTS", 100)
    sliced = StickerArray().program(trace)
    assert sliced.work(whole(trace)) == at_once
    np.testing.assert_array_equal(sliced.functional(), trace.activation.astype(np.int64) @ weight.reshape(9, -1).T)


def test_the_published_machine() -> None:
    machine = accelsim.load_hardware("published/sticker")
    assert (machine.array.peak_macs, machine.technology_nm) == (256, 65)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"pe_rows": 0}, "array.pe_rows is 0"),
        ({"thresholds": {"sparse": 0.9, "dense": 0.1}}, "array.thresholds.sparse is 0.9"),
        ({"thresholds": {"sparse": 1.5}}, "array.thresholds.sparse is 1.5"),
        ({"thresholds": {"spars": 0.5}}, "sparse"),
        ({"thresholds": 3}, "array.thresholds"),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        accelsim.load_hardware({"name": "t", "array": {"kind": "sticker", **fields}})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
