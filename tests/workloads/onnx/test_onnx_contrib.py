"""ONNX Runtime's own operators: their MACs and integers by hand, and their outputs by the runtime where it is there."""

import numpy as np
import pytest
from onnx import TensorProto, helper

import workloads
from accelsim.errors import FileFormatError
from tests.workloads.onnx_builders import drawn, integers, saved

ORT = "com.microsoft"
CONV = 4 * 3 * 64  # of the plain convolution before each
SCALES = {"s": np.float32(0.1), "z": np.uint8(3), "ws": np.float32(0.1), "wz": np.int8(0)}


def model(path, op, inputs, shape, held=None, outputs="y", quantized=False, **attributes):
    """A convolution of 256 outputs, brought into a shape, then one operator; `r` or, quantized, `q` is its input."""
    nodes = [helper.make_node("Conv", ["x", "k"], ["c"]), helper.make_node("Reshape", ["c", "shape"], ["r"])]
    nodes += [helper.make_node("QuantizeLinear", ["r", "s", "z"], ["q"])] * quantized
    nodes += [helper.make_node(op, inputs.split(","), outputs.split(","), name="own", domain=ORT, **attributes)]
    stored = {"k": drawn(4, 3, 1, 1), "shape": np.array(shape), **SCALES, **(held or {})}
    return saved(path, nodes, {"x": [1, 3, 8, 8]}, outputs.split(",")[:1], stored, opset=17, domains=[ORT])


PRODUCTS = {  # name -> (operator, inputs, shape of its input, constants, whether it reads integers, attributes, MACs)
    "QGemm": ("QGemm", "q,s,z,w,ws,wz,b,s,z", [1, 256],
              {"w": integers(100, 256), "b": np.zeros(100, np.int32)}, True, {"transB": 1}, 25600),
    "QGemm in floats": ("QGemm", "q,s,z,w,ws,wz", [4, 64], {"w": integers(64, 9)}, True, {}, 4 * 64 * 9),
    "MatMulIntegerToFloat": ("MatMulIntegerToFloat", "q,w,s,ws,z,wz", [1, 256], {"w": integers(256, 100)}, True, {},
                             25600),
    "DynamicQuantizeMatMul": ("DynamicQuantizeMatMul", "r,w,ws,wz", [2, 8, 16], {"w": integers(16, 5)}, False, {},
                              1280),
    "MatMulNBits": ("MatMulNBits", "r,w,bs", [1, 256],
                    {"w": integers(64, 8, 16, kind=np.uint8), "bs": drawn(512)}, False,
                    {"K": 256, "N": 64, "bits": 4, "block_size": 32}, 256 * 64),
    "FusedMatMul": ("FusedMatMul", "r,r", [1, 16, 16], {}, False, {"transB": 1, "alpha": 0.125}, 16**3),
    "FusedMatMul of stacks": ("FusedMatMul", "r,w", [4, 2, 32], {"w": drawn(4, 32, 6)}, False, {"transBatchA": 0},
                              4 * 2 * 32 * 6),
    "FusedGemm": ("FusedGemm", "r,w", [1, 256], {"w": drawn(100, 256)}, False, {"transB": 1, "activation": "Relu"},
                  25600),
    "GemmFastGelu": ("GemmFastGelu", "r,w", [4, 64], {"w": drawn(64, 7)}, False, {}, 4 * 64 * 7),
    "FusedConv": ("FusedConv", "r,w", [1, 4, 8, 8], {"w": drawn(4, 4, 1, 1)}, False, {"activation": "Relu"}, 1024),
    "QLinearConv": ("QLinearConv", "q,s,z,w,ws,wz,s,z", [1, 8, 8, 4], {"w": integers(5, 4, 3, 3)}, True,
                    {"channels_last": 1}, 5 * 36 * 36),
    "MultiHeadAttention": ("MultiHeadAttention", "r,r,r", [1, 16, 16], {}, False, {"num_heads": 2}, 2 * 16**3),
    "Attention": ("Attention", "r,w,b", [1, 16, 16], {"w": drawn(16, 48), "b": drawn(48)}, False, {"num_heads": 2},
                  16 * 16 * 48 + 2 * 16**3),
    "QAttention": ("QAttention", "q,w,b,s,ws,,z,wz", [1, 16, 16], {"w": integers(16, 48), "b": drawn(48)}, True,
                   {"num_heads": 2}, 16 * 16 * 48 + 2 * 16**3),
    "GroupQueryAttention": ("GroupQueryAttention", "r,,,,,l,t", [1, 8, 32],
                            {"l": np.array([7], np.int32), "t": np.array(8, np.int32)}, False,
                            {"num_heads": 2, "kv_num_heads": 1}, 2 * 8 * 8 * 16),
    "DynamicQuantizeLSTM": ("DynamicQuantizeLSTM", "r,w,h,,,,,,os,oz,os,oz", [16, 1, 16],
                            {"w": integers(1, 16, 32), "h": integers(1, 8, 32), "os": np.ones(1, np.float32),
                             "oz": np.zeros(1, np.int8)}, False, {"hidden_size": 8}, 16 * (16 * 32 + 8 * 32)),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_macs_of_products(tmp_path, name):
    op, inputs, shape, held, quantized, attributes, macs = PRODUCTS[name]
    path = model(tmp_path / "m.onnx", op, inputs, shape, held, quantized=quantized, **attributes)
    found = workloads.from_onnx(path)
    assert found.macs == CONV + macs
    assert found.not_simulated == ()
    assert found.provenance["not_lowered"] == []
    assert found.remarks[-1] == f"operators as their vendor defines them: {ORT}::{op} (1)"


def test_zero_points_a_column_of_qgemm(tmp_path):
    points = np.arange(9, dtype=np.int8)
    for turned, shape in ((0, (64, 9)), (1, (9, 64))):
        weight = integers(*shape)
        path = model(tmp_path / "m.onnx", "QGemm", "q,s,z,w,s,p", [4, 64], {"w": weight, "p": points}, quantized=True,
                     transB=turned)  # fmt: skip
        filters = weight if turned else weight.T
        assert (workloads.from_onnx(path).traces[1].weight == filters.astype(int) - points[:, None]).all()


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("stored", [False, True])
def test_packed_weights(tmp_path, bits, stored):
    """Codes by blocks of 16 along K, the lowest bits first; the middle is the zero point where none is stored."""
    random = np.random.default_rng(bits)
    codes, points = random.integers(0, 2**bits, (6, 4, 16)), random.integers(0, 2**bits, (6, 4))

    def packed(numbers):
        each = 8 // bits
        full = np.concatenate([numbers, np.zeros((*numbers.shape[:-1], -numbers.shape[-1] % each), int)], -1)
        parts = full.reshape(*full.shape[:-1], -1, each)
        return sum(parts[..., i] << (bits * i) for i in range(each)).astype(np.uint8)

    held = {"w": packed(codes), "bs": np.ones(24, np.float32), "p": packed(points).reshape(-1)}
    path = model(tmp_path / "m.onnx", "MatMulNBits", "r,w,bs,p" if stored else "r,w,bs", [4, 64], held, K=64, N=6,
                 bits=bits, block_size=16)  # fmt: skip
    trace = workloads.from_onnx(path).traces[1]
    middle = points[:, :, None] if stored else 2 ** (bits - 1)
    assert (trace.weight == (codes - middle).reshape(6, 64)).all()
    assert trace.weight_bits == (
        bits if not stored else max(bits, bits + (np.abs(trace.weight).max() >= 2 ** (bits - 1)))
    )


def test_weights_that_do_not_hold_what_they_declare(tmp_path):
    held = {"w": integers(6, 4, 7, kind=np.uint8), "bs": drawn(24)}
    path = model(tmp_path / "m.onnx", "MatMulNBits", "r,w,bs", [4, 64], held, K=64, N=6, bits=4, block_size=16)
    with pytest.raises(FileFormatError, match=r"packed weights \(6, 4, 7\) do not hold 6 x 64 numbers of 4 bits"):
        workloads.from_onnx(path)


def test_matrices_that_do_not_fit(tmp_path):
    path = model(tmp_path / "m.onnx", "FusedMatMul", "r,w", [8, 32], {"w": drawn(3, 7)})
    with pytest.raises(FileFormatError, match=r"matrices \(8, 32\) and \(3, 7\) do not fit"):
        workloads.from_onnx(path)


def test_gates_of_a_quantized_lstm(tmp_path):
    weight, hidden = integers(1, 16, 32), integers(1, 8, 32, seed=1)
    held = {"w": weight, "h": hidden, "os": np.ones((1, 32), np.float32), "oz": np.arange(32, dtype=np.int8)[None]}
    path = model(tmp_path / "m.onnx", "DynamicQuantizeLSTM", "r,w,h,,,,,,os,oz,os,oz", [16, 1, 16], held, hidden_size=8)
    traces = {t.name.rpartition(".")[2]: t for t in workloads.from_onnx(path).traces}
    order = np.concatenate([np.arange(8) + 8 * gate for gate in (0, 2, 3, 1)])  # i, o, f, c as i, f, c, o
    for name, stored in (("input", weight), ("hidden", hidden)):
        assert (traces[name].weight == (stored[0].astype(int) - np.arange(32)).T[order]).all()


def test_activation_and_sum_of_a_fused_convolution(tmp_path):
    path = model(tmp_path / "m.onnx", "FusedConv", "r,w,,r", [1, 4, 8, 8], {"w": drawn(4, 4, 1, 1)}, activation="Relu")
    assert [o.op for o in workloads.from_onnx(path).operators] == ["add", "relu"]
    odd = model(tmp_path / "o.onnx", "FusedConv", "r,w", [1, 4, 8, 8], {"w": drawn(4, 4, 1, 1)}, activation="Odd")
    with pytest.raises(FileFormatError, match="activation 'Odd'"):
        workloads.from_onnx(odd)


VECTOR = {  # name -> (inputs, constants, attributes, the operators it becomes)
    "SkipLayerNormalization": ("r,r,g,b", {}, ["add", "layer_norm"]),
    "SkipSimplifiedLayerNormalization": ("r,r,g", {}, ["add", "rms_norm"]),
    "BiasGelu": ("r,g", {}, ["bias", "gelu"]),
    "FastGelu": ("r", {}, ["gelu"]),
    "QuickGelu": ("r", {}, ["silu"]),
}


def test_rotary_embedding_of_onnx_itself(tmp_path):
    held = {"w": drawn(16, 16), "c": drawn(9, 4), "s": drawn(9, 4), "p": np.tile(np.arange(5), (2, 1))}
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]),
             helper.make_node("RotaryEmbedding", ["a", "c", "s", "p"], ["y"], num_heads=2)]  # fmt: skip
    found = workloads.from_onnx(saved(tmp_path / "m.onnx", nodes, {"x": [2, 5, 16]}, ["y"], held, opset=23))
    assert [o.op for o in found.operators] == ["scale", "scale", "add"]
    assert not found.provenance["not_lowered"]


@pytest.mark.parametrize("op", VECTOR)
def test_vector_work(tmp_path, op):
    inputs, attributes, expected = VECTOR[op]
    path = model(tmp_path / "m.onnx", op, inputs, [1, 16, 16], {"g": drawn(16), "b": drawn(16)}, **attributes)
    found = workloads.from_onnx(path)
    assert [o.op for o in found.operators] == expected
    assert found.macs == CONV


def context(found, heads):
    """What attention makes of its own integers: shares of the keys times values, in real numbers."""
    (trace,) = (t for t in found.traces if t.name.endswith("context"))
    codes = found.provenance["codes"][trace.name]
    values = trace.weight.reshape(trace.groups, trace.N, trace.K) * codes["second activation"]["scale"]
    shares = trace.activation.reshape(trace.M, trace.groups, trace.K) * codes["activation"]["scale"]
    out = np.einsum("mgk,gnk->gmn", shares, values).reshape(-1, heads, trace.M, trace.N)
    return out.transpose(0, 2, 1, 3)


ATTENTION = {  # name -> (operator, inputs, graph inputs, constants, attributes)
    "projected": ("Attention", "x,w,b", {"x": (2, 5, 32)}, {}, {}),
    "causal": ("Attention", "x,w,b", {"x": (2, 5, 32)}, {}, {"unidirectional": 1}),
    "masked": ("Attention", "x,w,b,m", {"x": (2, 5, 32)}, {}, {}),
    "with a cache": ("Attention", "x,w,b,,p", {"x": (2, 5, 32), "p": (2, 2, 4, 3, 8)}, {}, {"unidirectional": 1}),
    "with a bias": ("Attention", "x,w,b,,,a", {"x": (2, 5, 32), "a": (2, 4, 5, 5)}, {}, {}),
    "of heads": ("MultiHeadAttention", "x,k,v,b", {"x": (2, 5, 32), "k": (2, 7, 32), "v": (2, 7, 32)}, {}, {}),
    "of cached heads": ("MultiHeadAttention", "x,k,v,,,,i,j",
                        {"x": (2, 5, 32), "k": (2, 5, 32), "v": (2, 5, 32), "i": (2, 4, 3, 8), "j": (2, 4, 3, 8)},
                        {}, {}),
    "of shared heads": ("GroupQueryAttention", "x,k,v,,,l,t", {"x": (2, 5, 32), "k": (2, 5, 16), "v": (2, 5, 16)}, {},
                        {"kv_num_heads": 2}),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTENTION)
def test_attention_is_the_runtimes(tmp_path, name):
    """The last product, from 8-bit integers, against ONNX Runtime's output."""
    runtime = pytest.importorskip("onnxruntime")
    op, inputs, shapes, held, attributes = ATTENTION[name]
    constants = {"w": drawn(32, 96), "b": drawn(96), "m": np.array([[1] * 5, [1, 1, 1, 0, 0]], np.int32),
                 "l": np.array([4, 4], np.int32), "t": np.array(5, np.int32), **held}  # fmt: skip
    used = {key: value for key, value in constants.items() if key in inputs.split(",")}
    caches = 2 if op == "GroupQueryAttention" or "i" in shapes else int("p" in shapes)
    outputs = ["y", "f", "g"][: 1 + caches]  # without them the runtime does not read those of earlier steps
    one = helper.make_node(op, inputs.split(","), outputs, domain=ORT, num_heads=4, **attributes)
    path = saved(tmp_path / "m.onnx", [one], shapes, ["y"], used, opset=17, domains=[ORT])
    data = {key: drawn(*shape, seed=i) for i, (key, shape) in enumerate(shapes.items())}
    (expected,) = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, data)
    found = context(workloads.from_onnx(path, data=data), 4).reshape(expected.shape)
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("op", "inputs", "opset", "attributes", "says"),
    [
        ("Attention", "x,k,v", 23, {"softcap": 2.0}, "caps its scores"),
        ("GroupQueryAttention", "x,k,v,,,l,t", 17, {"num_heads": 4, "kv_num_heads": 4}, "sequences of unlike lengths"),
    ],
)
def test_attention_whose_numbers_are_others_is_refused(tmp_path, op, inputs, opset, attributes, says):
    """Their shapes are right; shares of the keys that were computed without these settings would not be."""
    pytest.importorskip("onnxruntime")
    shape = [2, 4, 5, 8] if op == "Attention" else [2, 5, 32]
    domain, held = ("", {}) if op == "Attention" else (ORT, {"l": np.array([2, 4], np.int32), "t": np.int32(5)})
    one = helper.make_node(op, inputs.split(","), ["y", "f", "g"][: 1 + 2 * bool(domain)], domain=domain, **attributes)
    shapes = dict.fromkeys("xkv", shape)
    path = saved(tmp_path / "m.onnx", [one], shapes, ["y"], held, opset=opset, domains=[domain] if domain else [])
    assert workloads.from_onnx(path).macs == 2 * 2 * 4 * 5 * 5 * 8
    with pytest.raises(FileFormatError, match=says):
        workloads.from_onnx(path, data={key: drawn(*shape) for key in shapes})


def test_float_types_are_as_the_first_input(tmp_path):
    path = model(tmp_path / "m.onnx", "QGemm", "q,s,z,w,ws,wz", [4, 64], {"w": integers(64, 9)}, quantized=True)
    from workloads.onnx.calls import OnnxCalls
    from workloads.onnx.dimensions import OpenSizes

    calls = OnnxCalls(path, OpenSizes("model", 1, {}, False))
    calls.run(lambda call: None)
    assert calls.types["y"].tensor_type.elem_type == TensorProto.FLOAT
