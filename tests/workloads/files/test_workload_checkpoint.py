"""A compressed network becomes traces of its actual integers."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

import compress
import workloads
from accelsim import simulate
from accelsim.errors import AccelSimError, FileFormatError
from compress.quantizers.codes import LayerCode

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
    tensors = load_file(saved / "model.safetensors")
    for trace, layer in zip(found, stored.layers, strict=True):
        assert (trace.name, trace.kind, trace.groups) == (layer.name, layer.trace.kind, layer.trace.groups)
        assert (trace.weight_bits, trace.activation_bits) == (8, 8)
        assert trace.dense_shape == layer.trace.dense_shape
        np.testing.assert_array_equal(trace.weight, tensors[f"{trace.name}.weight"])
        np.testing.assert_array_equal(trace.activation_operand.whole(), tensors[f"{trace.name}.activation"])


def test_removed_columns_leave_the_gemm(saved):
    first, _, last = workloads.from_checkpoint(saved)
    assert first.K == len(first.conv.columns) == 7
    assert first.dense_shape == (3 * 64, 4, 18)
    assert last.K == 20
    assert last.dense_shape == (3, 5, 54)


def test_the_traces_compute_what_torch_computes_on_the_integers(saved):
    """Padding, stride, groups and kept columns all come through: the exact GEMM equals torch's convolution."""
    report = simulate(workloads.from_checkpoint(saved), SYSTOLIC, verify=True)
    for layer in compress.read(saved).traces:
        conv, weight = layer.conv, layer.weight
        if conv is not None:
            whole = np.zeros((len(weight), conv.channels * conv.taps), np.int64)
            whole[:, slice(None) if conv.columns is None else conv.columns] = weight
            weight = whole
        inputs = layer.activation if conv is None else layer.ifmap
        ifmap, filters = (torch.from_numpy(a.astype(np.float64)) for a in (inputs, weight))
        if conv is not None:
            shape = filters.view(-1, conv.channels, *conv.kernel)
            sums = nn.functional.conv2d(ifmap, shape, None, conv.stride, conv.padding, conv.dilation, layer.groups)
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


class GivenCodes(compress.Compressor):
    """Saves the codes that it was given."""

    def __init__(self, model, given):
        super().__init__(model)
        self.given = given

    def harden(self):
        """Nothing to do."""

    def finalize(self):
        return self.model

    def codes(self, model):
        return self.given


def save_codes(folder, **settings):
    """A linear layer of 4 filters of 3 inputs, saved with what its code says."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4))
    ints = np.array([[3, -4, 1], [1, 0, -2], [1, -1, 1], [0, 1, -1]])
    method = GivenCodes(model, {"0": LayerCode(ints, 0.5, 3, **settings)})
    return compress.save(folder, model, method=method, example_input=torch.rand(2, 3))


def test_the_operation_of_a_layer_reaches_its_trace(tmp_path):
    assert workloads.from_checkpoint(save_codes(tmp_path / "l1", operation="l1"))["0"].operation == "l1"
    assert workloads.from_checkpoint(save_codes(tmp_path / "mac"))["0"].operation == "mac"


def test_bits_of_filters_reach_the_trace_and_the_array(tmp_path):
    trace = workloads.from_checkpoint(save_codes(tmp_path / "net", filter_bits=(3, 2, 1, 2)))["0"]
    assert trace.number_format.filter_bits == (3, 2, 1, 2)
    whole = workloads.from_checkpoint(save_codes(tmp_path / "whole"))["0"]
    assert whole.number_format.filter_bits is None
    array = {"kind": "bitserial", "rows": 2, "cols": 1, "word_bits": 8}
    machine = {"name": "bits", "array": array}
    fewer, all_bits = (simulate(t, machine, verify=True) for t in (trace, whole))
    np.testing.assert_array_equal(fewer.outputs["0"], all_bits.outputs["0"])
    assert fewer.cycles < all_bits.cycles


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"filter_bits": (3, 2, 1)}, "filter_bits"),
        ({"filter_bits": (4, 2, 1, 2)}, "1 to 3"),
        ({"filter_bits": (3, 2, 1, 2), "coding": "codebook"}, "uniform"),
    ],
)
def test_bits_of_filters_that_cannot_be_are_not_saved(tmp_path, settings, told):
    with pytest.raises(AccelSimError, match=told):
        save_codes(tmp_path / "net", **settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "told"),
    [([3, 2, 1], "are 3; 4 are expected"), ([9, 2, 1, 2], "9; 1 to 3"), ([2, 2, 1, 2], "filter 0"), ("3", "integers")],
)
def test_bits_of_filters_in_a_broken_manifest_are_refused(tmp_path, given, told):
    folder = save_codes(tmp_path / "net", filter_bits=(3, 2, 1, 2))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["layers"][0]["filter_bits"] = given
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(FileFormatError, match=told):
        workloads.from_checkpoint(folder)
