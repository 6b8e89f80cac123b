"""Layers whose runs are time steps, with weights that stay, and GEMMs of two activations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim import GemmTrace, Workload
from accelsim.analysis.comparison import uncompressed
from accelsim.analysis.dense_baseline import dense_pair
from accelsim.analysis.storage import storage_rows
from accelsim.errors import FileFormatError, TraceError

OS = {"kind": "systolic", "rows": 16, "cols": 16, "dataflow": "os"}
EIE = {"kind": "eie", "pes": 4}
FAST = {"model": "bandwidth", "gbps": 64}
STEPS = 5


def machine(filter_kib=64, array=OS, dram=FAST, **more):
    buffers = {"ifmap_kib": 16, "filter_kib": filter_kib, "ofmap_kib": 16}
    return {"name": "m", "clock_mhz": 1000, "array": array, "buffers": buffers, "dram": dram} | more


def row(trace, hardware, **more):
    return accelsim.simulate(trace, hardware, **more).rows[0]


SHAPE = GemmTrace("h", M=1, N=64, K=32, kind="lstm", repeat=STEPS)  # 4 folds of 32 + 30 cycles a step


def random_steps(repeat=STEPS, m=2, n=12, k=20, seed=0, density=0.5):
    return GemmTrace.random(
        "h",
        M=m,
        N=n,
        K=k,
        kind="lstm",
        repeat=repeat,
        weight_density=0.4,
        activation_density=density,
        seed=seed,
    )


def test_weights_come_with_the_first_step_by_hand():
    """A tile of 16 filters is 512 bytes, 8 cycles; the 32 inputs take half a one, a tile of outputs one.

    The first fold starts when ifmap and weights are in, at 9; the other weights come while it computes. Later steps
    wait one cycle for their inputs.
    """
    found = row(SHAPE, machine())
    assert found["compute_cycles"] == STEPS * 248
    assert found["cycles"] == (9 + 248 + 1) + (STEPS - 1) * (1 + 248 + 1)
    assert (found["dram_weight_bytes"], found["dram_ifmap_bytes"], found["dram_ofmap_bytes"]) == (2048, 160, 320)
    assert found["macs_dense"] == found["macs_effectual"] == STEPS * 2048


@pytest.mark.parametrize(
    ("filter_kib", "weight_bytes"),
    [(2, 2048), (1.9, STEPS * 2048)],  # one copy fills the buffer: no second half is needed
)
def test_weights_stay_where_one_copy_fits(filter_kib, weight_bytes):
    assert row(SHAPE, machine(filter_kib))["dram_weight_bytes"] == weight_bytes


def test_weights_that_do_not_fit_and_other_kinds_run_from_the_start_each_time():
    once = row(GemmTrace("h", M=1, N=64, K=32), machine(1.9))
    for kind, kib in (("lstm", 1.9), ("linear", 1.9), ("linear", 64)):
        again = row(GemmTrace("h", M=1, N=64, K=32, kind=kind, repeat=STEPS), machine(kib))
        alone = once if kib == 1.9 else row(GemmTrace("h", M=1, N=64, K=32), machine(kib))
        for name in ("cycles", "dram_bytes", "compute_cycles", "macs_executed"):
            assert again[name] == STEPS * alone[name]


def test_tiles_of_weights_that_stay_are_fetched_once_within_a_step():
    """With M outside N every tile of filters would come again for each of the 4 tiles of M."""
    trace = GemmTrace("h", M=64, N=64, K=32, kind="gru", repeat=2)
    found = row(trace, machine(2, mapping={"m": 16, "n": 16, "order": "MNK"}))
    assert found["dram_weight_bytes"] == 2048


def test_unlimited_buffers_hold_all_weights():
    hardware = {key: value for key, value in machine().items() if key != "buffers"}
    assert row(SHAPE, hardware)["dram_weight_bytes"] == 2048


def test_each_step_has_its_own_activations():
    trace = random_steps()
    assert trace.activation.shape == (STEPS * 2, 20)
    assert trace.has_steps
    for t in range(STEPS):
        step = trace.step(t)
        assert (step.repeat, step.M) == (1, 2)
        assert np.array_equal(step.activation, trace.activation[2 * t : 2 * t + 2])
        assert np.array_equal(step.weight, trace.weight)
    assert np.array_equal(trace.group(0).activation, trace.activation[:2])


@pytest.mark.parametrize("array", [OS, EIE, {"kind": "csr_rows", "pes": 4, "vector_width": 2}])
def test_every_step_is_verified_and_counted(array):
    trace = random_steps(density=0.3)
    report = accelsim.simulate(trace, machine(array=array), verify=True)
    assert np.array_equal(report.outputs["h"], trace.activation.astype(int) @ trace.weight.T.astype(int))
    steps = [row(trace.step(t), machine(array=array)) for t in range(STEPS)]
    found = report.rows[0]
    for name in ("compute_cycles", "macs_effectual", "macs_executed", "dram_ifmap_bytes", "dram_ofmap_bytes"):
        assert found[name] == sum(step[name] for step in steps)
    assert found["cycles"] < sum(step["cycles"] for step in steps)
    assert found["dram_weight_bytes"] == steps[0]["dram_weight_bytes"]
    assert found["weights_nonzero"] == steps[0]["weights_nonzero"]


def test_sparse_steps_differ():
    """EIE skips zero activations: a step without any takes less."""
    activation = np.ones((2, 8), int)
    activation[1] = 0
    trace = GemmTrace("h", M=1, weight=np.ones((4, 8), int), activation=activation, kind="lstm", repeat=2)
    both = row(trace, machine(array=EIE))
    full = row(trace.step(0), machine(array=EIE))
    assert both["macs_effectual"] == full["macs_effectual"] == 32
    assert both["compute_cycles"] < 2 * full["compute_cycles"]


def test_steps_with_equal_activations_may_share_them():
    trace = GemmTrace("h", weight=np.ones((4, 8), int), activation=np.ones((1, 8), int), kind="lstm", repeat=3)
    assert not trace.has_steps
    found = row(trace, machine(), verify=True)
    assert found["macs_effectual"] == 3 * 32
    assert found["dram_weight_bytes"] == 32


@given(
    steps=st.integers(1, 6), m=st.integers(1, 3), n=st.integers(1, 20), k=st.integers(1, 40),
    array=st.sampled_from([OS, EIE]), filter_kib=st.sampled_from([1, 4]), ideal=st.booleans(),
)  # fmt: skip
@settings(max_examples=30, deadline=None, derandomize=True)
def test_steps_add_up(steps, m, n, k, array, filter_kib, ideal):
    trace = random_steps(steps, m, n, k)
    hardware = machine(filter_kib, array, {"model": "ideal"} if ideal else FAST)
    found, single = row(trace, hardware), [row(trace.step(t), hardware) for t in range(steps)]
    for name in ("compute_cycles", "macs_executed", "macs_effectual", "dram_ifmap_bytes"):
        assert found[name] == sum(step[name] for step in single)
    assert found["cycles"] <= sum(step["cycles"] for step in single)
    assert found["dram_weight_bytes"] <= sum(step["dram_weight_bytes"] for step in single)
    assert found == row(trace, hardware)


def test_steps_survive_a_file(tmp_path):
    values = random_steps()
    held = GemmTrace("x", M=2, weight=values.weight, activation=values.activation, kind="gru", repeat=STEPS)
    Workload("w", [values, held]).save(tmp_path / "w.npz")
    for trace in Workload.load(tmp_path / "w.npz"):
        assert np.array_equal(trace.activation, values.activation)
        assert (trace.repeat, trace.M, trace.has_steps) == (STEPS, 2, True)


def test_a_file_with_another_number_of_rows_is_refused():
    manifest, arrays = Workload("w", [random_steps()]).manifest()
    manifest["layers"][0]["activation"] = "array"
    with pytest.raises(FileFormatError, match=r"activation has shape \(3, 20\); \(10, 20\) is expected"):
        Workload.from_manifest(manifest, arrays | {"0.activation": np.zeros((3, 20), int)}, "file")


@pytest.mark.parametrize(("kind", "repeat"), [("linear", 5), ("lstm", 4), ("lstm", 1)])
def test_rows_that_are_no_steps_are_refused(kind, repeat):
    values = random_steps()
    with pytest.raises(TraceError, match=r"M of trace 'x' is \[2, 10\]"):
        GemmTrace("x", M=2, weight=values.weight, activation=values.activation, kind=kind, repeat=repeat)


SCORES = GemmTrace.random("a.scores", M=16, N=16, K=8, groups=4, kind="attention")


@pytest.mark.parametrize("array", [OS, {**OS, "dataflow": "ws"}, {"kind": "csr_rows", "pes": 4, "vector_width": 4}])
def test_attention_moves_its_second_operand_and_has_no_weights(array):
    found = row(SCORES, machine(array=array), verify=True)
    for name in ("weights_dense", "weights_nonzero", "storage_weight_bits", "storage_index_bits"):
        assert found[name] == 0
    assert found["dram_weight_bytes"] == 4 * 16 * 8
    assert found["macs_dense"] == 4 * 16 * 16 * 8


def test_attention_bits_are_the_activations():
    four = row(GemmTrace("s", M=16, N=16, K=8, kind="attention", weight_bits=4, activation_bits=4), machine())
    assert four["dram_weight_bytes"] == 64
    with pytest.raises(TraceError, match=r"weight_bits of attention trace 's' is 8; .* 4 as activation_bits"):
        GemmTrace("s", M=16, N=16, K=8, kind="attention", activation_bits=4)


def test_attention_is_never_in_alpha_or_storage():
    layer = GemmTrace.random("f", M=4, N=32, K=64, weight_density=0.2, seed=3)
    hardware = accelsim.load_hardware(machine(array={"kind": "csr_rows", "pes": 16, "vector_width": 16}))
    found = []
    for traces in ([layer], [layer, SCORES]):
        workload = Workload("w", traces)
        dense, baseline = dense_pair(uncompressed(workload), workload, hardware)
        found.append(accelsim.ppr(accelsim.simulate(dense, baseline), accelsim.simulate(workload, hardware)))
    assert (found[0].alpha, found[0].alpha_macs) == (found[1].alpha, found[1].alpha_macs)
    assert found[0].beta != found[1].beta
    assert storage_rows({"w": Workload("w", [layer, SCORES])}) == storage_rows({"w": Workload("w", [layer])})
