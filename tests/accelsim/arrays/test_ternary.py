"""ternary: the array against the plain per-cycle model, what skipping costs and saves, and its energy by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim.arrays.base import Tile
from accelsim.arrays.ternary.array import TernaryArray, TernaryProgram
from accelsim.errors import ConfigError, TraceError, UnsupportedLayerError
from accelsim.hardware.loading import load_hardware
from accelsim.technology.table import default_table
from accelsim.trace.gemm import GemmTrace
from tests.references import ternary as reference_ternary

BITS = {"weight_bits": 2, "weight_coding": "ternary"}
SMALL = np.array([[1, -1, 0], [0, 1, 0]])


def trace_of(weight: Any, activation: Any = None, **fields: Any) -> GemmTrace:
    return GemmTrace("layer", weight=weight, activation=activation, **(BITS | fields))


def program(trace: GemmTrace, **fields: Any) -> TernaryProgram:
    return TernaryArray(**fields).program(trace)


def whole(trace: GemmTrace) -> Tile:
    return Tile(0, trace.M, 0, trace.N, 0, trace.K)


def codes(shape: tuple[int, ...], density: float, rng: np.random.Generator) -> np.ndarray:
    return rng.choice([-1, 1], shape) * (rng.random(shape) < density)


sides = st.integers(1, 4)


@given(
    rows=sides,
    cols=sides,
    size=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20)),
    density=st.sampled_from([0.0, 0.1, 0.3, 0.7, 1.0]),
    zero_skipping=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=300, deadline=None)
def test_array_equals_the_per_cycle_model(
    rows: int, cols: int, size: tuple[int, int, int], density: float, zero_skipping: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    m, n, k = size
    weight, activation = codes((n, k), density, rng), rng.integers(-128, 128, (m, k))
    cycles, output, done = reference_ternary.run(weight, activation, rows, cols, zero_skipping)
    ran = program(trace_of(weight, activation), rows=rows, cols=cols, zero_skipping=zero_skipping)
    work = ran.work(whole(ran.trace))
    assert work.cycles == cycles
    assert work.counts["macs_executed"] == done["add"] + done["subtract"]
    assert work.counts["ternary_gated"] == done["rest"]
    assert work.counts["macs_executed"] + work.counts["ternary_gated"] + work.counts["ternary_skipped"] == m * n * k
    np.testing.assert_array_equal(output, activation @ weight.T)
    np.testing.assert_array_equal(ran.functional(), output)


@given(
    size=st.tuples(st.integers(1, 24), st.integers(1, 24), st.integers(1, 800)),
    steps=st.tuples(*[st.integers(1, 4)] * 3),
    zero_skipping=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=200, deadline=None)
def test_tiles_add_up(size: tuple[int, int, int], steps: tuple[int, int, int], zero_skipping: bool, seed: int) -> None:
    """Cycles where K is whole; operations, weights and index bits under any cut."""
    rng = np.random.default_rng(seed)
    (m, n, k), (rows, cols) = size, (2, 3)
    ran = program(trace_of(codes((n, k), 0.2, rng), M=m), rows=rows, cols=cols, zero_skipping=zero_skipping)
    one = ran.work(whole(ran.trace))
    along = [range(0, m, rows * steps[0]), range(0, n, cols * steps[1])]
    for cut in (k, 256 * steps[2]):
        tiles = [
            Tile(m0, min(m0 + along[0].step, m), n0, min(n0 + along[1].step, n), k0, min(k0 + cut, k))
            for m0 in along[0]
            for n0 in along[1]
            for k0 in range(0, k, cut)
        ]
        works = [ran.work(tile) for tile in tiles]
        if cut >= k:
            assert sum(work.cycles for work in works) == one.cycles
        for name in ("macs_executed", "ternary_gated", "ternary_skipped", "sram_filter_reads", "sram_index_bits"):
            assert sum(work.counts[name] for work in works) == one.counts[name]
        weights = [(t.n0, t.n1, t.k0, t.k1) for t in tiles if t.m0 == 0]
        assert sum(ran.weight_bits(*part) for part in weights) == ran.weight_bits(0, n, 0, k)
        assert sum(ran.index_bits(*part) for part in weights) == ran.index_bits(0, n, 0, k)


def test_filters_of_a_fold_share_what_they_skip() -> None:
    """Folds of two: filters 0 and 1 need k 0, 1 and 3; filter 2 needs none; together three of the four."""
    weight = np.array([[1, 0, 0, -1], [0, 1, 0, 0], [0, 0, 0, 0]])
    ran = program(trace_of(weight, M=3), rows=2, cols=2)
    work = ran.work(whole(ran.trace))
    assert work.cycles == 2 * ((3 + 2) + (0 + 2))
    assert work.counts["sram_ifmap_reads"] == 3 * 3
    assert work.counts["sram_filter_reads"] == 2 * 2 * 3
    assert work.counts["sram_index_bits"] == 2 * 2 * 4
    assert work.counts["decodes"] == 2 * 3
    assert ran.weight_bits(0, 3, 0, 4) == 2 * 3 * 2
    assert ran.index_bits(0, 3, 0, 4) == 2 * 4
    dense = program(trace_of(weight, M=3), rows=2, cols=2, zero_skipping=False)
    assert dense.work(whole(ran.trace)).cycles == 2 * 2 * (4 + 2)
    assert (dense.weight_bits(0, 3, 0, 4), dense.index_bits(0, 3, 0, 4)) == (3 * 4 * 2, 0)


def test_a_cut_of_k_pays_the_fill_again_and_skips_the_same_k() -> None:
    weight = codes((6, 300), 0.1, np.random.default_rng(1))
    ran = program(trace_of(weight, M=5), rows=2, cols=3)
    parts = [ran.work(Tile(0, 5, 0, 6, *edges)) for edges in ((0, 256), (256, 300))]
    assert sum(part.cycles for part in parts) == ran.work(whole(ran.trace)).cycles + 3 * 2 * 3
    assert [part.counts["sram_psum_reads"] for part in parts] == [0, 30]
    assert ran.grain.k == 256
    assert ran.spills_psums(256)


@pytest.mark.parametrize("zero_skipping", [False, True])
def test_a_shape_has_no_zeros(zero_skipping: bool) -> None:
    shape = program(GemmTrace("s", M=5, N=7, K=11, **BITS), rows=2, cols=3, zero_skipping=zero_skipping)
    full = program(trace_of(np.ones((7, 11), int), M=5), rows=2, cols=3, zero_skipping=zero_skipping)
    one, other = (ran.work(whole(ran.trace)) for ran in (shape, full))
    assert one.cycles == other.cycles == 3 * 3 * (11 + 3)
    assert one.counts == other.counts
    assert shape.weight_bits(0, 7, 0, 11) == full.weight_bits(0, 7, 0, 11) == 7 * 11 * 2
    assert shape.index_bits(0, 7, 0, 11) == full.index_bits(0, 7, 0, 11) == 3 * 11 * zero_skipping


@pytest.mark.parametrize(
    "fields",
    [
        {"weight_bits": 8, "weight_coding": "uniform"},
        {"weight_bits": 2, "weight_coding": "uniform"},
        {"weight_bits": 4, "weight_coding": "pow2"},
        {"weight_bits": 1, "weight_coding": "binary"},
    ],
)
def test_signs_run_in_any_coding_at_their_bits(fields: dict[str, Any]) -> None:
    row = accelsim.simulate(
        trace_of(np.ones((6, 10), int), np.ones((2, 10), int), **fields), {"name": "t", "array": {"kind": "ternary"}}
    ).layers.iloc[0]
    assert row["storage_weight_bits"] == 60 * fields["weight_bits"]


def test_other_weights_go_to_the_fallback() -> None:
    machine = {"name": "t", "array": {"kind": "ternary"}}
    wide = GemmTrace("wide", weight=[[1, -2]], activation=[[3, 4]])
    with pytest.raises(UnsupportedLayerError, match=r"layer 'wide' cannot run on ternary: a weight is -2; "):
        accelsim.simulate(wide, machine)
    with pytest.raises(UnsupportedLayerError, match="uniform of 8 bits; ternary or binary"):
        accelsim.simulate(GemmTrace("shape", M=1, N=2, K=3), machine)
    fallback = {"kind": "systolic", "rows": 2, "cols": 2, "dataflow": "os"}
    signs = trace_of([[1, -1]], [[3, 4]])
    report = accelsim.simulate([wide, signs], machine | {"fallback": fallback}, verify=True)
    assert list(report.layers["array"]) == ["systolic", "ternary"]
    with pytest.raises(TraceError):
        program(GemmTrace("shape", M=1, N=2, K=3, **BITS)).functional()


def test_convolution_with_padding_groups_and_dilation() -> None:
    rng = np.random.default_rng(2)
    trace = GemmTrace.from_conv(
        "c", weight=codes((6, 2, 3, 3), 0.2, rng), ifmap=rng.integers(-8, 8, (2, 4, 7, 6)), padding=2, dilation=2,
        groups=2, **BITS,
    )  # fmt: skip
    machine = {"name": "t", "array": {"kind": "ternary", "rows": 3, "cols": 2}}
    assert accelsim.simulate(trace, machine, verify=True).outputs["c"].shape == (2 * 7 * 6, 6)


def test_functional_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.arrays.common.slices.SLICE_ELEMENTS", 40)
    rng = np.random.default_rng(3)
    weight, x = codes((11, 7), 0.4, rng), rng.integers(-9, 9, (13, 7))
    np.testing.assert_array_equal(program(trace_of(weight, x), cols=4).functional(), x @ weight.T)


def test_small_buffers_keep_the_cycles_of_whole_k() -> None:
    """A mapping of many tiles along M and N computes as long as one of all."""
    rng = np.random.default_rng(4)
    trace = trace_of(codes((70, 300), 0.05, rng), rng.integers(-8, 8, (60, 300)))
    machine = {"name": "t", "array": {"kind": "ternary", "rows": 4, "cols": 4}}
    buffers = {"ifmap_kib": 10, "filter_kib": 2, "ofmap_kib": 1}
    free, tight = (accelsim.simulate(trace, machine | more) for more in ({}, {"buffers": buffers}))
    assert tight.layers.iloc[0]["t_cuts"] == 0
    assert tight.dram_bytes > free.dram_bytes
    assert tight.compute_cycles == free.compute_cycles


@pytest.mark.parametrize("dataflow", ["ws", "is"])
def test_another_dataflow_is_refused_by_name(dataflow: str) -> None:
    with pytest.raises(ConfigError, match=r"array\.dataflow is '.s'"):
        load_hardware({"name": "t", "array": {"kind": "ternary", "dataflow": dataflow}})


def test_shipped_machine_loads() -> None:
    array = load_hardware("lowbit/ternary-16x16").array
    assert isinstance(array, TernaryArray)
    assert (array.peak_macs, array.baseline_macs(2, 8), array.zero_skipping) == (256, 256, True)


def test_built_of_adders_and_gates() -> None:
    """A PE: AND and XOR on 8 bits of activation, 32 bits of adder; a code of 2, an activation and a psum latched."""
    pe = {"gate": 4.0 * 16, "full_adder": 4.0 * 32, "register_bit": 4.0 * (2 + 8 + 32)}
    assert TernaryArray(rows=2, cols=2, zero_skipping=False).logic(2, 8) == pe
    assert TernaryArray(rows=2, cols=2).logic(2, 8) == pe | {"decoder": 1.0}


def test_energy_of_two_by_two_by_hand() -> None:
    """SMALL has one fold of T = 2, k 2 is skipped: 6 additions, 2 lanes at rest; 1 KiB of each buffer."""
    buffers = {"ifmap_kib": 1, "filter_kib": 1, "ofmap_kib": 1, "double": False}
    machine = {"name": "t", "clock_mhz": 500, "array": {"kind": "ternary", "rows": 2, "cols": 2}, "buffers": buffers}
    row = accelsim.simulate(trace_of(SMALL, [[1, 2, 3], [4, 5, 6]]), machine).layers.iloc[0]
    widths = {"ifmap": 2 * 8, "filter": 2 * 2, "ofmap": 2 * 32}
    read, write = (
        {buffer: float(default_table().sram_bit(law, 1024, bits)) for buffer, bits in widths.items()}
        for law in ("read_pj", "write_pj")
    )
    full_adder = 0.03 / 8
    assert row["cycles"] == 2 + 2 + 2 - 2
    assert (row["macs_executed"], row["ternary_gated"], row["ternary_skipped"]) == (6, 2, 4)
    assert row["utilization"] == 6 / (4 * 4)
    dram = [row[f"dram_{part}_bytes"] for part in ("ifmap", "weight", "index", "ofmap")]
    assert dram == [6, 1, 1, 4]
    assert row["energy_mac_pj"] == pytest.approx(6 * (16 * 0.25 * full_adder + 0.1), rel=1e-9)
    assert row["energy_register_pj"] == pytest.approx((8 * (2 + 8) + 6 * 32) * full_adder, rel=1e-9)
    reads = 4 * 8 * read["ifmap"] + 4 * 2 * read["filter"] + 8 * 4 * read["ofmap"]
    sram = reads + 4 * 8 * write["ofmap"] + 8 * 6 * write["ifmap"] + 8 * (1 + 1) * write["filter"]
    assert row["energy_sram_pj"] == pytest.approx(sram, rel=1e-9)
    assert row["energy_index_pj"] == pytest.approx(3 * read["filter"] + 2 * 0.05, rel=1e-9)
