"""The uncompressed network on the machine of the pruned one: bits, operations, patterns of zeros, tiles."""

import json

import numpy as np
import pytest

import accelsim
from accelsim import GemmTrace
from accelsim.analysis.comparison import compare_machines, uncompressed
from accelsim.analysis.dense_baseline import dense_workload
from accelsim.analysis.unpruned import unpruned_machine, unpruned_report, unpruned_workload
from accelsim.hardware.loading import load_hardware
from accelsim.trace.workload import Workload

OS, CSR = "dense/os-16x16", "sparse/csr-rows-16x16"
SYSTOLIC = {"kind": "systolic", "rows": 4, "cols": 4, "dataflow": "os"}


def network(**settings):
    return Workload("net", [GemmTrace.random("fc", M=8, N=40, K=96, weight_density=0.25, seed=2, **settings)])


def unpruned_of(workload, machine):
    layers = dense_workload(uncompressed(workload), workload)
    return unpruned_report(layers, workload, load_hardware(machine))


def test_it_is_the_dense_shape_at_the_bits_of_the_pruned_layer():
    report = unpruned_of(network(weight_bits=4, dense_shape=(8, 50, 96)), CSR)
    expected = accelsim.simulate(GemmTrace("fc", M=8, N=50, K=96, weight_bits=4), CSR)
    assert report.layers["cycles"].tolist() == expected.layers["cycles"].tolist()
    assert report.layers["dram_weight_bytes"].tolist() == [50 * 96 // 2]
    assert report.layers["weights_nonzero"].tolist() == [50 * 96]
    assert report.layers["pruned"].tolist() == [False]


@pytest.mark.parametrize(
    "array",
    [{"kind": "nm_sparse", "rows": 4, "cols": 4, "n": 2, "m": 4}, {**SYSTOLIC, "nm": "2:4"}],
)
def test_an_array_of_a_pattern_runs_what_nobody_pruned_whole(array):
    whole = {"name": "m", "array": {"kind": array["kind"], "rows": 4, "cols": 4, "dataflow": "os"}}
    whole["array"] |= {"n": 4, "m": 4} if "n" in array else {}
    shape = GemmTrace("fc", M=8, N=40, K=96)
    machine = {"name": "m", "array": array, "fallback": array}
    assert unpruned_of(Workload("net", [shape]), machine).cycles == accelsim.simulate(shape, whole).cycles
    assert accelsim.simulate(shape, machine).cycles < accelsim.simulate(shape, whole).cycles
    assert unpruned_machine(load_hardware(machine)).fallback == load_hardware(whole).array


def test_an_l1_distance_stays_one_and_a_mac_goes_where_it_went():
    machine = {"name": "a", "array": {"kind": "adder", "rows": 4, "cols": 4}, "fallback": SYSTOLIC}
    both = [GemmTrace("l1", M=4, N=4, K=8, operation="l1"), GemmTrace("mac", M=4, N=4, K=8, operation="mac")]
    workload = Workload("net", both)
    layers = dense_workload(workload, workload)
    assert {trace.operation for trace in layers.traces} == {"any"}  # the dense array multiplies them all
    assert [trace.operation for trace in unpruned_workload(layers, workload).traces] == ["l1", "mac"]
    assert unpruned_of(workload, machine).layers["array"].tolist() == ["adder", "systolic"]


def test_a_machine_that_cannot_run_it_has_no_beta_unpruned():
    """One bit a weight runs on xnor, and the layer that compression removed had eight."""
    bits = {"weight_bits": 1, "activation_bits": 1, "weight_coding": "binary"}
    now = Workload("net", [GemmTrace("a", M=4, N=4, K=64, **bits)])
    before = Workload("net", [GemmTrace("a", M=4, N=4, K=64), GemmTrace("b", M=4, N=4, K=64)])
    machine = load_hardware({"name": "x", "array": {"kind": "xnor", "rows": 4, "cols": 4, "word_bits": 16}})
    assert unpruned_report(dense_workload(before, now), now, machine) is None


def test_tile_sizes_are_for_the_compressed_layers():
    machine = load_hardware(CSR, **{"mapping.n": 8})
    assert unpruned_of(network(), machine).cycles == unpruned_of(network(), CSR).cycles
    assert machine.mapping.n == 8


def test_compare_says_it_in_json_and_table():
    found = compare_machines(network(), [OS, CSR])
    content = json.loads(found.to_json())
    dense, sparse = found.sides
    assert content["machines"][0]["against_dense"]["beta_unpruned"] == dense.against_dense.beta_unpruned
    assert dense.against_dense.beta_unpruned == dense.dense.seconds / dense.unpruned.seconds < 1  # by is, not by os
    own = content["machines"][1]["against_dense"]["beta_unpruned"]
    assert own == pytest.approx(sparse.dense.seconds / unpruned_of(network(), CSR).seconds, rel=1e-12)
    assert content["machines"][1]["against_first"]["beta_unpruned"] == pytest.approx(
        dense.unpruned.seconds / sparse.unpruned.seconds, rel=1e-12
    )
    assert found.to_frame()["dense_beta_unpruned"].tolist() == [dense.against_dense.beta_unpruned, own]
    for side, entry in zip(found.sides, content["machines"], strict=True):
        ratio = side.against_dense
        expected = None if 0.9 <= ratio.beta_unpruned <= 1.1 else ratio.ppr * ratio.beta_unpruned
        assert entry["against_dense"]["ppr_corrected"] == (None if expected is None else pytest.approx(expected))
        assert entry["against_dense"]["alpha_pruned"] == ratio.alpha_pruned == ratio.alpha > 1


def test_a_quantized_network_has_alpha_one_wherever_it_runs():
    rng = np.random.default_rng(1)
    rounded = rng.integers(-7, 8, (40, 96)) * (rng.random((40, 96)) < 0.8)
    trace = GemmTrace("fc", weight=rounded, activation=rng.integers(1, 9, (8, 96)), weight_bits=4, pruned=False)
    for side in compare_machines(Workload("net", [trace]), [OS, CSR, "lowbit/bitserial-16x16x64"]).sides:
        assert side.report.layers["weights_nonzero"].tolist() == [np.count_nonzero(rounded)]
        assert side.against_dense.alpha == side.against_first.alpha == side.against_dense.alpha_macs == 1
