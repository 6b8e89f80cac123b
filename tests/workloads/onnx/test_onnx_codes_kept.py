"""Codes of quantized tensors behind operators that move, repeat, drop or compare elements, and behind others."""

import numpy as np
import pytest

import workloads
from tests.workloads.onnx_builders import drawn, integers, node, saved

QONNX = "qonnx.custom_op.general"
HELD = {
    "s": np.float32(0.25), "t": np.float32(0.5), "z": np.uint8(5), "lo": np.uint8(0), "hi": np.uint8(15),
    "w": drawn(4, 3, 1, 1), "pads": np.array([0, 0, 1, 1, 0, 0, 1, 2]), "parts": np.array([3, 4]), "one": np.float32(1),
    "sizes": np.array([1, 3, 14, 12]), "rows": np.array([0, 3, 3]), "times": np.array([1, 1, 2, 1]),
}  # fmt: skip
QUANTIZED = [node("QuantizeLinear", "x,s,z", "q"), node("Clip", "q,lo,hi", "c"), node("DequantizeLinear", "c,s,z", "d")]
KEEPING = {  # name -> (nodes, what they make of an array)
    "greatest of windows": ([node("MaxPool", "d", "m", kernel_shape=[7, 6])], lambda a: a.max((2, 3), keepdims=True)),
    "zeros around": ([node("Pad", "d,pads", "m")], lambda a: np.pad(a, [(0, 0), (0, 0), (1, 1), (1, 2)])),
    "edges around": ([node("Pad", "d,pads", "m", mode="edge")],
                     lambda a: np.pad(a, [(0, 0), (0, 0), (1, 1), (1, 2)], mode="edge")),
    "ReLU": ([node("Relu", "d", "m")], lambda a: np.maximum(a, 0)),
    "side by side": ([node("Concat", "d,d", "m", axis=2)], lambda a: np.concatenate([a, a], 2)),
    "a later part": ([node("Split", "d,parts", "n,m", axis=2)], lambda a: a[:, :, 3:]),
    "nearest pixels": ([node("Resize", "d,,,sizes", "m", mode="nearest")], lambda a: a.repeat(2, 2).repeat(2, 3)),
    "rows": ([node("Gather", "d,rows", "m", axis=2)], lambda a: a[:, :, [0, 3, 3]]),
    "repeated": ([node("Tile", "d,times", "m")], lambda a: np.concatenate([a, a], 2)),
    "other floats": ([node("Cast", "d", "h", to=10), node("Cast", "h", "m", to=1)], lambda a: a),
}  # fmt: skip


def convolved(path, nodes):
    whole = [*QUANTIZED, *nodes, node("Conv", "m,w", "y")]
    return saved(path, whole, {"x": [1, 3, 7, 6]}, ["y"], HELD)


@pytest.mark.parametrize("name", KEEPING)
def test_kept(tmp_path, name):
    nodes, moved = KEEPING[name]
    path, data = convolved(tmp_path / "m.onnx", nodes), 8 * drawn(1, 3, 7, 6)
    (trace,) = workloads.from_onnx(path, values="weights")
    assert trace.activation_bits == 4  # of 16 codes
    (trace,) = workloads.from_onnx(path, data=data)
    codes = np.clip(np.rint(data / np.float32(0.25)) + 5, 0, 15).astype(int) - 5
    right = moved(codes).transpose(0, 2, 3, 1).reshape(-1, 3)
    np.testing.assert_array_equal(trace.activation, right)


@pytest.mark.parametrize(
    "changed",
    [
        node("Pad", "d,pads,one", "m"),
        node("Resize", "d,,,sizes", "m", mode="linear"),
        node("Sigmoid", "d", "m"),
        node("AveragePool", "d", "m", kernel_shape=[2, 2]),
    ],
    ids=lambda changed: changed.op_type,
)
def test_not_kept(tmp_path, changed):
    (trace,) = workloads.from_onnx(convolved(tmp_path / "m.onnx", [changed]), values="weights")
    assert trace.activation_bits == 8


@pytest.mark.parametrize("moved", [node("Relu", "d", "m"), node("MaxPool", "d", "m", kernel_shape=[2, 2])], ids=str)
def test_a_scale_below_0_turns_what_is_greater_around(tmp_path, moved):
    held = {**HELD, "s": np.float32(-0.5), "z": np.int8(0)}
    nodes = [node("QuantizeLinear", "x,s,z", "q"), node("DequantizeLinear", "q,s,z", "d"), moved]
    path = saved(tmp_path / "m.onnx", [*nodes, node("Conv", "m,w", "y")], {"x": [1, 3, 4, 4]}, ["y"], held)
    (trace,) = workloads.from_onnx(path, data=np.abs(drawn(1, 3, 4, 4)))
    assert trace.activation.min() >= 0


def test_limits_side_by_side(tmp_path):
    nodes = [*QUANTIZED[:2], node("Concat", "c,c", "e", axis=2), node("DequantizeLinear", "e,s,z", "d"),
             node("Conv", "d,w", "y")]  # fmt: skip
    path = saved(tmp_path / "m.onnx", nodes, {"x": [1, 3, 7, 6]}, ["y"], HELD)
    assert workloads.from_onnx(path, values="weights").traces[0].activation_bits == 4
    mixed = [*nodes[:2], node("Concat", "c,q", "e", axis=2), *nodes[3:]]
    path = saved(tmp_path / "n.onnx", mixed, {"x": [1, 3, 7, 6]}, ["y"], HELD)
    assert workloads.from_onnx(path, values="weights").traces[0].activation_bits == 8


def test_integers_that_are_cast_to_floats_are_weights_as_they_are(tmp_path):
    """Weight-only quantization writes the scale behind the product."""
    held = {"w": integers(8, 6) // 16, "s": np.abs(drawn(6))}
    nodes = [node("Cast", "w", "v", to=1), node("MatMul", "x,v", "p"), node("Mul", "p,s", "y")]
    (trace,) = workloads.from_onnx(saved(tmp_path / "m.onnx", nodes, {"x": [5, 8]}, ["y"], held), values="weights")
    assert (trace.weight == held["w"].T).all()


def test_under_two_scales_the_bits_stay_and_real_numbers_are_quantized(tmp_path):
    other = [node("DequantizeLinear", "c,t,z", "e"), node("Concat", "d,e", "m", axis=3)]
    path, data = convolved(tmp_path / "m.onnx", other), 8 * drawn(1, 3, 7, 6)
    assert workloads.from_onnx(path, values="weights").traces[0].activation_bits == 4
    codes = np.clip(np.rint(data / np.float32(0.25)) + 5, 0, 15) - 5
    real = np.concatenate([codes * 0.25, codes * 0.5], 3).transpose(0, 2, 3, 1).reshape(-1, 3)
    found = workloads.from_onnx(path, data=data)
    scale = found.provenance["codes"]["conv1"]["activation"]["scale"]
    assert np.abs(found.traces[0].activation * scale - real).max() <= 0.51 * scale


def test_weights_side_by_side_and_a_part_of_them(tmp_path):
    first, second = integers(8, 4), integers(8, 6, seed=1)
    held = {"a": first, "b": second, "s": np.float32(0.1), "t": np.float32(0.3), "z": np.int8(3), "p": np.array([3, 7])}
    nodes = [node("DequantizeLinear", "a,s,z", "c"), node("DequantizeLinear", "b,t", "d"), node("MatMul", "x,g", "y")]
    nodes[2:2] = [node("Concat", "c,d", "e", axis=1), node("Split", "e,p", "f,g", axis=1)]
    (trace,) = workloads.from_onnx(saved(tmp_path / "m.onnx", nodes, {"x": [5, 8]}, ["y"], held))
    whole = np.concatenate([first.astype(int) - 3, second], 1)
    assert (trace.weight == whole[:, 3:].T).all()


def test_rows_of_a_table(tmp_path):
    held = {"a": integers(9, 6), "s": np.float32(0.1), "w": drawn(6, 4)}
    nodes = [node("DequantizeLinear", "a,s", "t"), node("Cast", "x", "i", to=7), node("Gather", "t,i", "e"),
             node("MatMul", "e,w", "y")]  # fmt: skip
    path = saved(tmp_path / "m.onnx", nodes, {"x": [4]}, ["y"], held)
    (trace,) = workloads.from_onnx(path, data=np.array([1, 8, 8, 0], np.float32))
    assert (trace.activation == held["a"][[1, 8, 8, 0]]).all()
    assert workloads.from_onnx(path, values="weights").traces[0].activation_bits == 8


def quant(inputs, output, op="Quant", **attributes):
    made = node(op, inputs, output, signed=1, narrow=0, rounding_mode="ROUND", **attributes)
    made.domain = QONNX
    return made


def test_bits_of_each_channel(tmp_path):
    held = {"w": 10 * drawn(4, 3, 1, 1), "s": np.float32(0.1), "z": np.float32(0),
            "b": np.array([2, 4, 8, 3], np.float32).reshape(4, 1, 1, 1)}  # fmt: skip
    nodes = [quant("w,s,z,b", "v"), node("Conv", "x,v", "y")]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [1, 3, 4, 4]}, ["y"], held, domains=[QONNX])
    (trace,) = workloads.from_onnx(path)
    least, most = -(2 ** (held["b"] - 1)), 2 ** (held["b"] - 1) - 1
    right = np.clip(np.rint(held["w"] / np.float32(0.1)), least, most).reshape(4, 3)
    assert (trace.weight == right).all()
    assert trace.weight_bits == 8


def test_one_signed_bit_is_no_binary_weight(tmp_path):
    """QONNX's Quant of one signed bit has -1 and 0; -1 and +1 is BipolarQuant's."""
    held = {"w": drawn(8, 6), "s": np.float32(1), "z": np.float32(0), "b": np.float32(1)}
    path = saved(tmp_path / "m.onnx", [quant("w,s,z,b", "v"), node("MatMul", "x,v", "y")], {"x": [5, 8]}, ["y"], held,
                 domains=[QONNX])  # fmt: skip
    (trace,) = workloads.from_onnx(path)
    assert set(np.unique(trace.weight)) == {-1, 0}
    assert (trace.weight_bits, trace.weight_coding) == (2, "uniform")


def test_bits_that_trunc_leaves(tmp_path):
    held = {"w": drawn(8, 6), "s": np.float32(0.5), "z": np.float32(0), "b": np.float32(8), "o": np.float32(5)}
    nodes = [quant("x,s,z,b", "q"), quant("q,s,z,b,o", "t", "Trunc"), quant("w,s,z,b", "v"), node("MatMul", "t,v", "y")]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [5, 8]}, ["y"], held, domains=[QONNX])
    assert workloads.from_onnx(path).traces[0].activation_bits == 5
