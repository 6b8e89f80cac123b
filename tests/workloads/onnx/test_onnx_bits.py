"""Fewer bits than a type holds: Clip behind quantizing, QONNX's Quant, and bits that a caller names."""

import numpy as np
import pytest

import accelsim
import workloads
from accelsim.errors import ConfigError, FileFormatError
from tests.workloads.onnx_builders import drawn, integers, node, qdq_cnn, saved

QONNX = "qonnx.custom_op.general"


def quant(inputs, output, op="Quant", domain=QONNX, **attributes):
    made = node(op, inputs, output, **attributes)
    made.domain = domain
    return made


def clipped(path, least, most, kind=np.int8, zero=0):
    """Weights of a narrow range, as Brevitas writes them: quantized to bytes, then clipped."""
    steps = np.random.default_rng(0).integers(least, most + 1, (8, 6))
    held = {
        "w": ((steps - zero) * 0.1).astype(np.float32), "s": np.float32(0.1), "z": kind(zero), "lo": kind(least),
        "hi": kind(most),
    }  # fmt: skip
    nodes = [node("QuantizeLinear", "w,s,z", "q"), node("Clip", "q,lo,hi", "c"), node("DequantizeLinear", "c,s,z", "d"),
             node("MatMul", "x,d", "y")]  # fmt: skip
    return saved(path, nodes, {"x": [5, 8]}, ["y"], held), (steps - zero).T


@pytest.mark.parametrize(
    ("least", "most", "kind", "zero", "bits"),
    [
        (-8, 7, np.int8, 0, 4), (-7, 7, np.int8, 0, 4), (-2, 1, np.int8, 0, 2), (-128, 127, np.int8, 0, 8),
        (0, 15, np.uint8, 8, 4), (0, 15, np.uint8, 0, 5),  # 0 to 15 take five bits of two's complement
    ],
)  # fmt: skip
def test_bits_of_a_clipped_range(tmp_path, least, most, kind, zero, bits):
    path, steps = clipped(tmp_path / "m.onnx", least, most, kind, zero)
    (trace,) = workloads.from_onnx(path)
    assert trace.weight_bits == bits
    assert (trace.weight == steps).all()


def test_a_clip_behind_a_transpose_keeps_its_range(tmp_path):
    held = {"w": drawn(8, 6), "s": np.float32(0.3), "z": np.int8(0), "lo": np.int8(-4), "hi": np.int8(3)}
    nodes = [node("QuantizeLinear", "w,s,z", "q"), node("Clip", "q,lo,hi", "c"), node("Transpose", "c", "t"),
             node("DequantizeLinear", "t,s,z", "d"), node("Gemm", "x,d", "y", transB=1)]  # fmt: skip
    (trace,) = workloads.from_onnx(saved(tmp_path / "m.onnx", nodes, {"x": [5, 8]}, ["y"], held))
    assert trace.weight_bits == 3
    assert (trace.weight == np.clip(np.rint(held["w"] / np.float32(0.3)), -4, 3).T).all()


def test_activations_of_a_clipped_range(tmp_path):
    held = {"w": integers(8, 6), "s": np.float32(0.25), "z": np.int8(0), "lo": np.int8(-8), "hi": np.int8(7)}
    nodes = [node("QuantizeLinear", "x,s,z", "q"), node("Clip", "q,lo,hi", "c"), node("DequantizeLinear", "c,s,z", "d"),
             node("DequantizeLinear", "w,s,z", "v"), node("MatMul", "d,v", "y")]  # fmt: skip
    path = saved(tmp_path / "m.onnx", nodes, {"x": [5, 8]}, ["y"], held)
    data = 3 * drawn(5, 8)
    (trace,) = workloads.from_onnx(path, data=data)
    assert (trace.weight_bits, trace.activation_bits) == (8, 4)
    assert (trace.activation == np.clip(np.rint(data / 0.25), -8, 7)).all()


@pytest.mark.parametrize(
    ("signed", "narrow", "width", "limits", "bits"),
    [(1, 0, 4, (-8, 7), 4), (1, 1, 4, (-7, 7), 4), (1, 0, 2, (-2, 1), 2), (1, 1, 2, (-1, 1), 2)],
)
@pytest.mark.parametrize("domain", [QONNX, "onnx.brevitas"])
def test_quant_of_qonnx(tmp_path, signed, narrow, width, limits, bits, domain):
    held = {"w": drawn(8, 6), "s": np.float32(0.2), "z": np.float32(0), "b": np.float32(width)}
    nodes = [quant("w,s,z,b", "d", domain=domain, signed=signed, narrow=narrow, rounding_mode="ROUND"),
             node("MatMul", "x,d", "y")]  # fmt: skip
    path = saved(tmp_path / "m.onnx", nodes, {"x": [5, 8]}, ["y"], held, domains=[domain])
    (trace,) = workloads.from_onnx(path)
    assert trace.weight_bits == bits
    assert (trace.weight == np.clip(np.rint(held["w"] / np.float32(0.2)), *limits).T).all()


@pytest.mark.parametrize(
    ("mode", "steps"), [("FLOOR", [-2, 0, 1, 2]), ("CEIL", [-1, 1, 2, 3]), ("ROUND_TO_ZERO", [-1, 0, 1, 2]),
                        ("ROUND", [-2, 0, 2, 2]), ("HALF_UP", [-2, 1, 2, 3])],
)  # fmt: skip
def test_how_quant_rounds(tmp_path, mode, steps):
    held = {"w": np.array([[-1.5], [0.5], [1.5], [2.5]], np.float32), "s": np.float32(1), "z": np.float32(0),
            "b": np.float32(4)}  # fmt: skip
    nodes = [quant("w,s,z,b", "d", signed=1, narrow=0, rounding_mode=mode), node("MatMul", "x,d", "y")]
    (trace,) = workloads.from_onnx(saved(tmp_path / "m.onnx", nodes, {"x": [2, 4]}, ["y"], held, domains=[QONNX]))
    assert trace.weight.tolist() == [steps]


def test_quant_of_activations_and_one_bit_weights(tmp_path):
    held = {"w": drawn(8, 6), "s": np.float32(0.5), "z": np.float32(0), "b": np.float32(2)}
    nodes = [quant("w,s", "v", "BipolarQuant"), quant("x,s", "u", "BipolarQuant"), node("MatMul", "u,v", "y")]
    path, data = saved(tmp_path / "m.onnx", nodes, {"x": [5, 8]}, ["y"], held, domains=[QONNX]), drawn(5, 8, seed=2)
    found = workloads.from_onnx(path, data=data)
    (trace,) = found
    assert (trace.weight_bits, trace.activation_bits, trace.weight_coding) == (1, 1, "binary")
    assert (trace.weight == np.where(held["w"].T >= 0, 1, -1)).all()
    assert (trace.activation == np.where(data >= 0, 1, -1)).all()
    accelsim.simulate(found, {"name": "x", "array": {
        "kind": "xnor", "rows": 4, "cols": 4, "dataflow": "os", "word_bits": 8}}, verify=True)  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "settings", "message"),
    [
        ("w", {}, "has 0 settings; 3 are expected"),
        ("w,s,z", {}, "has 2 settings; 3 are expected"),
        ("w,s,z,none", {}, "settings; 3 are expected"),
        ("w,s,z,wide", {}, "quantizes to 99 bits"),
        ("w,s,z,b", {"rounding_mode": "UPSIDE"}, "rounds by 'UPSIDE'"),
    ],
)
def test_quant_that_cannot_be(tmp_path, inputs, settings, message):
    held = {"w": drawn(8, 6), "s": np.float32(0.5), "z": np.float32(0), "b": np.float32(4), "wide": np.float32(99),
            "none": np.zeros(0, np.float32)}  # fmt: skip
    nodes = [quant(inputs, "v", **settings), node("MatMul", "x,v", "y")]
    path = saved(tmp_path / "m.onnx", nodes, {"x": [5, 8]}, ["y"], held, domains=[QONNX])
    with pytest.raises(FileFormatError, match=message):
        workloads.from_onnx(path)


def test_bits_that_a_caller_names(tmp_path):
    path, steps = clipped(tmp_path / "m.onnx", -8, 7)
    (wider,) = workloads.from_onnx(path, weight_bits=6)
    assert wider.weight_bits == 6
    assert (wider.weight == steps).all()
    with pytest.raises(ConfigError, match=r"weight_bits of layer 'matmul1' is 3; the file stores integers that take 4"):
        workloads.from_onnx(path, weight_bits=3)
    network, _ = qdq_cnn(tmp_path / "q.onnx")
    named = workloads.from_onnx(network, weight_bits={"fc": 9}, activation_bits=5)
    assert [t.weight_bits for t in named] == [8, 9]
    assert [t.activation_bits for t in named] == [5, 5]


def test_float_weights_have_the_bits_that_a_caller_names(tmp_path):
    path = saved(tmp_path / "m.onnx", [node("MatMul", "x,w", "y")], {"x": [5, 8]}, ["y"], {"w": drawn(8, 6)})
    (trace,) = workloads.from_onnx(path, values="weights", weight_bits=4)
    assert trace.weight_bits == 4
    assert np.abs(trace.weight).max() == 7
    assert workloads.from_onnx(path, values="weights").traces[0].weight_bits == 8
