"""α, β and PPR by hand; verdicts on contrived runs with opposite winners."""

import numpy as np
import pytest

import accelsim
from accelsim import GemmTrace
from accelsim.analysis.dense_baseline import dense_machine, dense_workload
from accelsim.analysis.runs import compare
from accelsim.analysis.verdict import verdict
from accelsim.errors import TraceError
from accelsim.hardware.loading import load_hardware
from accelsim.trace.workload import Workload

OS = {"name": "dense", "clock_mhz": 500, "array": {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": "os"}}
CSR = {"name": "csr", "clock_mhz": 250, "array": {"kind": "csr_rows", "pes": 8, "vector_width": 8, "banks": 8}}


def layers():
    rng = np.random.default_rng(7)
    x, a, b = (rng.integers(1, 100, shape) for shape in ((16, 128), (64, 128), (32, 128)))
    return x, a, b, a * (rng.random(a.shape) < 0.25)


def test_ppr_is_alpha_over_beta_in_seconds_and_a_removed_layer_counts_nothing():
    x, a, b, thin = layers()
    dense = accelsim.simulate([GemmTrace("a", weight=a, activation=x), GemmTrace("b", weight=b, activation=x)], OS)
    pruned = accelsim.simulate(GemmTrace("a", weight=thin, activation=x), CSR)
    got = accelsim.ppr(dense, pruned)
    alpha, beta = (a.size + b.size) / np.count_nonzero(thin), dense.cycles / 500 / (pruned.cycles / 250)
    assert (got.alpha, got.beta, got.ppr) == pytest.approx((alpha, beta, alpha / beta), rel=1e-12)
    assert got.beta_energy == pytest.approx(dense.energy_pj / pruned.energy_pj)
    assert got.ppr_energy == pytest.approx(alpha * pruned.energy_pj / dense.energy_pj)
    assert got.alpha_macs == pytest.approx(16 * (a.size + b.size) / (16 * np.count_nonzero(thin)))
    assert got.conv is None
    assert got.layers["name"].tolist() == ["a", "b"]
    assert got.layers["beta"].iloc[1] == float("inf")


def test_a_layer_that_the_dense_report_lacks_raises_and_names_the_nearest():
    x, a, _, thin = layers()
    dense = accelsim.simulate(GemmTrace("conv1", weight=a, activation=x), OS)
    pruned = accelsim.simulate(GemmTrace("conv2", weight=thin, activation=x), OS)
    with pytest.raises(TraceError, match="did you mean 'conv1'"):
        accelsim.ppr(dense, pruned)


def test_conv_layers_apart():
    rng = np.random.default_rng(0)
    weight, ifmap = rng.integers(1, 9, (4, 2, 3, 3)), rng.integers(0, 9, (1, 2, 8, 8))
    thin = weight * (rng.random(weight.shape) < 0.5)
    x, a, _, _ = layers()
    conv, pruned = (GemmTrace.from_conv("c", weight=w, ifmap=ifmap) for w in (weight, thin))
    fc = GemmTrace("f", weight=a, activation=x)
    got = accelsim.ppr(accelsim.simulate([conv, fc], OS), accelsim.simulate([pruned, fc], OS))
    assert got.conv.alpha == weight.size / np.count_nonzero(thin)
    assert got.conv.beta == 1.0
    assert got.alpha == (weight.size + a.size) / (np.count_nonzero(thin) + a.size)


def test_the_uncompressed_network_on_its_dense_machine_has_ppr_one():
    x, a, b, thin = layers()
    whole = Workload("whole", [GemmTrace("a", weight=a, activation=x), GemmTrace("b", weight=b, activation=x)])
    pruned = Workload("pruned", [GemmTrace("a", weight=thin, activation=x), GemmTrace("b", weight=b, activation=x)])
    runs = compare({"baseline": whole, "pruned": pruned}, [load_hardware(OS), load_hardware(CSR)])
    figures = {(run.network, run.hardware): run.ppr for run in runs}
    assert figures["baseline", "dense"].ppr == 1.0
    assert figures["pruned", "dense"].ppr == figures["pruned", "dense"].alpha > 1
    assert figures["baseline", "csr"].alpha == 1.0


def test_zeros_that_rounding_left_in_the_uncompressed_network_are_no_pruning():
    x, a, _, _ = layers()
    a[0] = 0
    (only,) = compare({"baseline": Workload("w", [GemmTrace("a", weight=a, activation=x)])}, [load_hardware(OS)])
    assert only.report.rows[0]["weights_nonzero"] < a.size
    assert only.ppr.ppr == 1.0


def test_the_dense_baseline_has_the_same_peak_dram_and_bits():
    machine = load_hardware("sparse/csr-rows-16x16")
    dense = dense_machine(machine)
    assert dense.array.peak_macs == machine.array.peak_macs == 256
    assert (dense.array.rows, dense.array.cols, dense.array.dataflow) == (16, 16, "os")
    assert dense.dram == machine.dram
    four = Workload("four", [GemmTrace("a", M=2, N=3, K=4, weight_bits=4, activation_bits=2)])
    shapes = dense_workload(Workload("w", [GemmTrace("a", M=2, N=30, K=40), GemmTrace("gone", M=1, N=1, K=1)]), four)
    assert [(t.name, t.N, t.K, t.weight_bits, t.activation_bits) for t in shapes.traces] == [
        ("a", 30, 40, 4, 2),
        ("gone", 1, 1, 8, 8),
    ]


def run(network, hardware, cycles, energy):
    return {"network": network, "hardware": hardware, "cycles": cycles, "seconds": cycles / 5e8, "energy_pj": energy}


def stored(network, form, bits):
    return {"network": network, "format": form, "value_bits": bits - 10, "index_bits": 10}


ACCURACY = {"baseline": 0.992, "structured": 0.991, "nonstructured": 0.990}


@pytest.mark.parametrize(("small", "fast"), [("structured", "nonstructured"), ("nonstructured", "structured")])
def test_opposite_winners_are_named(small, fast):
    runs = [run("baseline", "os", 4000, 9e6), run(small, "csr", 900, 2e6), run(fast, "os", 500, 3e6)]
    storage = [stored("baseline", "dense", 80_000), stored("baseline", "csr_relative", 99_000)]
    storage += [stored(small, "csr_relative", 8_000), stored(small, "dense", 80_000), stored(fast, "dense", 16_000)]
    said = verdict(runs, storage, accuracy=ACCURACY)
    assert f"smallest is {small} (1.00 KB as csr_relative, 10.0x less)" in said
    assert f"fastest is {fast} on os (500 cycles, 8.0x less)" in said
    assert f"least energy is {small} on csr (2.00 µJ, 4.5x less)" in said


def test_a_network_that_lost_accuracy_wins_nothing():
    runs = [run("baseline", "os", 8, 8.0), run("structured", "os", 1, 1.0), run("nonstructured", "os", 4, 4.0)]
    storage = [stored(r["network"], "dense", 1000 * r["cycles"]) for r in runs]
    said = verdict(runs, storage, accuracy=ACCURACY | {"structured": 0.95})
    assert said.count("is nonstructured") == 3
    assert "is structured" not in said
    with pytest.raises(TraceError, match="no compressed network"):
        verdict(runs, storage, accuracy=ACCURACY | {"structured": 0.9, "nonstructured": 0.9})
