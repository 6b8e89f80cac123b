"""Operators of old opsets by their own definitions, computed here by hand or by torch."""

import numpy as np
import pytest
import torch
from onnx import helper
from torch.nn import functional

import workloads
from accelsim.errors import FileFormatError
from tests.workloads.onnx_builders import drawn, integers, node, saved
from workloads.onnx import computing
from workloads.onnx.computing import computed
from workloads.onnx.values import Known


@pytest.fixture(autouse=True)
def without_the_runtime(monkeypatch):
    """These are the definitions that stand in for ONNX Runtime; another file compares them with it."""
    monkeypatch.setattr(computing, "runtime_version", lambda: None)


def written(op, opset, *arrays, domain="", **attributes):
    names = [f"i{k}" for k in range(len(arrays))]
    one = helper.make_node(op, names, ["y"], domain=domain, **attributes)
    given = {n: np.asarray(a) for n, a in zip(names, arrays, strict=True)}
    return computed(one, given, {"": opset, domain: opset}, [Known("y", None)], frozenset(names[:1]))[0]


@pytest.mark.parametrize("opset", [13, 17, 21])
@pytest.mark.parametrize("filters", [8, 32])
def test_quantize_and_dequantize_nodes_of_every_opset(tmp_path, opset, filters):
    held = {
        "w": integers(filters, 3, 3, 3), "ws": np.float32(0.01), "wz": np.int8(0), "s": np.float32(0.05),
        "z": np.uint8(128), "b": np.arange(filters, dtype=np.int32), "bs": np.float32(0.0005),
    }  # fmt: skip
    nodes = [node("QuantizeLinear", "x,s,z", "q"), node("DequantizeLinear", "q,s,z", "d"),
             node("DequantizeLinear", "w,ws,wz", "v"), node("DequantizeLinear", "b,bs", "c"),
             node("Conv", "d,v,c", "y", pads=[1, 1, 1, 1])]  # fmt: skip
    path = saved(tmp_path / "m.onnx", nodes, {"x": [1, 3, 8, 8]}, ["y"], held, opset=opset)
    shapes = workloads.from_onnx(path)
    assert shapes.macs == filters * 27 * 64
    assert (shapes.traces[0].weight == held["w"].reshape(filters, -1)).all()
    image = drawn(1, 3, 8, 8)
    (trace,) = workloads.from_onnx(path, data=image)
    assert (trace.ifmap == np.clip(np.rint(image / np.float32(0.05)), -128, 127)).all()


def test_dequantizing_by_hand():
    stored = np.array([[0, 10], [20, 255]], np.uint8)
    assert written("DequantizeLinear", 10, stored, np.float32(0.5), np.uint8(10)).tolist() == [[-5, 0], [5, 122.5]]
    scales, points = np.array([1, 2], np.float32), np.array([0, 5], np.uint8)
    assert written("DequantizeLinear", 13, stored, scales, points, axis=0).tolist() == [[0, 10], [30, 500]]
    assert written("DequantizeLinear", 17, stored, scales, points).tolist() == [[0, 10], [20, 500]]
    sums = np.array([-3, 7], np.int32)
    assert written("DequantizeLinear", 13, sums, np.float32(0.25)).tolist() == [-0.75, 1.75]


def test_quantizing_by_hand():
    steps = written("QuantizeLinear", 13, np.array([0.5, 1.5, -9, 300], np.float32), np.float32(1), np.int8(1))
    assert steps.tolist() == [1, 3, -8, 127]  # half to even, then the zero point, then the type's range
    assert steps.dtype == np.int8


@pytest.mark.parametrize("opset", [7, 9, 13])
def test_batch_norm_before_14(opset):
    x, scale, shift, mean, variance = drawn(2, 4, 3, 3), *(np.abs(drawn(4, seed=i)) + 0.1 for i in range(4))
    found = written("BatchNormalization", opset, x, scale, shift, mean, variance, epsilon=0.01)
    expected = functional.batch_norm(*map(torch.from_numpy, (x, mean, variance, scale, shift)), eps=0.01)
    assert np.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("opset", [7, 11, 12])
@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_softmax_before_13_is_over_all_axes_from_one_on(opset, axis):
    x = drawn(2, 3, 4, 5)
    rows = torch.from_numpy(x).flatten(axis).reshape(int(np.prod(x.shape[:axis])), -1)
    for op, function in (("Softmax", torch.softmax), ("LogSoftmax", torch.log_softmax)):
        expected = function(rows, 1).reshape(x.shape)
        assert np.allclose(written(op, opset, x, axis=axis), expected, atol=1e-6)
    single = written("Hardmax", opset, x, axis=axis).reshape(rows.shape)
    assert (single.argmax(1) == rows.argmax(1).numpy()).all()
    assert (single.sum(1) == 1).all()


@pytest.mark.parametrize(("mode", "before"), [("SAME_LOWER", 1), ("SAME_UPPER", 0)])
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_automatic_padding_of_pooling(op, mode, before):
    """A kernel of 2 with stride 1 needs one element of padding an axis: before it or behind it."""
    x = drawn(1, 2, 5, 6)
    found = written(op, 11, x, kernel_shape=[2, 2], strides=[1, 1], auto_pad=mode)
    wide = torch.full((1, 2, 6, 7), -torch.inf if op == "MaxPool" else torch.nan)
    wide[:, :, before : before + 5, before : before + 6] = torch.from_numpy(x)
    windows = wide.unfold(2, 2, 1).unfold(3, 2, 1).flatten(4)
    expected = windows.amax(-1) if op == "MaxPool" else windows.nanmean(-1)
    assert np.allclose(found, expected)


def test_max_pool_with_pads_that_differ():
    x = drawn(1, 2, 5, 6)
    found = written("MaxPool", 12, x, kernel_shape=[2, 3], strides=[2, 1], pads=[1, 0, 0, 2])
    wide = functional.pad(torch.from_numpy(x), (0, 2, 1, 0), value=-torch.inf)
    assert np.allclose(found, functional.max_pool2d(wide, (2, 3), (2, 1)))
    whole = written("MaxPool", 12, x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    assert np.allclose(whole, functional.max_pool2d(torch.from_numpy(x), 2, 2, ceil_mode=True))


def test_global_pooling_of_a_signal():
    x = drawn(2, 3, 9)
    assert (written("GlobalMaxPool", 15, x) == x.max(2, keepdims=True)).all()


def test_a_recurrent_layer_that_clips_is_unchecked():
    arrays = drawn(5, 2, 3), drawn(1, 16, 3), drawn(1, 16, 4)
    assert written("LSTM", 14, *arrays, hidden_size=4).shape == (5, 1, 2, 4)
    with pytest.raises(FileFormatError, match="by ONNX Runtime alone"):
        written("LSTM", 14, *arrays, hidden_size=4, clip=0.3)


def test_activations_of_unchecked_operators_are_refused_without_the_runtime(tmp_path):
    nodes = [node("Bernoulli", "x", "b"), node("MatMul", "b,w", "y")]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [3, 7]}, ["y"], {"w": drawn(7, 5)})
    with pytest.raises(FileFormatError, match=r"Bernoulli\) is computed by ONNX Runtime alone .*accelsim\[onnx\]"):
        workloads.from_onnx(path, data=drawn(3, 7))
    assert workloads.from_onnx(path, values="weights").macs == 105


def test_the_long_name_of_onnx_itself(tmp_path):
    """Some exporters write the domain "ai.onnx" where others write none."""
    nodes = [helper.make_node(op, ins, [out], domain="ai.onnx", **more) for op, ins, out, more in (
        ("MaxPool", ["x"], "p", {"kernel_shape": [2, 2]}), ("Conv", ["p", "w"], "y", {}))]  # fmt: skip
    path = saved(tmp_path / "m.onnx", nodes, {"x": [1, 3, 6, 6]}, ["y"], {"w": drawn(4, 3, 3, 3)}, opset=13)
    found = workloads.from_onnx(path, data=drawn(1, 3, 6, 6))
    assert found.traces[0].shape == (9, 4, 27)
    assert [operator.op for operator in found.operators] == ["max_pool"]
