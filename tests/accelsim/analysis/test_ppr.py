"""α, β and PPR by hand; verdicts on contrived runs with opposite winners."""

import json
from dataclasses import replace

import numpy as np
import pytest

import accelsim
from accelsim import GemmTrace
from accelsim.analysis.dense_baseline import baseline_text, dense_machine, dense_pair, dense_workload
from accelsim.analysis.runs import Run, compare
from accelsim.analysis.verdict import verdict
from accelsim.arrays.systolic import SystolicArray
from accelsim.errors import TraceError
from accelsim.hardware.loading import config_names, load_hardware
from accelsim.trace.workload import Workload

OS = {"name": "dense", "clock_mhz": 500, "array": {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": "os"}}
BEST = OS | {"array": OS["array"] | {
    "dataflow": "auto", "fold_overlap": True, "group_packing": True, "zero_gating": True,
}}  # fmt: skip
CSR = {"name": "csr", "clock_mhz": 250, "array": {"kind": "csr_rows", "pes": 8, "vector_width": 8, "banks": 8}}


def layers():
    rng = np.random.default_rng(7)
    x, a, b = (rng.integers(1, 100, shape) for shape in ((16, 128), (64, 128), (32, 128)))
    return x, a, b, a * (rng.random(a.shape) < 0.25)


def test_ppr_of_energy_is_given_without_and_with_dram_standby():
    x, a, _, thin = layers()
    traces = GemmTrace("a", weight=a, activation=x), GemmTrace("a", weight=thin, activation=x)
    dense, pruned = (
        accelsim.simulate(trace, {**machine, "dram": {"model": "ideal", "standby_mw": 1000.0}})
        for trace, machine in zip(traces, (OS, CSR), strict=True)
    )
    got = accelsim.ppr(dense, pruned)
    active = [r.energy_on_chip_pj + r.energy_dram_access_pj for r in (dense, pruned)]
    standby = [r.cycles / r.clock_mhz * 1e6 for r in (dense, pruned)]  # 1 W is 10⁶ pJ a µs
    assert got.beta_energy_active == pytest.approx(active[0] / active[1])
    assert got.beta_energy == pytest.approx((active[0] + standby[0]) / (active[1] + standby[1]))
    assert got.ppr_energy_active == pytest.approx(got.alpha / got.beta_energy_active)
    assert got.layers["ppr_energy_active"].tolist() == pytest.approx([got.ppr_energy_active])
    assert got.beta_energy_active != pytest.approx(got.beta_energy, rel=0.1)


def test_ppr_is_alpha_over_beta_in_seconds_and_a_removed_layer_counts_nothing():
    x, a, b, thin = layers()
    dense = accelsim.simulate([GemmTrace("a", weight=a, activation=x), GemmTrace("b", weight=b, activation=x)], OS)
    pruned = accelsim.simulate(GemmTrace("a", weight=thin, activation=x), CSR)
    got = accelsim.ppr(dense, pruned)
    alpha, beta = (a.size + b.size) / np.count_nonzero(thin), dense.cycles / 500 / (pruned.cycles / 250)
    assert (got.alpha, got.beta, got.ppr) == pytest.approx((alpha, beta, alpha / beta), rel=1e-12)
    assert got.beta_energy == pytest.approx(dense.energy_pj / pruned.energy_pj)
    assert got.ppr_energy == pytest.approx(alpha * pruned.energy_pj / dense.energy_pj)
    assert got.beta_energy_active == pytest.approx(dense.energy_active_pj / pruned.energy_active_pj)
    assert got.ppr_energy_active == pytest.approx(alpha * pruned.energy_active_pj / dense.energy_active_pj)
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


def mixed():
    """A pruned layer of 64·128 weights, and one of 32·128 with rounding zeros that nobody pruned."""
    x, _, b, thin = layers()
    b[:, :32] = 0
    pruned = GemmTrace("a", weight=thin, activation=x)
    rounded = GemmTrace("b", weight=b, activation=x[:8], weight_bits=8, pruned=False)
    return [GemmTrace("a", M=16, N=64, K=128), GemmTrace("b", M=8, N=32, K=128)], [pruned, rounded], thin


def test_a_layer_that_nobody_pruned_counts_its_dense_weights_before_and_now():
    before, now, thin = mixed()
    dense, report = accelsim.simulate(before, OS), accelsim.simulate(now, CSR)
    got = accelsim.ppr(dense, report)
    left = np.count_nonzero(thin)
    assert got.alpha == (64 * 128 + 32 * 128) / (left + 32 * 128)
    assert got.alpha_pruned == 64 * 128 / left
    assert got.alpha_macs == (16 * 64 * 128 + 8 * 32 * 128) / (16 * left + 8 * 32 * 128)
    assert got.ppr == got.alpha / got.beta
    assert got.layers["alpha"].tolist() == [64 * 128 / left, 1.0]
    assert got.layers["alpha_macs"].tolist() == [64 * 128 / left, 1.0]
    assert got.layers["pruned"].tolist() == [True, False]
    assert report.layers["pruned"].tolist() == [True, False]
    assert report.layers["weights_nonzero"].tolist() == [left, 32 * 96]
    assert report.layers["weights_dense"].tolist() == [64 * 128, 32 * 128]


def test_a_layer_that_is_gone_was_pruned_and_without_pruned_ones_alpha_is_one():
    before, now, _ = mixed()
    dense = accelsim.simulate(before, OS)
    gone = accelsim.ppr(dense, accelsim.simulate(now[1:], CSR))
    assert gone.alpha == (64 + 32) / 32
    assert gone.alpha_pruned == float("inf")
    alone = accelsim.ppr(accelsim.simulate(before[1:], OS), accelsim.simulate(now[1:], CSR))
    assert (alone.alpha, alone.alpha_pruned, alone.alpha_macs) == (1, 1, 1)


def test_a_shape_on_an_nm_array_is_pruned_to_its_pattern():
    shape = GemmTrace("a", M=16, N=16, K=64, pruned=False)
    nm = accelsim.simulate(shape, {"name": "nm", "array": {"kind": "nm_sparse", "rows": 8, "cols": 8, "n": 2, "m": 4}})
    assert accelsim.ppr(accelsim.simulate(shape, OS), nm).alpha == 2
    assert nm.layers["pruned"].tolist() == [True]


def test_beta_of_the_unpruned_network_and_the_ppr_without_it():
    before, now, _ = mixed()
    dense, report, unpruned = accelsim.simulate(before, OS), accelsim.simulate(now, CSR), accelsim.simulate(before, CSR)
    got, bare = accelsim.ppr(dense, report, unpruned), accelsim.ppr(dense, report)
    assert (bare.beta_unpruned, bare.ppr_corrected, bare.ppr) == (None, None, got.ppr)
    assert got.beta_unpruned == pytest.approx(dense.seconds / unpruned.seconds, rel=1e-12)
    assert not 0.9 <= got.beta_unpruned <= 1.1  # half the clock, so that there is something to correct
    assert got.ppr_corrected == pytest.approx(got.alpha / (got.beta / got.beta_unpruned), rel=1e-12)
    each = [
        d.result.cycles / 500 / (u.result.cycles / 250) for d, u in zip(dense.results, unpruned.results, strict=True)
    ]
    assert got.layers["beta_unpruned"].tolist() == pytest.approx(each, rel=1e-12)
    itself = accelsim.ppr(dense, report, accelsim.simulate(before, {**OS, "clock_mhz": 250}))
    assert itself.beta_unpruned == pytest.approx(0.5)
    even = accelsim.ppr(dense, accelsim.simulate(now, OS), dense)
    assert (even.beta_unpruned, even.ppr_corrected) == (1.0, None)


def test_the_unpruned_report_is_of_the_same_layers_at_the_same_clock():
    before, now, _ = mixed()
    dense, report = accelsim.simulate(before, OS), accelsim.simulate(now, CSR)
    with pytest.raises(TraceError, match="'b' is not in the unpruned report"):
        accelsim.ppr(dense, report, accelsim.simulate(before[:1], CSR))
    with pytest.raises(TraceError, match="'c' is not in the dense report"):
        accelsim.ppr(dense, report, accelsim.simulate([*before, GemmTrace("c", M=1, N=1, K=1)], CSR))
    with pytest.raises(TraceError, match="500 MHz; that of the pruned one's machine, 250 MHz"):
        accelsim.ppr(dense, report, dense)


def test_nothing_is_divided_by_no_cycles():
    """Weights of zeros alone on an array that skips them, a weight and an activation of no element at all."""
    x, a, _, _ = layers()
    machine = {"name": "t", "array": {"kind": "ternary", "rows": 8, "cols": 8, "zero_skipping": True}}
    nothing = accelsim.simulate(
        GemmTrace("a", weight=np.zeros_like(a), activation=x, weight_bits=2, weight_coding="ternary"), machine
    )
    empty = replace(nothing, results=())
    assert (empty.cycles, empty.seconds, empty.inferences_per_s, empty.tops_per_w, empty.edp) == (0, 0, 0, 0, 0)
    for report in (nothing, empty):
        assert json.loads(report.to_json())["workload"] == "a"
        assert report.tops_per_w_effectual == 0
        whole = Run("n", "t", report, empty, accelsim.ppr(nothing, report, nothing)).summary()
        json.dumps(whole, allow_nan=False)
    assert accelsim.ppr(nothing, empty).beta == float("inf")
    assert Run("n", "t", empty, nothing, accelsim.ppr(nothing, empty)).summary()["beta"] is None


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
    runs = compare({"baseline": whole, "pruned": pruned}, [load_hardware(BEST), load_hardware(CSR)])
    figures = {(run.network, run.hardware): run.ppr for run in runs}
    assert figures["baseline", "dense"].ppr == 1.0
    assert figures["pruned", "dense"].ppr == figures["pruned", "dense"].alpha > 1
    assert figures["baseline", "csr"].alpha == 1.0
    for run in runs:
        own = next(other for other in runs if (other.network, other.hardware) == ("baseline", run.hardware))
        assert run.ppr.beta_unpruned == pytest.approx(own.ppr.beta, rel=1e-12)
        assert run.summary()["beta_unpruned"] == run.ppr.beta_unpruned
        assert run.summary()["ppr_corrected"] == run.ppr.ppr_corrected
    assert {run.ppr.beta_unpruned for run in runs if run.hardware == "dense"} == {1.0}


def test_zeros_that_rounding_left_in_the_uncompressed_network_are_no_pruning():
    x, a, _, _ = layers()
    a[0] = 0
    (only,) = compare({"baseline": Workload("w", [GemmTrace("a", weight=a, activation=x)])}, [load_hardware(BEST)])
    assert only.report.rows[0]["weights_nonzero"] < a.size
    assert not only.report.rows[0]["pruned"]
    assert only.ppr.alpha == only.ppr.alpha_pruned == only.ppr.alpha_macs == 1
    assert only.ppr.ppr == 1.0


def test_the_dense_baseline_has_the_same_peak_dram_and_bits():
    machine = load_hardware("sparse/csr-rows-16x16")
    dense = dense_machine(machine)
    assert dense.array.peak_macs == machine.array.peak_macs == 256
    assert (dense.array.rows, dense.array.cols, dense.array.dataflow) == (16, 16, "auto")
    assert dense.array.fold_overlap
    assert dense.array.group_packing
    assert dense.array.zero_gating
    assert dense.dram == machine.dram
    four = Workload("four", [GemmTrace("a", M=2, N=3, K=4, weight_bits=4, activation_bits=2)])
    shapes = dense_workload(Workload("w", [GemmTrace("a", M=2, N=30, K=40), GemmTrace("gone", M=1, N=1, K=1)]), four)
    assert [(t.name, t.N, t.K, t.weight_bits, t.activation_bits) for t in shapes.traces] == [
        ("a", 30, 40, 4, 2),
        ("gone", 1, 1, 8, 8),
    ]


@pytest.mark.parametrize("name", config_names())
def test_no_dense_machine_is_faster_than_its_baseline(name):
    """To 1 %, on a depthwise, a pointwise and a fully connected layer; the strongest is its own."""
    machine = load_hardware(name)
    if not isinstance(machine.array, SystolicArray):
        return
    dense = dense_machine(machine)
    assert dense.array.peak_macs == machine.array.peak_macs
    assert (dense == machine) == ("best" in name)
    layers = [
        GemmTrace("dw", M=400, N=1, K=9, groups=64),
        GemmTrace("pw", M=400, N=96, K=64),
        GemmTrace("fc", M=1, N=100, K=900),
    ]
    for layer in layers:
        assert accelsim.simulate(layer, dense).cycles <= 1.01 * accelsim.simulate(layer, machine).cycles


def test_the_baseline_gates_zeros_only_where_it_has_values():
    x, a, b, thin = layers()
    x[:, ::2] = 0
    whole = Workload("whole", [GemmTrace("a", weight=a, activation=x), GemmTrace("b", weight=b, activation=x)])
    few = Workload("few", [GemmTrace("a", weight=thin // 16, activation=x, weight_bits=4), whole.traces[1]])
    machine = load_hardware(CSR)
    values, gating = dense_pair(whole, whole, machine)
    assert [trace.has_values for trace in values.traces] == [True, True]
    mixed, also = dense_pair(whole, few, machine)
    assert [trace.has_values for trace in mixed.traces] == [False, True]  # the first one's integers have other bits
    shapes, off = dense_pair(Workload("w", [trace.as_shape() for trace in whole.traces]), whole, machine)
    assert (gating.array.zero_gating, also.array.zero_gating, off.array.zero_gating) == (True, True, False)
    with_values, without = accelsim.simulate(values, gating), accelsim.simulate(shapes, off)
    assert with_values.cycles == without.cycles
    assert with_values.energy_pj < without.energy_pj
    for row in with_values.rows:
        assert row["systolic_gated"] == row["macs_dense"] - row["macs_effectual"] > 0
    assert "zeros gated" in baseline_text(with_values)
    assert "zero gating off" in baseline_text(without)


def run(network, hardware, cycles, energy):
    """A run whose DRAM stands by for as much energy as all else costs."""
    parts = {"energy_on_chip_pj": energy / 4, "energy_dram_access_pj": 3 * energy / 4, "energy_dram_standby_pj": energy}
    times = {"cycles": cycles, "seconds": cycles / 5e8}
    return {"network": network, "hardware": hardware, **times, **parts, "energy_pj": 2 * energy}


def stored(network, form, bits):
    return {"network": network, "format": form, "value_bits": bits - 10, "index_bits": 10}


ACCURACY = {"baseline": 0.992, "structured": 0.991, "nonstructured": 0.990}


@pytest.mark.parametrize(("small", "fast"), [("structured", "nonstructured"), ("nonstructured", "structured")])
def test_opposite_winners_are_named(small, fast):
    runs = [run("baseline", "os", 4000, 9e6), run(small, "csr", 900, 2e6), run(fast, "os", 500, 3e6)]
    storage = [stored("baseline", "dense", 80_000), stored("baseline", "csr_relative", 99_000)]
    storage += [stored(small, "csr_relative", 8_000), stored(small, "dense", 80_000), stored(fast, "dense", 16_000)]
    said = verdict(runs, storage, accuracy=ACCURACY)
    assert f"smallest is {small} (0.98 KiB as csr_relative, 10.0x less)" in said
    assert f"fastest is {fast} on os (500 cycles, 8.0x less)" in said
    assert f"least energy is {small} on csr (2.00 µJ on chip and of DRAM access, 4.5x less; with DRAM standby" in said


def test_the_least_energy_is_without_standby_and_the_standby_stands_beside_it():
    """A slow run may cost least in work and traffic, and most with the DRAM's standby; without one none is told."""
    quick, slow = run("structured", "os", 100, 4e6), run("nonstructured", "csr", 900, 3e6)
    slow |= {"energy_dram_standby_pj": 9e6, "energy_pj": 12e6}
    storage = [stored(name, "dense", 80_000) for name in ACCURACY]
    runs = [run("baseline", "os", 4000, 9e6), quick, slow]
    said = verdict(runs, storage, accuracy=ACCURACY)
    assert "least energy is nonstructured on csr (3.00 µJ on chip and of DRAM access, 3.0x less" in said
    assert "with DRAM standby 12.00 µJ, 1.5x less)" in said
    said = verdict([*runs[:2], slow | {"energy_dram_standby_pj": 0.0, "energy_pj": 3e6}], storage, accuracy=ACCURACY)
    assert "3.0x less; DRAM standby is not counted on every machine)" in said


def test_a_network_that_lost_accuracy_wins_nothing():
    runs = [run("baseline", "os", 8, 8.0), run("structured", "os", 1, 1.0), run("nonstructured", "os", 4, 4.0)]
    storage = [stored(r["network"], "dense", 1000 * r["cycles"]) for r in runs]
    said = verdict(runs, storage, accuracy=ACCURACY | {"structured": 0.95})
    assert said.count("is nonstructured") == 3
    assert "is structured" not in said
    with pytest.raises(TraceError, match="no compressed network"):
        verdict(runs, storage, accuracy=ACCURACY | {"structured": 0.9, "nonstructured": 0.9})
