"""csr_rows: the kernels against the plain per-cycle model, the split of lost lane slots, and what tiles add up to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.arrays.base import Tile, Work
from accelsim.arrays.csr_rows.array import CsrRowsArray, CsrRowsProgram
from accelsim.config import build
from accelsim.errors import ConfigError
from accelsim.hardware.accelerator import load_hardware
from accelsim.trace.gemm import GemmTrace
from tests.references import csr_rows as reference_csr_rows

LOSSES = ("imbalance", "conflict", "empty", "edge")


def draw(shape: tuple[int, int], density: float, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-128, 128, shape) * (rng.random(shape) < density)


def whole(trace: GemmTrace) -> Tile:
    return Tile(0, trace.M, 0, trace.N, 0, trace.K)


def program(trace: GemmTrace, **fields: Any) -> CsrRowsProgram:
    return CsrRowsArray(**fields).program(trace)


def longest_first(weight: np.ndarray) -> list[int]:
    """Filters by the cycles that they take without conflicts, in blocks of 64 of which an empty one takes a cycle."""
    blocks = [[row[k : k + 64] for k in range(0, len(row), 64)] for row in weight]
    cycles = [sum(max(1, int(np.count_nonzero(part))) for part in row) for row in blocks]
    return sorted(range(len(weight)), key=lambda n: -cycles[n])


def weights_only(weight: np.ndarray, m: int = 1) -> GemmTrace:
    return GemmTrace("layer", weight=weight, M=m)


def lost(work: Work) -> int:
    return sum(work.counts[f"csr_rows_idle_{reason}"] for reason in LOSSES)


machines = st.fixed_dictionaries(
    {
        "pes": st.integers(1, 6),
        "vector_width": st.integers(1, 5),
        "assignment": st.sampled_from(["static", "dynamic"]),
        "banks": st.integers(1, 9),
        "order": st.sampled_from(["natural", "balanced"]),
    }
)
sizes = st.tuples(st.integers(1, 11), st.integers(1, 18), st.integers(1, 200))
densities = st.sampled_from([0.0, 0.02, 0.1, 0.4, 0.9, 1.0])


@given(machine=machines, size=sizes, density=densities, empty=st.booleans(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=600, deadline=None)
def test_kernel_equals_the_per_cycle_model(
    machine: dict[str, Any], size: tuple[int, int, int], density: float, empty: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    m, n, k = size
    weight, activation = draw((n, k), density, rng), draw((m, k), 0.7, rng)
    if empty:
        weight[rng.random(n) < 0.4] = 0
    handed_out = longest_first(weight) if machine["order"] == "balanced" else list(range(n))
    expected = reference_csr_rows.run(
        weight[handed_out], activation, machine["pes"], machine["vector_width"], machine["assignment"], machine["banks"]
    )
    trace = GemmTrace("layer", weight=weight, activation=activation)
    ran = program(trace, **machine)
    work, lanes = ran.work(whole(trace)), machine["vector_width"]
    assert work.cycles == expected.cycles
    for reason in ("imbalance", "conflict", "empty"):
        assert work.counts[f"csr_rows_idle_{reason}"] == expected.tally[reason] * lanes
    assert work.counts["sram_ifmap_reads"] == expected.tally["services"] * lanes
    assert work.counts["decodes"] == expected.tally["macs"]
    assert work.counts["macs_executed"] == np.count_nonzero(weight) * m
    assert work.counts["macs_executed"] + lost(work) == ran.array.peak_macs * work.cycles
    np.testing.assert_array_equal(expected.output, activation @ weight[handed_out].T)
    np.testing.assert_array_equal(ran.functional(), activation @ weight.T)


def test_empty_extents_by_hand() -> None:
    """Two blocks: three nonzeros, then an empty extent of one cycle; the other filter has two empty extents."""
    weight = np.zeros((2, 65), np.int64)
    weight[0, [3, 5, 63]] = 1
    work = program(weights_only(weight, m=3), pes=2, vector_width=4).work(Tile(0, 3, 0, 2, 0, 65))
    assert work.cycles == 4
    assert work.counts["csr_rows_idle_empty"] == 4 * 3
    assert work.counts["csr_rows_idle_imbalance"] == 4 * 2
    assert work.counts["csr_rows_idle_edge"] == 3
    assert work.counts["sram_index_bits"] == 3 * 6 + 4 * 13


def test_a_bank_serves_one_word_to_all_who_want_it() -> None:
    """PEs 0 and 2 want word 0, PE 1 word 4 of the same bank: it waits a cycle, then is served before the younger 8."""
    weight = np.zeros((3, 9), np.int64)
    weight[0, [0, 8]] = weight[1, 4] = weight[2, 0] = 1
    work = program(weights_only(weight), pes=3, vector_width=1, banks=4).work(Tile(0, 1, 0, 3, 0, 9))
    assert work.cycles == 3
    assert work.counts["csr_rows_idle_conflict"] == 2
    assert work.counts["sram_ifmap_reads"] == 3


def test_dynamic_gives_the_next_filter_to_the_first_idle_pe() -> None:
    weight = np.zeros((4, 60), np.int64)
    weight[0, :40] = weight[1, :5] = weight[2, :30] = weight[3, :5] = 1
    cycles = {
        kind: program(weights_only(weight), pes=2, assignment=kind, banks=64).work(Tile(0, 1, 0, 4, 0, 60)).cycles
        for kind in ("static", "dynamic")
    }
    assert cycles == {"static": 70, "dynamic": 40}


@pytest.mark.parametrize("assignment", ["static", "dynamic"])
@pytest.mark.parametrize("size", [(1, 1, 1), (33, 40, 130), (16, 16, 64)])
def test_a_shape_costs_what_a_layer_without_zeros_costs(assignment: str, size: tuple[int, int, int]) -> None:
    m, n, k = size
    fields: dict[str, Any] = {"pes": 16, "vector_width": 16, "assignment": assignment, "banks": 3}
    full = program(weights_only(np.ones((n, k), np.int64), m), **fields)
    shape = program(GemmTrace("layer", M=m, N=n, K=k), **fields)
    tile = whole(full.trace)
    assert shape.work(tile) == full.work(tile)
    assert shape.weight_bits(0, n, 0, k) == full.weight_bits(0, n, 0, k)
    assert shape.index_bits(0, n, 0, k) == full.index_bits(0, n, 0, k)


def test_a_shape_of_any_size_is_answered_at_once() -> None:
    trace = GemmTrace("layer", M=2**40, N=2**30, K=2**30)
    assert program(trace, pes=2**40, vector_width=2**40).work(whole(trace)).cycles == 2**30


def test_bits_of_any_range_of_blocks() -> None:
    rng = np.random.default_rng(5)
    weight = draw((37, 300), 0.2, rng)
    ran = program(GemmTrace("layer", weight=weight, M=4, weight_bits=8))
    for n0, n1, k0, k1 in [(0, 37, 0, 300), (16, 32, 64, 192), (32, 37, 256, 300), (0, 1, 0, 64)]:
        nonzeros = np.count_nonzero(weight[n0:n1, k0:k1])
        assert ran.weight_bits(n0, n1, k0, k1) == nonzeros * 8
        assert ran.index_bits(n0, n1, k0, k1) == nonzeros * 6 + (n1 - n0) * -(-(k1 - k0) // 64) * 13


def test_a_codebook_entry_costs_its_code() -> None:
    trace = GemmTrace("layer", weight=[[3, 0, -90]], M=1, weight_coding="codebook", codebook_bits=4)
    assert program(trace).weight_bits(0, 1, 0, 3) == 2 * 4


@pytest.mark.parametrize("assignment", ["static", "dynamic"])
def test_tiles_along_m_add_up_and_share_their_simulation(assignment: str) -> None:
    weight = draw((21, 150), 0.3, np.random.default_rng(1))
    ran = program(weights_only(weight, m=50), pes=4, vector_width=8, assignment=assignment)
    parts = [ran.work(Tile(m, min(m + 16, 50), 0, 21, 0, 150)) for m in range(0, 50, 16)]
    at_once = ran.work(whole(ran.trace))
    assert sum(part.cycles for part in parts) == at_once.cycles
    assert sum((part.counts for part in parts[1:]), parts[0].counts) == at_once.counts
    assert len(ran._passes) == 1


def test_tiles_along_n_deal_filters_as_the_whole_layer_does() -> None:
    """Static cut at a multiple of the PEs: barriers are added, filters stay where they were."""
    weight = draw((24, 150), 0.3, np.random.default_rng(1))
    ran = program(weights_only(weight), pes=4, banks=64)
    parts = [ran.work(Tile(0, 1, n, n + 8, 0, 150)) for n in (0, 8, 16)]
    alone = [
        program(weights_only(weight[n : n + 8]), pes=4, banks=64).work(Tile(0, 1, 0, 8, 0, 150)) for n in (0, 8, 16)
    ]
    assert parts == alone
    assert sum(part.cycles for part in parts) >= ran.work(whole(ran.trace)).cycles


def test_tiles_along_k_bring_psums_back() -> None:
    weight = draw((8, 150), 0.3, np.random.default_rng(1))
    ran = program(weights_only(weight, m=5), pes=4)
    first, second = (ran.work(Tile(0, 5, 0, 8, k, min(k + 128, 150))) for k in (0, 128))
    assert (first.counts["sram_psum_reads"], second.counts["sram_psum_reads"]) == (0, 40)
    assert first.counts["macs_executed"] + second.counts["macs_executed"] == np.count_nonzero(weight) * 5
    assert ran.spills_psums(128)
    assert not ran.spills_psums(150)


def test_work_key_holds_all_that_matters() -> None:
    weight = draw((8, 150), 0.3, np.random.default_rng(1))
    ran = program(weights_only(weight, m=64), pes=4)
    assert ran.work_key(Tile(0, 16, 0, 4, 0, 64)) == ran.work_key(Tile(16, 32, 0, 4, 0, 64))
    assert ran.work_key(Tile(0, 16, 0, 4, 0, 64)) != ran.work_key(Tile(0, 16, 4, 8, 0, 64))
    shape = program(GemmTrace("layer", M=64, N=8, K=150), pes=4)
    assert shape.work_key(Tile(0, 16, 0, 4, 64, 128)) == shape.work_key(Tile(16, 32, 4, 8, 64, 128))
    assert shape.work_key(Tile(0, 16, 0, 4, 0, 64)) != shape.work_key(Tile(0, 16, 0, 4, 64, 128))


@pytest.mark.parametrize("banks", [8, 32])
def test_fewer_nonzeros_cost_no_more_cycles(banks: int) -> None:
    """With a bank a PE or more, at the density steps that pruning takes; a few zeros in a full matrix may cost some."""
    rng = np.random.default_rng(banks)
    for density in (0.1, 0.3, 0.6, 1.0):
        weight = draw((64, 300), density, rng)
        thinner = weight * (rng.random(weight.shape) < 0.6)
        before, now = (
            program(weights_only(w), pes=8, banks=banks).work(Tile(0, 1, 0, 64, 0, 300)).cycles
            for w in (weight, thinner)
        )
        assert now <= 1.02 * before


def test_functional_in_slices_of_the_activations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.arrays.common.slices.SLICE_ELEMENTS", 600)
    rng = np.random.default_rng(2)
    weight, ifmap = draw((9, 3 * 9), 0.4, rng).reshape(9, 3, 3, 3), rng.integers(-128, 128, (2, 3, 9, 8))
    trace = GemmTrace.from_conv("conv", weight=weight, ifmap=ifmap, padding=1, stride=2)
    got = program(trace, vector_width=4).functional()
    np.testing.assert_array_equal(got, trace.activation.astype(np.int64) @ weight.reshape(9, -1).T)


@pytest.mark.parametrize("name", ["sparse/csr-rows-16x16", "sparse/csr-rows-16x16-dynamic"])
def test_shipped_machines_load(name: str) -> None:
    machine = load_hardware(name)
    assert machine.array.peak_macs == 256
    assert machine.name == name.split("/")[1]


def test_logic_counts_lanes_registers_and_what_lies_between_banks_and_pes() -> None:
    logic = CsrRowsArray(pes=2, vector_width=3, banks=4).logic(8, 4)
    crossbar, grants = 3 * 3 * 4, 4 * (16 + 1)
    registers = 2.0 * (3 * (32 + 4) + 8 + 6 + 26)
    assert logic == {"mac": 6.0, "register_bit": registers, "gate": 2.0 * (crossbar + grants), "decoder": 2.0}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"pes": 0}, "pes"),
        ({"assignment": "sometimes"}, "assignment"),
        ({"bank": 3}, "banks"),
        ({"banks": 2.5}, "banks"),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(CsrRowsArray, fields)


def one(weight: np.ndarray, **fields: Any) -> Work:
    trace = weights_only(weight)
    return program(trace, **fields).work(whole(trace))


def test_longest_first_takes_away_most_of_the_imbalance() -> None:
    """Filters of very different density, 64 on 8 PEs, where every PE has a bank for itself."""
    rng = np.random.default_rng(4)
    weight = np.vstack([draw((1, 512), density, rng) for density in rng.random(64) ** 3])
    natural, balanced = (
        one(weight, pes=8, vector_width=1, banks=512, order=order) for order in ("natural", "balanced")
    )
    lost_before, lost_now = (work.counts["csr_rows_idle_imbalance"] for work in (natural, balanced))
    assert balanced.counts["macs_executed"] == natural.counts["macs_executed"]
    assert lost_now < 0.5 * lost_before
    assert balanced.cycles < natural.cycles


def test_where_the_nonzeros_lie_in_their_rows_changes_the_conflicts() -> None:
    rng = np.random.default_rng(5)
    weight = draw((32, 256), 0.2, rng)
    shuffled = rng.permuted(weight, axis=1)
    works = [one(w, pes=8, vector_width=2) for w in (weight, shuffled)]
    conflicts = [work.counts["csr_rows_idle_conflict"] for work in works]
    assert works[0].counts["macs_executed"] == works[1].counts["macs_executed"]
    assert conflicts[0] != conflicts[1]


def test_a_blocked_pattern_is_not_a_random_one_of_the_same_density() -> None:
    works = []
    for distribution in ("bernoulli", "blocked"):
        trace = GemmTrace.random("w", M=1, N=64, K=1024, weight_density=0.25, seed=1, distribution=distribution)
        works.append(program(trace, pes=16, vector_width=1).work(whole(trace)))
    random, blocked = works
    assert blocked.counts["macs_executed"] == pytest.approx(random.counts["macs_executed"], rel=0.05)
    assert abs(blocked.cycles / random.cycles - 1) > 0.05
