"""scnn: the kernel against the plain per-cycle model, tiles, stored bits, refusals, energy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim.arrays.base import Tile, Work
from accelsim.arrays.scnn.array import ScnnArray, ScnnProgram
from accelsim.config import build
from accelsim.errors import ConfigError, UnsupportedLayerError
from accelsim.testing.conformance import LIMITED, OPERANDS
from accelsim.trace.conv import ConvGeometry
from accelsim.trace.gemm import GemmTrace
from tests.accelsim.energy.energy_by_hand import read_bit, write_bit
from tests.references import scnn as reference_scnn

LOSSES = ("fragment", "conflict", "barrier", "halo")
SMALL = {"kind": "scnn", "pe_rows": 2, "pe_cols": 2}
FALLBACK = {"kind": "systolic", "rows": 4, "cols": 4, "dataflow": "os"}


def draw(shape: tuple[int, ...], density: float, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-128, 128, shape) * (rng.random(shape) < density)


def conv(
    weight: tuple[int, ...], ifmap: tuple[int, ...], density: float = 0.5, seed: int = 0, **more: Any
) -> GemmTrace:
    rng = np.random.default_rng(seed)
    return GemmTrace.from_conv("layer", weight=draw(weight, density, rng), ifmap=draw(ifmap, 0.6, rng), **more)


def whole(trace: GemmTrace) -> Tile:
    return Tile(0, trace.M, 0, trace.N, 0, trace.K)


def program(trace: GemmTrace, **fields: Any) -> ScnnProgram:
    return ScnnArray(**fields).program(trace)


def hardware(**more: Any) -> dict[str, Any]:
    return {"name": "s", "array": SMALL, **more}


def added(works: list[Work]) -> Work:
    counts = sum((work.counts for work in works[1:]), works[0].counts)
    return Work(sum(work.cycles for work in works), counts)


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
machines = st.builds(
    reference_scnn.Machine,
    grid=pairs,
    vectors=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    banks=st.sampled_from([32, 32, 16, 8, 4, 2, 1, 3, 12, 24]),
    accumulators=st.integers(100, 400),
    barrier=st.sampled_from(["channel", "group"]),
)
densities = st.sampled_from([0.0, 0.05, 0.3, 0.7, 1.0])


@st.composite
def layers(draw_from: st.DrawFn) -> GemmTrace:
    """One or two groups, batches of one or two, any stride, padding and dilation of either axis."""
    kernel, stride, dilation = (draw_from(pairs) for _ in range(3))
    padding = draw_from(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    size = tuple(d * (k - 1) + draw_from(st.integers(1, 6)) for k, d in zip(kernel, dilation, strict=True))
    batch, groups, channels = (draw_from(st.integers(1, 2)) for _ in range(3))
    filters = draw_from(st.integers(1, 24))
    rng = np.random.default_rng(draw_from(st.integers(0, 2**32 - 1)))
    weight = draw((groups * filters, channels, *kernel), draw_from(densities), rng)
    ifmap = draw((batch, groups * channels, *size), draw_from(densities), rng)
    geometry = {"stride": stride, "padding": padding, "dilation": dilation}
    return GemmTrace.from_conv("layer", weight=weight, ifmap=ifmap, groups=groups, **geometry)


@given(trace=layers(), machine=machines)
@settings(max_examples=300, deadline=None)
def test_kernels_equal_the_per_cycle_model(trace: GemmTrace, machine: reference_scnn.Machine) -> None:
    (rows, cols), (i, f) = machine.grid, machine.vectors
    array = ScnnArray(
        pe_rows=rows, pe_cols=cols, ifmap_vector=i, filter_vector=f, banks=machine.banks,
        accumulators=machine.accumulators, barrier=machine.barrier,
    )  # fmt: skip
    for g in range(trace.groups):
        one = trace.group(g)
        geometry = one.conv
        assert geometry is not None
        layer = reference_scnn.Layer(
            one.ifmap, one.weight.reshape(one.N, -1, *geometry.kernel), geometry.stride, geometry.padding,
            geometry.dilation,
        )  # fmt: skip
        expected, ran = reference_scnn.run(layer, machine), array.program(one)
        work, tally = ran.work(whole(one)), expected.tally
        assert work.cycles == expected.cycles
        assert {loss: work.counts[f"scnn_idle_{loss}"] for loss in LOSSES} == {loss: tally[loss] for loss in LOSSES}
        assert work.counts["scnn_mults"] == tally["mults"] == ran.effectual_macs()
        assert work.counts["scnn_outside"] == tally["outside"]
        assert work.counts["scnn_halo_psums"] == tally["halo_psums"]
        assert work.counts["sram_filter_reads"] == tally["steps"] * f
        assert work.counts["sram_ifmap_reads"] == tally["vectors"] * i
        assert (
            sum(work.counts[f"scnn_idle_{loss}"] for loss in LOSSES) + tally["mults"] == work.cycles * array.peak_macs
        )
        entries, streams = reference_scnn.stored_entries(layer, reference_scnn.group_size(layer, machine))
        assert ran.weight_bits(0, one.N, 0, one.K) == entries * 8
        assert ran.index_bits(0, one.N, 0, one.K) == entries * 4 + streams * 16
        exact = one.activation.astype(np.int64) @ one.weight.T.astype(np.int64)
        np.testing.assert_array_equal(expected.output.transpose(0, 2, 3, 1).reshape(one.M, one.N), exact)
        np.testing.assert_array_equal(ran.functional(), exact)


def test_cycles_by_hand() -> None:
    """One PE, one row of 3 activations, taps [1 1], 2 filters, I = F = 2: activations (0 1) (2), weights (r0: 0 1)
    (r1: 0 1). Outputs y = 0, 1: of 4 · 3 products the ones at y = 2 and −1 fall outside. Products of a step hit
    different filters or columns, so different banks: 2 · 2 steps of one cycle."""
    trace = GemmTrace.from_conv("a", weight=np.ones((2, 1, 1, 2), int), ifmap=np.ones((1, 1, 1, 3), int))
    work = program(trace, pe_rows=1, pe_cols=1, ifmap_vector=2, filter_vector=2).work(whole(trace))
    assert work.cycles == 4
    assert work.counts["scnn_mults"] == 8
    assert work.counts["scnn_outside"] == 4
    assert work.counts["scnn_idle_fragment"] == 4 * 4 - 8
    assert work.counts["scnn_idle_halo"] == 0


def test_a_busy_bank_holds_the_step() -> None:
    """Columns 0, 4, 8 and 12 of one filter share a bank, so that one vector takes four cycles; 0 to 3 share none."""
    fields = {"pe_rows": 1, "pe_cols": 1, "filter_vector": 1}
    for columns, cycles in (([0, 4, 8, 12], 4), ([0, 4, 6, 12], 3), ([0, 1, 2, 3], 1)):
        ifmap = np.zeros((1, 1, 1, 16), int)
        ifmap[..., columns] = 1
        trace = GemmTrace.from_conv("a", weight=np.ones((1, 1, 1, 1), int), ifmap=ifmap)
        work = program(trace, **fields).work(whole(trace))
        assert work.cycles == cycles
        assert work.counts["scnn_idle_conflict"] == 4 * (cycles - 1)


def test_the_halo_is_the_largest_border_region() -> None:
    """8 × 8 outputs on 2 × 2 PEs, padding 1: tiles of 5 × 5; a 3 × 3 kernel reaches 1 beyond each edge: 5 psums a
    filter; one of 5 × 1 along a row of PEs only: with one column of PEs nothing moves sideways."""
    trace = GemmTrace.from_conv("a", weight=(3, 1, 3, 3), ifmap=(1, 1, 8, 8), padding=1)
    assert program(trace, pe_rows=2, pe_cols=2).work(whole(trace)).counts["scnn_idle_halo"] == 5 * 3 * 4 * 16
    assert program(trace, pe_rows=2, pe_cols=2).work(whole(trace)).counts["scnn_halo_psums"] == 4 * (5 + 1) * 3 * 4
    assert program(trace, pe_rows=2, pe_cols=1).work(whole(trace)).counts["scnn_idle_halo"] == 10 * 3 * 2 * 16
    wide = GemmTrace.from_conv("a", weight=(3, 1, 1, 3), ifmap=(1, 1, 8, 8), padding=(0, 1))
    assert program(wide, pe_rows=4, pe_cols=1).work(whole(wide)).counts["scnn_idle_halo"] == 0


@pytest.mark.parametrize("barrier", ["channel", "group"])
@pytest.mark.parametrize(
    ("weight", "ifmap", "geometry"),
    [
        ((21, 3, 3, 3), (2, 3, 9, 7), {"padding": 1}),
        ((90, 2, 2, 3), (1, 2, 11, 11), {"stride": 2}),
        ((7, 1, 1, 1), (3, 1, 4, 4), {}),
    ],
)
def test_a_shape_costs_what_a_layer_without_zeros_costs(
    barrier: str, weight: tuple[int, ...], ifmap: tuple[int, ...], geometry: dict[str, int]
) -> None:
    fields = {"pe_rows": 2, "pe_cols": 2, "accumulators": 170, "barrier": barrier}
    ones = np.ones(weight, np.int8), np.ones(ifmap, np.int8)
    given_values = {(w, x) for w in (0, 1) for x in (0, 1)}
    works, bits = [], []
    for w, x in sorted(given_values):
        operands = {"weight": ones[0] if w else weight, "ifmap": ones[1] if x else ifmap}
        ran = program(GemmTrace.from_conv("a", **operands, **geometry), **fields)
        works.append(ran.work(whole(ran.trace)))
        bits.append((ran.weight_bits(0, ran.trace.N, 0, ran.trace.K), ran.index_bits(0, ran.trace.N, 0, ran.trace.K)))
    assert works[1:] == works[:1] * 3
    assert bits[1:] == bits[:1] * 3


@pytest.mark.parametrize("barrier", ["channel", "group"])
def test_tiles_of_images_and_filter_groups_add_up(barrier: str) -> None:
    trace = conv((40, 3, 3, 3), (3, 3, 8, 8), padding=1)
    fields = {"pe_rows": 2, "pe_cols": 2, "accumulators": 200, "barrier": barrier}
    ran, again = program(trace, **fields), program(trace, **fields)
    assert ran.plan.group == 12
    area = trace.M // 3
    tiles = [Tile(b * area, b * area + area, n, min(n + 24, 40), 0, trace.K) for b in range(3) for n in (0, 24)]
    parts, at_once = added([ran.work(tile) for tile in tiles]), again.work(whole(trace))
    assert parts.cycles == at_once.cycles
    assert parts.counts == at_once.counts


def test_a_cut_of_k_pays_the_halo_again_and_reads_psums() -> None:
    trace = conv((10, 4, 3, 3), (1, 4, 8, 8), padding=1)
    ran = program(trace, pe_rows=2, pe_cols=2)
    parts = added([ran.work(Tile(0, trace.M, 0, 10, k, k + 18)) for k in (0, 18)])
    at_once = ran.work(whole(trace))
    assert parts.counts["scnn_mults"] == at_once.counts["scnn_mults"]
    assert parts.counts["scnn_idle_halo"] == 2 * at_once.counts["scnn_idle_halo"]
    assert parts.cycles == at_once.cycles + 5 * 10
    assert parts.counts["sram_psum_reads"] == trace.M * 10
    assert ran.spills_psums(18)
    assert not ran.spills_psums(36)
    cut = sum(ran.weight_bits(n, n + 5, k, k + 9) for n in (0, 5) for k in (0, 9, 18, 27))
    assert cut == ran.weight_bits(0, 10, 0, 36)


def test_stored_bits_by_hand() -> None:
    """One stream of 40 filters at one tap: nonzeros at 0 and 39, so padding zeros at 16 and 32; then a count."""
    weight = np.zeros((40, 1, 1, 1), np.int64)
    weight[[0, 39]] = 5
    ran = program(GemmTrace.from_conv("a", weight=weight, ifmap=(1, 1, 4, 4)))
    assert ran.weight_bits(0, 40, 0, 1) == 4 * 8
    assert ran.index_bits(0, 40, 0, 1) == 4 * 4 + 16
    coded = GemmTrace.from_conv("a", weight=weight, ifmap=(1, 1, 4, 4), weight_coding="codebook", codebook_bits=4)
    assert program(coded).weight_bits(0, 40, 0, 1) == 4 * 4


def test_pruned_columns_are_zeros_of_the_whole_kernel() -> None:
    rng = np.random.default_rng(4)
    columns = (0, 1, 4, 11, 19, 26)
    weight, ifmap = draw((9, 6), 0.8, rng), draw((2, 3, 6, 6), 0.6, rng)
    full = np.zeros((9, 27), np.int64)
    full[:, columns] = weight
    geometry = ConvGeometry(2, 3, 6, 6, (3, 3), padding=(1, 1), columns=columns)
    pruned = GemmTrace("a", weight=weight, activation=ifmap, conv=geometry)
    dense = GemmTrace.from_conv("a", weight=full.reshape(9, 3, 3, 3), ifmap=ifmap, padding=1)
    ours, theirs = (program(trace, pe_rows=2, pe_cols=2) for trace in (pruned, dense))
    assert ours.work(whole(pruned)) == theirs.work(whole(dense))
    assert ours.weight_bits(0, 9, 0, 6) == theirs.weight_bits(0, 9, 0, 27)
    assert ours.index_bits(0, 9, 0, 6) == theirs.index_bits(0, 9, 0, 27)
    np.testing.assert_array_equal(ours.functional(), theirs.functional())
    assert ours.grain.k == 6
    accelsim.simulate(pruned, hardware(**LIMITED), verify=True)


def test_what_has_no_planar_tiles_goes_to_the_fallback() -> None:
    gemm = GemmTrace("fc", weight=np.ones((4, 6), int), activation=np.ones((2, 6), int))
    large = GemmTrace.from_conv("large", weight=(1, 1, 1, 1), ifmap=(1, 1, 300, 300))
    for trace, why in ((gemm, "no convolution"), (large, "300x300 outputs exceeds 1024 accumulators")):
        with pytest.raises(UnsupportedLayerError, match=why):
            accelsim.simulate(trace, hardware())
        assert accelsim.simulate(trace, hardware(fallback=FALLBACK)).rows[0]["array"] == "systolic"


def test_a_filter_never_sees_another_groups_activations() -> None:
    weight, ifmap = (12, 2, 3, 3), (2, 6, 7, 5)
    trace = conv(weight, ifmap, padding=1, stride=2, groups=3)
    got = accelsim.simulate(trace, hardware(), verify=True)
    w, x = trace.weight.reshape(weight), trace.ifmap
    parts = [
        GemmTrace.from_conv("g", weight=w[4 * g : 4 * g + 4], ifmap=x[:, 2 * g : 2 * g + 2], padding=1, stride=2)
        for g in range(3)
    ]
    alone = [accelsim.simulate(part, hardware(), verify=True) for part in parts]
    assert got.compute_cycles == sum(report.compute_cycles for report in alone)
    np.testing.assert_array_equal(got.outputs["layer"], np.hstack([report.outputs["g"] for report in alone]))


@pytest.mark.parametrize("density", [0.0, 0.4])
@pytest.mark.parametrize(
    ("weight", "ifmap"), [((1, 1, 1, 1), (1, 1, 1, 1)), ((13, 5, 3, 1), (2, 5, 7, 5)), ((33, 2, 2, 2), (1, 2, 16, 3))]
)
def test_the_laws_of_every_array(weight: tuple[int, ...], ifmap: tuple[int, ...], density: float) -> None:
    """What the conformance class asks on plain GEMMs, on convolutions: verified, parts add up, repeatable."""
    rng = np.random.default_rng(1)
    w, x = draw(weight, density, rng), draw(ifmap, 0.6, rng)
    once, thrice = (GemmTrace.from_conv("layer", weight=w, ifmap=x, repeat=repeat) for repeat in (1, 3))
    for more in ({}, LIMITED):
        report = accelsim.simulate(once, hardware(**more), verify=True)
        row = report.rows[0]
        energy = [v for k, v in row.items() if k.startswith("energy_") and k != "energy_pj"]
        assert row["array"] == "scnn"
        assert row["dram_bytes"] == sum(row[f"dram_{operand}_bytes"] for operand in OPERANDS)
        assert row["energy_pj"] == pytest.approx(sum(energy), rel=1e-9)
        assert min(v for v in row.values() if isinstance(v, int | float)) >= 0
        assert report.stall_cycles == (0 if not more else report.cycles - report.compute_cycles)
        assert report.to_json() == accelsim.simulate(once, hardware(**more), verify=True).to_json()
        again = accelsim.simulate(thrice, hardware(**more))
        assert again.cycles == 3 * report.cycles
        assert again.energy_pj == pytest.approx(3 * report.energy_pj, rel=1e-12)


def test_fewer_nonzeros_never_cost_more() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        weight, ifmap = draw((48, 6, 3, 3), float(rng.choice([0.2, 0.6, 1.0])), rng), draw((1, 6, 11, 11), 0.7, rng)
        traces = [
            GemmTrace.from_conv("a", weight=w, ifmap=ifmap, padding=1)
            for w in (weight, weight * (rng.random(weight.shape) < 0.6))
        ]
        before, now = (accelsim.simulate(trace, hardware()).compute_cycles for trace in traces)
        assert now <= 1.02 * before + 64


def test_energy_of_one_product_by_hand() -> None:
    """1 × 1 kernel, two activations, one PE of 1 × 1: 2 MACs of 8 bits; both operands' vectors with 4-bit indices."""
    trace = GemmTrace.from_conv("a", weight=[[[[3]]]], ifmap=[[[[2, 5]]]])
    array = {"kind": "scnn", "pe_rows": 1, "pe_cols": 1, "ifmap_vector": 1, "filter_vector": 1}
    buffers = {"ifmap_kib": 1, "filter_kib": 1, "ofmap_kib": 1, "double": False}
    row = accelsim.simulate(trace, {"name": "e", "array": array, "buffers": buffers}).rows[0]
    read, write = read_bit(1024, 8 + 4), write_bit(1024, 8 + 4)  # a vector of one operand with its index
    bank = 2 * 1024 * 4 / 32  # bytes of one of the 32 banks of both halves of the accumulators
    accumulate = 2 * 32 * (2 * read_bit(bank, 32) + write_bit(bank, 32))  # and each output is read to leave
    assert row["cycles"] == 2
    assert (row["dram_ifmap_bytes"], row["dram_weight_bytes"], row["dram_index_bytes"]) == (2, 1, 3)
    assert row["energy_mac_pj"] == pytest.approx(2 * 0.3, rel=1e-9)
    assert row["energy_register_pj"] == pytest.approx(4 * 12 * 0.03 / 8, rel=1e-9)
    assert row["energy_index_pj"] == pytest.approx(4 * 4 * read + 4 * 0.05, rel=1e-9)
    moved = 8 * (2 + 1 + 3) * write + 8 * 2 * read_bit(1024)
    sram = 4 * 8 * read + 2 * 8 * write_bit(1024) + moved + accumulate
    assert row["energy_sram_pj"] == pytest.approx(sram, rel=1e-9)


def test_a_product_outside_costs_its_multiplication() -> None:
    """Three activations times two taps; the outer ones each miss once. 15 · 16 gates lead to a bank."""
    trace = GemmTrace.from_conv("a", weight=[[[[1, 1]]]], ifmap=[[[[1, 1, 1]]]])
    row = accelsim.simulate(trace, {"name": "e", "array": {"kind": "scnn", "pe_rows": 1, "pe_cols": 1}}).rows[0]
    assert (row["scnn_mults"], row["scnn_outside"]) == (4, 2)
    assert row["energy_mac_pj"] == pytest.approx(4 * (0.3 + 15 * 16 * 0.25 * 0.03 / 8) + 2 * 0.2, rel=1e-9)


def test_pes_without_a_tile_only_idle() -> None:
    """6 × 6 positions on 8 × 9 PEs: as on 6 × 6, all further slots lost at the barrier; the number may be any."""
    trace = conv((5, 2, 3, 3), (1, 2, 6, 6))
    some, more = (program(trace, pe_rows=r, pe_cols=c).work(whole(trace)) for r, c in ((6, 6), (8, 9)))
    assert more.cycles == some.cycles
    further = (8 * 9 - 6 * 6) * 16 * some.cycles
    idle = {loss: more.counts[f"scnn_idle_{loss}"] - some.counts[f"scnn_idle_{loss}"] for loss in LOSSES}
    assert idle["fragment"] == idle["conflict"] == 0
    assert idle["barrier"] + idle["halo"] == further
    assert program(trace, pe_rows=2**40, pe_cols=2**40).work(whole(trace)).cycles == some.cycles


def test_work_key_holds_all_that_matters() -> None:
    shape = program(GemmTrace.from_conv("a", weight=(64, 4, 3, 3), ifmap=(2, 4, 8, 8)))
    valued = program(conv((64, 4, 3, 3), (2, 4, 8, 8)))
    first, second = Tile(0, 36, 0, 16, 0, 36), Tile(36, 72, 16, 32, 0, 36)
    assert shape.work_key(first) == shape.work_key(second)
    assert shape.work_key(first) != shape.work_key(Tile(0, 36, 1, 17, 0, 36))
    assert valued.work_key(first) != valued.work_key(second)


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"pe_rows": 0}, "pe_rows"), ({"banks": 64}, "banks"), ({"ifmap_vector": 129}, "ifmap_vector"),
     ({"barrier": "chanel"}, "barrier"), ({"accumulator": 5}, "accumulators")],
)  # fmt: skip
def test_wrong_fields_are_named(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(ScnnArray, fields)
