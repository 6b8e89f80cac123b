"""Options of the dense array (overlap, packing, auto, gating), against registers moved clock by clock."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim import GemmTrace
from accelsim.arrays.systolic import SystolicArray
from tests.references import systolic as reference_systolic
from tests.references import systolic_overlap as reference_overlap


def machine(**array):
    return {"name": "t", "array": {"kind": "systolic", **array}}


def layer(case):
    xs, ws, _, _ = case
    return GemmTrace("layer", weight=np.vstack(ws), activation=np.hstack(xs), groups=len(xs))


@st.composite
def cases(draw, most=7, groups=3):
    m, n, k = (draw(st.integers(1, most)) for _ in range(3))
    count = draw(st.integers(1, groups))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    xs = [rng.integers(-128, 128, (m, k)) for _ in range(count)]
    ws = [rng.integers(-128, 128, (n, k)) for _ in range(count)]
    return xs, ws, draw(st.integers(1, 5)), draw(st.integers(1, 5))


def check(case, dataflow, clipped, packing=False):
    xs, ws, rows, cols = case
    (m, k), n = xs[0].shape, len(ws[0])
    together = max(1, min(rows // k, cols // (n if dataflow == "ws" else m), len(xs))) if packing else 1
    clocks, out = reference_overlap.run(xs, ws, rows, cols, dataflow, clipped, together)
    folds = "clipped" if clipped else "full"
    report = accelsim.simulate(
        layer(case),
        machine(rows=rows, cols=cols, dataflow=dataflow, edge_folds=folds, fold_overlap=True, group_packing=packing),
        verify=True,
    )
    assert report.compute_cycles == clocks
    assert np.array_equal(report.outputs["layer"], out)
    assert np.array_equal(out, np.hstack([x @ w.T for x, w in zip(xs, ws, strict=True)]))


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@settings(max_examples=250, deadline=None, derandomize=True)
@given(case=cases(), clipped=st.booleans())
def test_overlapped_folds_of_all_groups_equal_the_register_model(dataflow, case, clipped):
    check(case, dataflow, clipped)


@pytest.mark.parametrize("dataflow", ["ws", "is"])
@settings(max_examples=250, deadline=None, derandomize=True)
@given(case=cases(most=3, groups=5), clipped=st.booleans())
def test_packed_and_overlapped_folds_equal_the_register_model(dataflow, case, clipped):
    check(case, dataflow, clipped, packing=True)


@pytest.mark.parametrize("dataflow", ["ws", "is"])
@settings(max_examples=250, deadline=None, derandomize=True)
@given(case=cases(most=3, groups=5), clipped=st.booleans())
def test_packed_folds_equal_the_register_model(dataflow, case, clipped):
    xs, ws, rows, cols = case
    (m, k), n = xs[0].shape, len(ws[0])
    together = max(1, min(rows // k, cols // (n if dataflow == "ws" else m), len(xs)))
    clocks, outputs = 0, []
    for g in range(0, len(xs), together):
        x, w = xs[g : g + together], ws[g : g + together]
        held, moved = ([p.T for p in w], x) if dataflow == "ws" else ([p.T for p in x], w)
        if together == 1:
            took, out = reference_systolic.run(x[0], w[0], rows, cols, dataflow, clipped)
        else:
            block = reference_overlap._block_diagonal(held)
            took, flat = reference_systolic.run(np.hstack(moved), block.T, rows, cols, "ws", clipped)
            out = np.hstack([p.T if dataflow == "is" else p for p in np.hsplit(flat, len(x))])
        clocks += took
        outputs.append(out)
    folds = "clipped" if clipped else "full"
    array = {"rows": rows, "cols": cols, "dataflow": dataflow, "edge_folds": folds, "group_packing": True}
    report = accelsim.simulate(layer(case), machine(**array), verify=True)
    assert report.compute_cycles == clocks
    assert np.array_equal(report.outputs["layer"], np.hstack(outputs))


@pytest.mark.slow
@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@settings(max_examples=2000, deadline=None)
@given(case=cases(most=9, groups=4), clipped=st.booleans(), packing=st.booleans())
def test_many_more_cases_equal_the_register_model(dataflow, case, clipped, packing):
    check(case, dataflow, clipped, packing and dataflow != "os")


def test_the_register_model_sees_a_fold_that_starts_too_early():
    ones = np.ones((4, 1), np.int64)
    for dataflow, move in (
        ("os", reference_overlap._move_output_stationary),
        ("ws", reference_overlap._move_stationary),
    ):
        folds = [fold for fold, _ in reference_overlap._folds([ones], [np.ones((4, 1), int)], 2, 2, dataflow, False)]
        solve = reference_overlap._output_stationary if dataflow == "os" else reference_overlap._stationary
        solve(folds, 2, 2)
        assert [fold.start for fold in folds][:2] == ([0, 2] if dataflow == "os" else [2, 6])
        folds[1].start -= 1
        with pytest.raises((AssertionError, TypeError)):
            move(folds, 2, 2)


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_one_fold_takes_what_it_takes_alone(dataflow):
    trace = GemmTrace("a", M=5, N=6, K=7)
    alone, overlapped = (
        accelsim.simulate(trace, machine(rows=8, cols=8, dataflow=dataflow, fold_overlap=on)) for on in (False, True)
    )
    assert alone.compute_cycles == overlapped.compute_cycles


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@pytest.mark.parametrize("tile", [{"m": 8}, {"n": 8}, {"k": 8}, {"m": 8, "n": 16, "k": 16}])
def test_each_tile_pays_one_fill_and_the_mapper_knows_it(dataflow, tile):
    m, n, k, r, c = 40, 24, 48, 8, 8
    trace = GemmTrace("a", M=m, N=n, K=k)
    hardware = machine(rows=r, cols=c, dataflow=dataflow, fold_overlap=True)
    parts = [range(0, size, tile.get(d, size)) for d, size in (("m", m), ("n", n), ("k", k))]
    expected = tiles = 0
    for starts in product(*parts):
        size = {d: min(tile.get(d, w), w - s) for d, w, s in zip("mnk", (m, n, k), starts, strict=True)}
        sr, sc, t = (size[d] for d in {"os": "mnk", "ws": "knm", "is": "kmn"}[dataflow])
        folds = -(-sr // r) * -(-sc // c)
        expected += (0 if dataflow == "os" else r) + r + c - 2 + (folds - 1) * max(t, r) + t
        tiles += 1
    whole = accelsim.simulate(trace, hardware).compute_cycles
    cut = accelsim.simulate(trace, hardware | {"mapping": tile}).compute_cycles
    assert cut == expected
    program = SystolicArray(rows=r, cols=c, dataflow=dataflow, fold_overlap=True).program(trace)
    assert program.fill_cycles == r + c - 2 + (0 if dataflow == "os" else r)
    in_time = len(parts["MNK".index(program.grain.whole)])
    assert cut - whole <= program.cut_cycles * (in_time - 1) + program.fill_cycles * (tiles - in_time)
    if in_time == 1:  # T is whole, and longer than R: exact
        assert cut - whole == program.fill_cycles * (tiles - 1)


@pytest.mark.parametrize("dataflow", ["ws", "is"])
def test_with_double_buffered_weights_a_tile_loads_behind_the_one_before(dataflow):
    trace = GemmTrace("a", M=40, N=24, K=48)
    tile = {"k": 16}
    array = {"rows": 8, "cols": 8, "dataflow": dataflow, "fold_overlap": True}
    plain, hidden = (
        accelsim.simulate(trace, machine(**array, weight_double_buffer=on) | {"mapping": tile}) for on in (False, True)
    )
    assert plain.compute_cycles - hidden.compute_cycles == 2 * 8  # of three tiles the first shows its load


def test_fused_operators_take_subtiles_of_one_sequence():
    trace = GemmTrace("a", M=64, N=64, K=40)
    relu = accelsim.Operator("r", "relu", "a", inputs=64 * 64, outputs=64 * 64, work=64 * 64, fused=True)
    network = accelsim.Workload("w", [trace], operators=[relu])
    with_relu, without = (
        accelsim.simulate(load, machine(rows=8, cols=8, fold_overlap=True)) for load in (network, trace)
    )
    assert with_relu.compute_cycles == without.compute_cycles == 14 + 63 * 40 + 40
    assert with_relu.cycles < without.cycles + 64 * 64 // 16 // 8


@pytest.mark.parametrize("sizes", [(50, 7, 90), (3, 60, 200), (400, 9, 12), (17, 17, 17), (1, 500, 800)])
def test_auto_is_the_best_dataflow_and_the_row_says_which(sizes):
    m, n, k = sizes
    trace = GemmTrace("a", M=m, N=n, K=k)
    cycles = {d: accelsim.simulate(trace, machine(rows=8, cols=16, dataflow=d)).cycles for d in ("os", "ws", "is")}
    report = accelsim.simulate(trace, machine(rows=8, cols=16, dataflow="auto"))
    assert report.cycles == min(cycles.values())
    assert cycles[report.rows[0]["dataflow"]] == report.cycles


def test_auto_takes_each_layer_by_itself_also_from_memory():
    dram = {"model": "bandwidth", "gbps": 4.0, "latency_cycles": 20}
    buffers = {"ifmap_kib": 16, "filter_kib": 16, "ofmap_kib": 16}
    traces = [GemmTrace("a", M=400, N=9, K=40), GemmTrace("b", M=1, N=500, K=800), GemmTrace("c", M=90, N=200, K=16)]
    reports = {
        d: accelsim.simulate(traces, machine(rows=8, cols=16, dataflow=d) | {"buffers": buffers, "dram": dram})
        for d in ("os", "ws", "is", "auto")
    }
    for i in range(3):
        best = min(reports[d].rows[i]["cycles"] for d in ("os", "ws", "is"))
        assert reports["auto"].rows[i]["cycles"] <= 1.02 * best


def test_rows_of_arrays_without_a_dataflow_say_nothing():
    csr = accelsim.simulate(GemmTrace("a", M=4, N=4, K=4), {"name": "t", "array": {"kind": "csr_rows"}})
    assert csr.rows[0]["dataflow"] == ""
    assert accelsim.simulate(GemmTrace("a", M=4, N=4, K=4), machine(dataflow="ws")).rows[0]["dataflow"] == "ws"


@pytest.mark.parametrize("dataflow", ["ws", "is", "auto"])
def test_packed_groups_count_exactly_what_their_groups_do(dataflow):
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 10, (1, 11, 6, 6)) * (rng.random((1, 11, 6, 6)) < 0.5)
    w = rng.integers(-9, 10, (11, 1, 1, 3)) * (rng.random((11, 1, 1, 3)) < 0.5)
    depthwise = GemmTrace.from_conv("dw", weight=w, ifmap=x, groups=11, padding=(0, 1))
    rows = []
    for packing in (False, True):
        array = {"rows": 16, "cols": 16, "dataflow": dataflow, "group_packing": packing, "zero_gating": True}
        report = accelsim.simulate(depthwise, machine(**array), verify=True)
        rows.append(report.rows[0])
    exact = (
        "macs_dense", "macs_effectual", "macs_executed", "systolic_gated", "weights_nonzero", "weights_dense",
        "storage_weight_bits", "dram_ifmap_bytes", "dram_ofmap_bytes", "dram_weight_bytes",
    )  # fmt: skip
    assert {name: rows[0][name] for name in exact} == {name: rows[1][name] for name in exact}
    if dataflow == "ws":
        assert rows[1]["sram_ifmap_reads"] == rows[0]["sram_ifmap_reads"] == 11 * 36 * 3
        assert rows[1]["sram_ofmap_writes"] == rows[0]["sram_ofmap_writes"] == 11 * 36
        assert rows[1]["compute_cycles"] == 3 * (2 * 16 + 16 + 36 - 2)


def test_values_that_cross_other_groups_are_latched_there():
    """Two groups of K = N = 1, M = 1 on 2 x 2 in ws: by hand, with 8-bit operands and 32-bit psums.

    Group 0: its activation and psum hop once each in its own PE, the psum once more below; its weight shifts in once.
    Group 1: its activation crosses column 0, its weight the row above it.
    """
    trace = GemmTrace("a", weight=[[2], [3]], activation=[[4, 5]], groups=2)
    row = accelsim.simulate(trace, machine(rows=2, cols=2, dataflow="ws", group_packing=True), verify=True).rows[0]
    assert row["register_bits"] == (8 + 32 + 32 + 8) + (8 + 8 + 32 + 8 + 8)


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(case=cases(most=6), density=st.floats(0, 1), packing=st.booleans())
def test_gated_macs_are_counted_from_the_values(dataflow, case, density, packing):
    xs, ws, rows, cols = case
    rng = np.random.default_rng(7)
    xs = [x * (rng.random(x.shape) < density) for x in xs]
    ws = [w * (rng.random(w.shape) < density) for w in ws]
    array = {"rows": rows, "cols": cols, "dataflow": dataflow, "group_packing": packing}
    plain, gated = (
        accelsim.simulate(layer((xs, ws, rows, cols)), machine(**array, zero_gating=on)) for on in (False, True)
    )
    pairs = sum(int(((x != 0)[:, None] & (w != 0)[None]).sum()) for x, w in zip(xs, ws, strict=True))
    assert gated.rows[0]["systolic_gated"] == gated.rows[0]["macs_executed"] - pairs
    assert "systolic_gated" not in plain.rows[0]
    assert gated.cycles == plain.cycles


def test_a_shape_has_no_zeros_to_gate():
    for nm in (None, "2:4"):
        report = accelsim.simulate(GemmTrace("a", M=9, N=9, K=16), machine(rows=4, cols=4, nm=nm, zero_gating=True))
        assert report.rows[0]["systolic_gated"] == 0


def test_options_cost_area():
    sizes = {"rows": 4, "cols": 4}
    for dataflow, bits in (("os", 32), ("ws", 4), ("is", 8)):
        one, other = (SystolicArray(**sizes, dataflow=dataflow, fold_overlap=on).logic(4, 8) for on in (False, True))
        assert other["register_bit"] - one["register_bit"] == 16 * bits
    auto = SystolicArray(**sizes, dataflow="auto", fold_overlap=True, zero_gating=True).logic(4, 8)
    plain = SystolicArray(**sizes).logic(4, 8)
    assert auto["register_bit"] - plain["register_bit"] == 16 * (32 + 8)
    assert auto["gate"] - plain["gate"] == 16 * ((4 + 8 + 32) + 11)
