"""A compressed network becomes traces of its actual integers."""

import numpy as np
import pytest
import torch
from torch import nn

import compress
import workloads
from accelsim import simulate
from accelsim.errors import AccelSimError

SYSTOLIC = {"name": "small", "array": {"kind": "systolic", "rows": 4, "cols": 4, "dataflow": "os"}}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A small network with columns pruned away, and the folder it was saved in."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3, stride=2, groups=2), nn.Flatten(), nn.Linear(54, 5)
    )
    constraints = {"0": compress.Columns(keep=7), "4": compress.Columns(keep=20)}
    example = torch.rand(3, 2, 8, 8)
    method = compress.ADMMPruner(model, constraints, example_input=example)
    method.harden()
    finished = method.finalize()
    folder = tmp_path_factory.mktemp("checkpoint") / "net"
    compress.save(folder, finished, method=method, accuracy=0.5, example_input=example)
    return folder


def test_traces_carry_the_saved_integers(saved):
    found, stored = workloads.from_checkpoint(saved), compress.read(saved)
    assert found.name == "net"
    assert found.provenance["accuracy"] == 0.5
    for trace, layer in zip(found, stored.layers, strict=True):
        assert (trace.name, trace.kind, trace.groups) == (layer.name, layer.kind, layer.groups)
        assert (trace.weight_bits, trace.activation_bits) == (8, 8)
        assert trace.dense_shape == layer.dense_shape
        np.testing.assert_array_equal(trace.weight, layer.weight.reshape(len(layer.weight), -1))
        if trace.conv is not None:
            np.testing.assert_array_equal(trace.ifmap, layer.ifmap)
        else:
            np.testing.assert_array_equal(trace.activation, layer.ifmap[:, layer.columns])


def test_removed_columns_leave_the_gemm(saved):
    first, _, last = workloads.from_checkpoint(saved)
    assert first.K == len(first.conv.columns) == 7
    assert first.dense_shape == (3 * 64, 4, 18)
    assert last.K == 20
    assert last.dense_shape == (3, 5, 54)


def test_the_traces_compute_what_torch_computes_on_the_integers(saved):
    """Padding, stride, groups and kept columns all come through: the exact GEMM equals torch's convolution."""
    report = simulate(workloads.from_checkpoint(saved), SYSTOLIC, verify=True)
    for layer in compress.read(saved).layers:
        weight = np.zeros((len(layer.weight), int(np.prod(layer.weight_shape[1:]))), np.int64)
        kept = slice(None) if layer.columns is None else layer.columns
        weight[:, kept] = layer.weight.reshape(len(layer.weight), -1)
        ifmap, filters = (torch.from_numpy(a.astype(np.float64)) for a in (layer.ifmap, weight))
        if layer.kind == "conv":
            shape = filters.view(layer.weight_shape)
            sums = nn.functional.conv2d(ifmap, shape, None, layer.stride, layer.padding, layer.dilation, layer.groups)
            expected = sums.permute(0, 2, 3, 1).reshape(-1, len(weight))
        else:
            expected = ifmap @ filters.T
        np.testing.assert_array_equal(report.outputs[layer.name], expected.numpy())


def test_the_workload_of_a_checkpoint_survives_its_own_file(saved, tmp_path):
    before = workloads.from_checkpoint(saved)
    before.save(tmp_path / "w.npz")
    after = workloads.open_workload(tmp_path / "w.npz")
    assert before.provenance == after.provenance
    for a, b in zip(before, after, strict=True):
        assert a.conv == b.conv
        np.testing.assert_array_equal(a.weight, b.weight)
        np.testing.assert_array_equal(a.activation_operand.whole(), b.activation_operand.whole())


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(AccelSimError):
        workloads.from_checkpoint(tmp_path)
    with pytest.raises(AccelSimError, match="nowhere"):
        workloads.from_checkpoint(tmp_path / "nowhere")
