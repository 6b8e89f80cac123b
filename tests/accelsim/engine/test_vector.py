"""The vector unit: fused work hidden behind the array or not, operators by themselves, and the laws of their rows."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim import GemmTrace, Operator, Workload
from accelsim.analysis.comparison import compare_machines, uncompressed
from accelsim.analysis.dense_baseline import dense_pair
from accelsim.engine.schedule import Fetch, Schedule, Visit
from accelsim.engine.simulation import run
from accelsim.memory.bandwidth import BandwidthKernel
from accelsim.technology.table import default_table
from accelsim.trace.operator import lane_operations
from tests.references.vector import engine_with_vector

OS = {"kind": "systolic", "rows": 16, "cols": 16, "dataflow": "os"}
BUFFERS = {"ifmap_kib": 64, "filter_kib": 64, "ofmap_kib": 64}
FAST = {"model": "bandwidth", "gbps": 64}


def machine(**more):
    return {"name": "m", "clock_mhz": 1000, "array": OS, "vector": {"lanes": 16}} | more


def relu(after, elements, name="relu", **more):
    return Operator(name, "relu", after, elements, elements, elements, fused=True, **more)


def pool(after, inputs, name="pool", window=4, outputs=None, **more):
    outputs = inputs // window if outputs is None else outputs
    return Operator(name, "max_pool", after, inputs, outputs, outputs * window, fused=True, **more)


def rows(traces, operators, hardware):
    traces = traces if isinstance(traces, list) else [traces]
    return {row["name"]: row for row in accelsim.simulate(Workload("w", traces, operators=operators), hardware).rows}


GEMM = GemmTrace("a", M=64, N=16, K=100)  # 4 folds of 100 + 30 cycles, 256 outputs each


def test_a_relu_hides_behind_the_array_but_for_the_last_fold():
    row = rows(GEMM, [relu("a", 1024)], machine())["a"]
    assert (row["compute_cycles"], row["vector_cycles"], row["vector_operations"]) == (520, 64, 1024)
    assert (row["cycles"], row["stall_vector_cycles"], row["operators"]) == (520 + 16, 16, "relu")


def test_without_operators_there_is_no_vector_work():
    row = rows(GEMM, [], machine())["a"]
    assert (row["cycles"], row["vector_cycles"], row["energy_vector_pj"], row["operators"]) == (520, 0, 0, "")


def test_a_vector_bound_layer_by_hand():
    """One lane: 256 cycles a fold, the first done at 130. Two output slots: fold i waits for fold i − 2 to leave.

    The array runs 0-130, 130-260, 386-516, 642-772, the vector unit 130-386, -642, -898, -1154.
    """
    hardware = machine(vector={"lanes": 1}, mapping={"m": 16})
    report = accelsim.simulate(Workload("w", [GEMM], operators=[relu("a", 1024)]), hardware)
    spans = [(s.track, s.start, s.start + s.cycles) for s in report.layer("a").result.spans]
    array = [(0, 130), (130, 260), (386, 516), (642, 772)]
    vector = [(130, 386), (386, 642), (642, 898), (898, 1154)]
    assert sorted(spans) == sorted([("array", *s) for s in array] + [("vector", *s) for s in vector])
    assert (report.cycles, report.rows[0]["stall_vector_cycles"]) == (1154, 634)


def test_write_back_follows_the_vector_unit_by_hand():
    """Two tiles of 10 cycles and 7 in the vector unit; outputs of 3 and 5 requests of a cycle leave at 20 and 32."""
    made = Schedule(cycles=[10, 10], drained=[7, 7])
    made.visits = [Visit(0, 0, 0, 0, 3 * 64), Visit(1, 1, 0, 0, 5 * 64)]
    result = run(made, BandwidthKernel(64.0, 1000.0, 0), slots=2)
    spans = {(s.track, s.name.split(":")[0]): (s.start, s.start + s.cycles) for s in result.spans}
    assert spans["vector", "tile 1"] == (20, 27)
    assert spans["ofmap write", "ofmap 0"] == (17, 20)
    assert spans["ofmap write", "ofmap 1"] == (27, 32)
    assert (result.cycles, result.stalls.vector, result.stalls.ofmap) == (32, 7, 5)


schedules = st.lists(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 60)), min_size=1, max_size=4), min_size=1, max_size=8
)


@given(visits=schedules, slots=st.integers(1, 2))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_both_engines_follow_the_reference(visits, slots):
    """With and without a DRAM that has nothing to do, against tiles moved one by one."""
    jobs = [job for visit in visits for job in visit]
    made = Schedule(cycles=[c for c, _ in jobs], drained=[v for _, v in jobs])
    first = 0
    for visit in visits:
        made.visits.append(Visit(first, first + len(visit) - 1, 0, 0, 0))
        first += len(visit)
    expected = engine_with_vector(visits, slots)
    for kernel in (None, BandwidthKernel(64.0, 1000.0, 0)):
        result = run(made, kernel, slots)
        assert result.cycles == expected
        assert result.stalls.total == expected - made.compute_cycles
        assert result.stalls.vector == expected - made.compute_cycles


@given(compute=st.integers(1, 50), vector=st.integers(1, 80), n=st.integers(1, 20))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_equal_tiles_take_the_closed_form(compute, vector, n):
    equal = Schedule(cycles=[compute] * n, drained=[vector] * n, visits=[Visit(i, i, 0, 0, 0) for i in range(n)])
    assert run(equal, None, slots=2).cycles == compute + max(compute, vector) * (n - 1) + vector


def test_an_add_by_itself_takes_the_closed_form():
    """8 tiles: 1024 bytes in 16 cycles, 512 elements on 4 lanes in 128, 512 bytes out in 8, all but the ends hidden."""
    add = Operator("add", "add", "a", 2 * 4096, 4096, 4096)
    row = rows(GEMM, [add], machine(buffers=BUFFERS, dram=FAST, vector={"lanes": 4}))["add"]
    assert (row["kind"], row["array"], row["operators"]) == ("vector", "vector", "add")
    assert (row["compute_cycles"], row["cycles"]) == (8 * 128, 16 + 8 * 128 + 8)
    assert (row["dram_ifmap_bytes"], row["dram_ofmap_bytes"], row["dram_bytes"]) == (8192, 4096, 12288)
    assert (row["utilization"], row["bound"]) == (1, "compute")
    assert (row["stall_ifmap_cycles"], row["stall_ofmap_cycles"]) == (16, 8)
    assert (row["macs_dense"], row["weights_dense"], row["weights_nonzero"], row["storage_weight_bits"]) == (0, 0, 0, 0)


def test_an_add_that_memory_binds_cannot_beat_its_bytes():
    add = Operator("add", "add", "a", 2 * 4096, 4096, 4096)
    row = rows(GEMM, [add], machine(buffers=BUFFERS, dram=FAST, vector={"lanes": 4096}))["add"]
    assert 12288 // 64 <= row["cycles"] <= 12288 // 64 + 8 + 2
    assert row["bound"] == "memory"


def test_parts_of_large_operators_fit_the_buffers():
    """ifmap rooms of 512 bytes: 8 KiB of inputs take 16 tiles, of ⌈256 / 16⌉ = 16 cycles each."""
    small = {"ifmap_kib": 1, "filter_kib": 1, "ofmap_kib": 1}
    add = Operator("add", "add", "a", 2 * 4096, 4096, 4096)
    report = accelsim.simulate(
        Workload("w", [GemmTrace("a", M=16, N=16, K=16)], operators=[add]), machine(buffers=small, dram=FAST)
    )
    spans = [span for span in report.layer("add").result.spans if span.track == "vector"]
    assert len(spans) == 16
    assert {span.cycles for span in spans} == {16}


def test_energy_of_lane_operations_by_hand():
    row = rows(GEMM, [relu("a", 1024)], machine(dram=FAST))["a"]
    lane = default_table().mac(8, 8, 32) + default_table().add(32)
    assert row["energy_vector_pj"] == pytest.approx(1024 * float(lane), rel=1e-12)
    bare = rows(GEMM, [], machine(dram=FAST))["a"]
    table, size, word = default_table(), bare["dram_ofmap_bytes"], 32 * OS["cols"]
    moved = 1024 * 8 * float(table.sram_bit("read_pj", size, word) + table.sram_bit("write_pj", size, word))
    assert row["energy_sram_pj"] - bare["energy_sram_pj"] == pytest.approx(moved, rel=1e-9)


CONV = GemmTrace.from_conv("c", weight=(16, 3, 3, 3), ifmap=(1, 3, 32, 32), padding=1)  # M = 32·32
OUT = 32 * 32 * 16


def test_fused_pooling_writes_what_is_left():
    chain = [relu("c", OUT), pool("relu", OUT)]
    hardware = machine(buffers=BUFFERS, dram=FAST, mapping={"m": 256})  # of whole windows
    row, bare = rows(CONV, chain, hardware)["c"], rows(CONV, [], hardware)["c"]
    assert row["operators"] == "relu+max_pool"
    assert (row["dram_ofmap_bytes"], bare["dram_ofmap_bytes"]) == (OUT // 4, OUT)
    assert (row["sram_vector_reads"], row["sram_vector_writes"]) == (OUT, OUT // 4)
    assert row["vector_operations"] == 2 * OUT
    assert row["dram_ifmap_bytes"] == bare["dram_ifmap_bytes"]


@pytest.mark.parametrize(
    ("m", "operator", "fused"),
    [
        (128, pool("c", OUT), True),  # 4 rows of 2 x 2 windows
        (64, pool("c", OUT), False),  # 2 rows hold 2 x 2 windows, but cut 4 x 1 ones
        (512, pool("c", OUT, window=9, outputs=OUT // 4), False),  # windows of 3 overlap: whole planes alone are sure
        (1024, pool("c", OUT, window=9, outputs=OUT // 4), True),
        (1024, pool("c", OUT, window=32 * 32), True),
        (512, pool("c", OUT, window=32 * 32), False),
        (1024, pool("c", OUT // 2), False),  # another layer's sizes
        (16, relu("c", OUT), True),
    ],
)
def test_when_a_tile_holds_whole_windows(m, operator, fused):
    found = rows(CONV, [operator], machine(mapping={"m": m}))
    assert list(found) == (["c"] if fused else ["c", operator.name])
    assert found["c"]["operators"] == (operator.op if fused else "")
    assert sum(row["vector_operations"] for row in found.values()) == operator.work


def test_what_follows_a_cut_pool_goes_with_it():
    chain = [relu("c", OUT), pool("relu", OUT), relu("pool", OUT // 4, name="again")]
    found = rows(CONV, chain, machine(mapping={"m": 64}, buffers=BUFFERS, dram=FAST))
    assert [(row["name"], row["operators"]) for row in found.values()] == [("c", "relu"), ("pool", "max_pool+relu")]
    assert found["c"]["dram_ofmap_bytes"] == found["pool"]["dram_ifmap_bytes"] == OUT
    assert found["pool"]["dram_ofmap_bytes"] == OUT // 4


def test_planes_of_a_batch_may_be_cut_apart_but_no_window():
    conv = GemmTrace.from_conv("c", weight=(16, 3, 3, 3), ifmap=(2, 3, 32, 32), padding=1)
    assert list(rows(conv, [pool("c", 2 * OUT)], machine(mapping={"m": 1024}))) == ["c"]
    odd = GemmTrace.from_conv("c", weight=(16, 3, 3, 3), ifmap=(2, 3, 30, 30), padding=1)  # 30 is no multiple of 4
    assert list(rows(odd, [pool("c", 2 * 900 * 16)], machine(mapping={"m": 480}))) == ["c", "pool"]


def test_parameters_come_with_the_first_weights():
    norm = Operator("bn", "batch_norm", "a", 1024, 1024, 2048, parameters=32, fused=True)
    with_norm = rows(GEMM, [norm], machine(buffers=BUFFERS, dram=FAST))["a"]
    bare = rows(GEMM, [], machine(buffers=BUFFERS, dram=FAST))["a"]
    assert with_norm["dram_weight_bytes"] == bare["dram_weight_bytes"] + 32
    assert with_norm["weights_dense"] == bare["weights_dense"]


def test_an_operator_that_moves_nothing_has_no_row():
    free = Operator("cat", "concat", "a", 0, 0, 0)
    behind = Operator("r", "relu", "cat", 2048, 2048, 2048, fused=True)
    found = rows(GEMM, [free, behind], machine(dram=FAST))
    assert list(found) == ["a", "r"]
    assert found["r"]["dram_ifmap_bytes"] == 2048


KEPT = BUFFERS | {"keep_on_chip": True}


def test_a_chain_keeps_activations_on_chip_through_its_operators():
    soft = Operator("s", "softmax", "a", 1024, 1024, lane_operations("softmax", 1024, rows=64))
    found = rows([GEMM, GemmTrace("b", M=64, N=8, K=16)], [soft], machine(buffers=KEPT, dram=FAST))
    assert [found[name]["dram_ifmap_bytes"] for name in "asb"] == [6400, 0, 0]
    assert [found[name]["dram_ofmap_bytes"] for name in "asb"] == [0, 0, 512]


def test_a_branch_is_written_for_the_join():
    """x goes through b and c and is added: b may read x on chip, but x must be written, and the sum is read again."""
    traces = [GEMM, GemmTrace("b", M=64, N=24, K=16), GemmTrace("c", M=64, N=16, K=24), GemmTrace("d", M=64, N=8, K=16)]
    add = Operator("add", "add", "c", 2048, 1024, 1024)
    found = rows(traces, [add], machine(buffers=KEPT, dram=FAST))
    assert [found[n]["dram_ifmap_bytes"] for n in ("a", "b", "c", "add", "d")] == [6400, 0, 0, 2048, 1024]
    assert [found[n]["dram_ofmap_bytes"] for n in ("a", "b", "c", "add", "d")] == [1024, 1536, 1024, 1024, 512]


def test_equal_sizes_are_no_proof_of_an_order():
    """q, k and v all read x, as large as each of them: none may take another for it."""
    traces = [GemmTrace(n, M=16, N=16, K=16) for n in "qkv"]
    scores = GemmTrace("qk.scores", M=16, N=16, K=16, kind="attention")
    relus = [relu(n, 256, name=f"{n}.relu") for n in "qkv"]
    found = rows([*traces, scores], relus, machine(buffers=KEPT, dram=FAST))
    assert all(row["dram_ifmap_bytes"] and row["dram_ofmap_bytes"] for row in found.values())


def test_traces_alone_keep_their_order():
    found = rows([GEMM, GemmTrace("b", M=64, N=8, K=99)], [], machine(buffers=KEPT, dram=FAST))
    assert (found["a"]["dram_ofmap_bytes"], found["b"]["dram_ifmap_bytes"]) == (0, 0)


ARRAYS = [
    OS,
    {**OS, "dataflow": "ws"},
    {**OS, "dataflow": "is"},
    {"kind": "csr_rows", "pes": 4, "vector_width": 4},
    {"kind": "eie", "pes": 4},
    {"kind": "cambricon_x", "pes": 4, "multipliers": 4},
    {"kind": "sticker", "pe_rows": 4, "pe_cols": 4},
    {"kind": "shift", "rows": 8, "cols": 8},
]
UNCHANGED = ("compute_cycles", "macs_executed", "macs_effectual", "sram_ifmap_reads", "sram_psum_reads",
             "sram_index_bits", "register_bits", "dram_ifmap_bytes", "dram_index_bytes", "dram_psum_bytes",
             "dram_ofmap_bytes", "dram_weight_bytes")  # fmt: skip


@given(
    array=st.sampled_from(ARRAYS),
    sizes=st.tuples(st.integers(1, 60), st.integers(1, 40), st.integers(1, 80)),
    groups=st.integers(1, 2),
    lanes=st.integers(1, 64),
    dram=st.sampled_from([{"model": "ideal"}, {"model": "bandwidth", "gbps": 3.2, "latency_cycles": 7}]),
    kib=st.sampled_from([1, 4, 64]),
    seed=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_fused_work_changes_nothing_but_time_and_lanes(array, sizes, groups, lanes, dram, kib, seed):
    coding = "pow2" if array["kind"] == "shift" else "uniform"
    bits = 4 if coding == "pow2" else 8
    m, n, k = sizes
    trace = GemmTrace.random(
        "a", M=m, N=n, K=k, groups=groups, weight_density=0.4, activation_density=0.6, seed=seed, weight_bits=bits,
        weight_coding=coding,
    )  # fmt: skip
    outputs = groups * m * n
    chain = [relu("a", outputs), Operator("g", "gelu", "relu", outputs, outputs, 2 * outputs, fused=True)]
    hardware = machine(
        array=array, dram=dram, vector={"lanes": lanes},
        buffers={"ifmap_kib": kib, "filter_kib": kib, "ofmap_kib": kib},
    )  # fmt: skip
    plain, fused = rows(trace, [], hardware)["a"], rows(trace, chain, hardware)["a"]
    assert {name: fused[name] for name in UNCHANGED} == {name: plain[name] for name in UNCHANGED}
    assert fused["vector_operations"] == 3 * outputs
    assert fused["vector_cycles"] >= -(-3 * outputs // lanes)
    assert fused["cycles"] >= max(plain["compute_cycles"], fused["vector_cycles"])
    if dram["model"] == "ideal":  # with a DRAM, a write that comes later may let reads pass
        assert plain["cycles"] <= fused["cycles"] <= plain["cycles"] + fused["vector_cycles"]
    assert fused == rows(trace, chain, hardware)["a"]


def test_reports_files_and_comparisons_take_vector_rows(tmp_path):
    traces = [
        GemmTrace.random("c", N=8, conv=CONV.conv, weight_density=0.3, seed=1),
        GemmTrace.random("f", M=1, N=10, K=2048, weight_density=0.2, seed=2),
    ]
    chain = [relu("c", OUT // 2), pool("relu", OUT // 2), Operator("s", "softmax", "f", 10, 10, 62)]
    workload = Workload("w", traces, operators=chain)
    sparse = machine(name="s", array={"kind": "csr_rows", "pes": 16, "vector_width": 16}, dram=FAST, buffers=BUFFERS)
    report = accelsim.simulate(workload, sparse, verify=True)
    assert report.fallback_layers == []
    assert set(report.outputs) == {"c", "f"}
    assert report.layers["energy_vector_pj"].notna().all()
    report.to_csv(tmp_path / "layers.csv")
    events = json.loads(report.to_timeline(tmp_path / "timeline.json"))["traceEvents"]
    assert {e["args"]["name"] for e in events if e["name"] == "process_name"} == {row["name"] for row in report.rows}
    comparison = compare_machines(workload, [machine(dram=FAST, buffers=BUFFERS), sparse])
    assert json.loads(comparison.to_json())["machines"][1]["utilization"] <= 1


def test_ppr_counts_operators_in_time_and_never_in_alpha():
    pruned = [GemmTrace.random("a", M=64, N=16, K=100, weight_density=0.1)]
    chain = [relu("a", 1024), Operator("s", "softmax", "relu", 1024, 1024, 7000)]
    hardware = machine(array={"kind": "csr_rows", "pes": 16, "vector_width": 16}, dram=FAST, buffers=BUFFERS)
    found = []
    for operators in ([], chain):
        workload = Workload("w", pruned, operators=operators)
        dense, baseline = dense_pair(uncompressed(workload), workload, accelsim.load_hardware(hardware))
        assert dense.operators == tuple(operators)
        found.append(accelsim.ppr(accelsim.simulate(dense, baseline), accelsim.simulate(workload, hardware)))
    bare, whole = found
    assert (whole.alpha, whole.alpha_macs) == (bare.alpha, bare.alpha_macs)
    assert 1 < whole.beta < bare.beta
    assert list(whole.layers["name"]) == ["a", "s"]
    assert list(whole.layers["alpha"]) == [bare.alpha, 1]


def test_ppr_of_an_operator_that_one_side_fuses():
    whole = accelsim.simulate(Workload("w", [CONV], operators=[pool("c", OUT)]), machine(mapping={"m": 1024}))
    apart = accelsim.simulate(Workload("w", [CONV], operators=[pool("c", OUT)]), machine(mapping={"m": 64}))
    assert accelsim.ppr(whole, apart).beta == pytest.approx(whole.cycles / apart.cycles)
    assert accelsim.ppr(apart, whole).beta == pytest.approx(apart.cycles / whole.cycles)


def test_a_baseline_has_operators_where_the_compressed_network_lists_them():
    full = Workload("w", [GEMM], operators=[relu("a", 1024)])
    assert dense_pair(full, Workload("w", [GEMM]), accelsim.load_hardware(machine()))[0].operators == ()
    four = Workload("w", [GEMM], operators=[relu("a", 1024, activation_bits=4)])
    assert dense_pair(full, four, accelsim.load_hardware(machine()))[0].operators[0].activation_bits == 4


def test_repeated_operators_count_every_run():
    once = Operator("s", "softmax", "a", 1024, 1024, 7000)
    thrice = Operator("s", "softmax", "a", 1024, 1024, 7000, repeat=3)
    one, three = (rows(GEMM, [o], machine(dram=FAST))["s"] for o in (once, thrice))
    for name in ("cycles", "vector_operations", "dram_bytes"):
        assert three[name] == 3 * one[name]
    assert np.isclose(three["energy_pj"], 3 * one["energy_pj"])


def test_a_fetch_of_parameters_where_no_weight_comes():
    made = accelsim.simulate(
        Workload(
            "w",
            [GemmTrace("a", weight=np.zeros((4, 8), int), activation=np.ones((2, 8), int))],
            operators=[Operator("p", "prelu", "a", 8, 8, 16, parameters=4, fused=True)],
        ),
        machine(array={"kind": "cambricon_x", "pes": 4, "multipliers": 4}, dram=FAST),
    )
    assert made.rows[0]["dram_weight_bytes"] >= 4
    assert Fetch(4, 0, 0).address == 0
