"""adder: the array against the plain per-cycle model, which layers are its own, and its energy by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
import workloads
from accelsim.analysis.comparison import uncompressed
from accelsim.analysis.dense_baseline import dense_pair
from accelsim.arrays import KINDS
from accelsim.arrays.adder.array import AdderArray, AdderProgram, difference_bits
from accelsim.arrays.base import Tile
from accelsim.errors import ConfigError, TraceError, UnsupportedLayerError, VerificationError
from accelsim.hardware.loading import load_hardware
from accelsim.technology.table import default_table
from accelsim.trace.exact import exact_l1
from accelsim.trace.gemm import GemmTrace
from accelsim.trace.workload import Workload
from tests.references import adder as reference_adder
from tests.workloads import onnx_builders
from workloads.files.shipped import shipped_path

MACHINE = {"name": "a", "array": {"kind": "adder", "rows": 3, "cols": 2}}
SYSTOLIC = {"kind": "systolic", "rows": 2, "cols": 2, "dataflow": "os"}
FORMATS = {
    "shift": {"weight_bits": 4, "weight_coding": "pow2"},
    "ternary": {"weight_bits": 2, "weight_coding": "ternary"},
    "xnor": {"weight_bits": 1, "activation_bits": 1, "weight_coding": "binary"},
}


def distances(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return -np.abs(x[:, None, :] - weight[None]).sum(axis=2)


def program(trace: GemmTrace, **fields: Any) -> AdderProgram:
    return AdderArray(**fields).program(trace)


sides = st.integers(1, 4)


@given(rows=sides, cols=sides, size=st.tuples(*[st.integers(1, 9)] * 3), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=250, deadline=None)
def test_array_equals_the_per_cycle_model(rows: int, cols: int, size: tuple[int, int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, n, k = size
    weight, x = rng.integers(-128, 128, (n, k)), rng.integers(-128, 128, (m, k))
    cycles, output = reference_adder.run(weight, x, rows, cols)
    ran = program(GemmTrace("layer", weight=weight, activation=x), rows=rows, cols=cols)
    assert ran.work(Tile(0, m, 0, n, 0, k)).cycles == cycles
    np.testing.assert_array_equal(output, distances(x, weight))
    np.testing.assert_array_equal(ran.functional(), output)
    np.testing.assert_array_equal(ran.exact(), output)


@pytest.mark.parametrize("geometry", [{"padding": 1}, {"padding": 2, "dilation": 2}, {"padding": 2, "stride": 2}])
def test_padding_is_a_zero_that_has_a_distance(geometry: dict[str, int]) -> None:
    """Batch, groups, stride and dilation, against a zero-padded ifmap taken apart window by window."""
    rng = np.random.default_rng(2)
    weight, ifmap = rng.integers(-8, 8, (4, 3, 3, 3)), rng.integers(-8, 8, (2, 6, 7, 6))
    trace = GemmTrace.from_conv("c", weight=weight, ifmap=ifmap, groups=2, **geometry)
    got = accelsim.simulate(trace, MACHINE, verify=True).outputs["c"]
    stride, dilation, edge = geometry.get("stride", 1), geometry.get("dilation", 1), geometry["padding"]
    padded = np.pad(ifmap, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    reach = 2 * dilation + 1
    rows, columns = (range(0, size - reach + 1, stride) for size in padded.shape[2:])
    for m, (b, y, x) in enumerate((b, y, x) for b in range(2) for y in rows for x in columns):
        window = padded[b, :, y : y + reach : dilation, x : x + reach : dilation]
        expected = [-np.abs(window[3 * (n // 2) : 3 * (n // 2) + 3] - weight[n]).sum() for n in range(4)]
        assert got[m].tolist() == expected
    assert len(got) == m + 1


def test_widest_operands_are_exact() -> None:
    wide = {"weight_bits": 32, "activation_bits": 32}
    trace = GemmTrace("w", weight=[[-(2**31)] * 3], activation=[[2**31 - 1] * 3], **wide)
    got = accelsim.simulate(trace, MACHINE, verify=True).outputs["w"]
    assert got.tolist() == [[-3 * (2**32 - 1)]]


def test_a_wrong_datapath_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AdderProgram, "functional", lambda self: exact_l1(self.trace) - 1)
    with pytest.raises(VerificationError, match="exact result, first at"):
        accelsim.simulate(GemmTrace("w", weight=[[1]], activation=[[2]]), MACHINE, verify=True)


def test_functional_and_reference_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.arrays.common.slices.SLICE_ELEMENTS", 40)
    monkeypatch.setattr("accelsim.trace.exact.SLICE_ELEMENTS", 40)
    rng = np.random.default_rng(3)
    weight, x = rng.integers(-9, 9, (11, 7)), rng.integers(-9, 9, (13, 7))
    ran = program(GemmTrace("layer", weight=weight, activation=x))
    np.testing.assert_array_equal(ran.functional(), distances(x, weight))
    np.testing.assert_array_equal(ran.exact(), distances(x, weight))


def test_zeros_are_distances_too() -> None:
    row = accelsim.simulate(GemmTrace("z", weight=np.zeros((4, 5), int), activation=np.zeros((3, 5), int)), MACHINE)
    assert row.rows[0]["macs_effectual"] == row.rows[0]["macs_executed"] == 3 * 4 * 5


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"adder"}))
def test_an_array_of_macs_refuses_distances(kind: str) -> None:
    bits = FORMATS.get(kind, {})
    ones = np.ones((2, 2, 1, 1), int)  # K = 2 keeps to 2:4
    machine = {"name": "m", "array": {"kind": kind}}
    refused, taken = (
        GemmTrace.from_conv("net.conv", weight=ones, ifmap=ones, operation=operation, **bits)
        for operation in ("l1", "mac")
    )
    with pytest.raises(UnsupportedLayerError, match=r"'net\.conv' cannot run on .*its operation is l1; mac is"):
        accelsim.simulate(refused, machine)
    assert accelsim.simulate(taken, machine).cycles > 0


def test_layers_of_macs_and_of_other_codings_go_to_the_fallback() -> None:
    ones = np.ones((2, 3), int)
    layers = [
        GemmTrace("first", weight=ones, activation=ones, operation="mac"),
        GemmTrace("second", weight=ones, activation=ones, operation="l1"),
        GemmTrace("third", weight=ones, activation=ones, weight_bits=4, weight_coding="pow2"),
        GemmTrace("fourth", weight=ones, activation=ones),
    ]
    report = accelsim.simulate(layers, MACHINE | {"fallback": SYSTOLIC}, verify=True)
    assert list(report.layers["array"]) == ["systolic", "adder", "systolic", "adder"]
    assert [output[0, 0] for output in report.outputs.values()] == [3, 0, 3, 0]
    with pytest.raises(UnsupportedLayerError, match="'first' cannot run on adder: its operation is mac; l1 is"):
        accelsim.simulate(layers[0], MACHINE)
    with pytest.raises(UnsupportedLayerError, match="'third' cannot run on adder: its weights are pow2; uniform is"):
        accelsim.simulate(layers[2], MACHINE)


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(TraceError, match="operation of trace 'a' is 'l2'; one of any, mac, l1 is expected"):
        GemmTrace("a", M=1, N=1, K=1, operation="l2")


def test_equal_shapes_of_other_operations_are_told_apart() -> None:
    shapes = [GemmTrace(name, M=4, N=4, K=4, operation=name) for name in ("l1", "mac")]
    report = accelsim.simulate(shapes, MACHINE | {"fallback": SYSTOLIC})
    assert list(report.layers["array"]) == ["adder", "systolic"]


def test_dense_baseline_multiplies() -> None:
    """AdderNet's layers are measured against the same shapes on MACs, as many of them a cycle."""
    rng = np.random.default_rng(5)
    net = Workload("net", [
        GemmTrace("l", weight=rng.integers(-9, 9, (20, 30)), activation=rng.integers(-9, 9, (9, 30)), operation="l1")
    ])  # fmt: skip
    machine = load_hardware(MACHINE, **{"array.rows": 2, "array.cols": 3})
    dense = accelsim.simulate(*dense_pair(uncompressed(net), net, machine))
    assert dense.rows[0]["array"] == "systolic"
    assert accelsim.simulate(net, machine).cycles == 5 * 7 * (30 + 2 + 3 - 2)
    assert dense.cycles == 2 + 3 + 15 * 3 * 20  # is: 45 overlapped folds of T = 20 behind a load and a fill


@pytest.mark.parametrize("dataflow", ["ws", "is"])
def test_another_dataflow_is_refused_by_name(dataflow: str) -> None:
    with pytest.raises(ConfigError, match=r"array\.dataflow is '.s'"):
        load_hardware({"name": "a", "array": {"kind": "adder", "dataflow": dataflow}})


def test_shipped_machine_loads() -> None:
    array = load_hardware("lowbit/adder-16x16").array
    assert isinstance(array, AdderArray)
    assert array.peak_macs == array.baseline_macs(8, 8) == 256


def test_differences_are_a_bit_wider() -> None:
    assert [difference_bits(*bits) for bits in ((8, 8), (4, 8), (8, 4))] == [9, 9, 9]


def test_built_of_adders_and_gates() -> None:
    """A PE: 9 bits of subtractor and of XOR, 32 bits of adder; two operands and a psum latched."""
    pe = {"gate": 6.0 * 9, "full_adder": 6.0 * (9 + 32), "register_bit": 6.0 * (4 + 8 + 32)}
    assert AdderArray(rows=2, cols=3).logic(4, 8) == pe


def test_energy_of_two_by_two_by_hand() -> None:
    """One fold of T = 2: 8 distances of 8-bit numbers, differences of 9 bits, 1 KiB of each buffer."""
    buffers = {"ifmap_kib": 1, "filter_kib": 1, "ofmap_kib": 1, "double": False}
    machine = {"name": "a", "clock_mhz": 500, "array": {"kind": "adder", "rows": 2, "cols": 2}, "buffers": buffers}
    trace = GemmTrace("layer", weight=[[1, 0], [-3, 4]], activation=[[1, 2], [3, 4]])
    row = accelsim.simulate(trace, machine).layers.iloc[0]
    read, write = (default_table().sram_bit(law, 1024, 2 * 8) for law in ("read_pj", "write_pj"))
    out_read, out_write = (default_table().sram_bit(law, 1024, 2 * 32) for law in ("read_pj", "write_pj"))
    full_adder = 0.03 / 8
    assert row["cycles"] == 2 + 2 + 2 - 2
    assert row["utilization"] == 8 / (4 * 4)
    assert [row[f"dram_{part}_bytes"] for part in ("ifmap", "weight", "ofmap")] == [4, 4, 4]
    assert row["energy_mac_pj"] == pytest.approx(8 * ((9 + 9 * 0.25) * full_adder + 0.1), rel=1e-9)
    assert row["energy_register_pj"] == pytest.approx(8 * (8 + 8 + 32) * full_adder, rel=1e-9)
    sram = (4 * 8 + 4 * 8) * read + 4 * 8 * out_write + 8 * 8 * write + 8 * 4 * out_read
    assert row["energy_sram_pj"] == pytest.approx(sram, rel=1e-9)
    assert row["energy_index_pj"] == 0


@pytest.mark.parametrize("source", ["zoo", "torch", "onnx", "scalesim", "checkpoint"])
def test_networks_of_multiply_accumulates_are_refused_or_run_on_the_fallback(source: str, tmp_path: Path) -> None:
    network = multiply_accumulates(source, tmp_path)
    assert {trace.operation for trace in network.traces} == {"mac"}
    with pytest.raises(UnsupportedLayerError, match="cannot run on adder: its operation is mac; l1 is expected"):
        accelsim.simulate(network, MACHINE)
    report = accelsim.simulate(network, {**MACHINE, "fallback": SYSTOLIC})
    assert report.fallback_layers == [trace.name for trace in network.traces]


def multiply_accumulates(source: str, folder: Path) -> Workload:
    """A small network from each place that networks come from."""
    if source == "zoo":
        return workloads.load("lenet5", density=0.5)
    if source == "scalesim":
        (folder / "t.csv").write_text("Layer, M, N, K\nfc, 2, 3, 4\n")
        return workloads.from_scalesim_csv(folder / "t.csv")
    if source == "checkpoint":
        return workloads.from_checkpoint(shipped_path("lenet5-conv-114x"))
    if source == "onnx":
        nodes = [onnx_builders.node("Gemm", "x,w", "y")]
        return workloads.from_onnx(
            onnx_builders.saved(folder / "m.onnx", nodes, {"x": [2, 4]}, ["y"], {"w": onnx_builders.drawn(4, 3)})
        )
    import torch

    return workloads.from_torch(torch.nn.Linear(4, 3), torch.zeros(2, 4))
