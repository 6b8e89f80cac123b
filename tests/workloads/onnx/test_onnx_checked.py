"""Every operator of `CHECKED` computes, without ONNX Runtime, what that computes, in old opsets and new ones."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.workloads.onnx_builders import drawn, integers
from workloads.onnx import computing
from workloads.onnx.computing import CHECKED, computed
from workloads.onnx.definitions import QUANTIZERS
from workloads.onnx.values import Known

X, POSITIVE = drawn(1, 4, 7, 9), np.abs(drawn(2, 3, 4)) + 1.1
SMALL, TRUTH = np.clip(drawn(3, 4), -0.9, 0.9), drawn(3) > 0
BYTES, SIGNED = integers(3, 4, kind=np.uint8), integers(4, 5)
ALL, OLD, NEW = (7, 9, 11, 13, 17, 21), (7, 9, 11), (13, 17, 21)


def i(*values):
    return np.array(values, np.int64)


def f(*values):
    return np.float32(values[0]) if len(values) == 1 else np.array(values, np.float32)


def case(op, *inputs, opsets=ALL, outputs=1, **attributes):
    return op, inputs, opsets, outputs, attributes


def one_input():
    plain = "Abs Ceil Floor Exp Neg Relu Sigmoid Tanh Sin Cos Identity Softplus Softsign LeakyRelu Elu Selu Atan"
    plain += " HardSigmoid Dropout Flatten Transpose Shape Size GlobalAveragePool GlobalMaxPool"
    yield from (case(op, X) for op in plain.split())
    yield from (case(op, X, opsets=ALL[1:]) for op in ("Erf", "Sign", "Sinh", "Cosh", "Asinh"))
    yield from (case(op, POSITIVE) for op in ("Sqrt", "Log", "Reciprocal"))
    yield from (case(op, SMALL) for op in ("Acos", "Asin", "Tan"))
    yield from [case("Acosh", POSITIVE, opsets=ALL[1:]), case("Atanh", SMALL, opsets=ALL[1:]), case("Not", TRUTH)]
    yield from [case("Round", X, opsets=ALL[2:]), case("IsNaN", X, opsets=NEW), case("IsInf", X, opsets=(10, 21))]
    yield from [
        case("Gelu", X, opsets=(20, 21)),
        case("Mish", X, opsets=(18, 21)),
        case("HardSwish", X, opsets=NEW[1:]),
    ]
    yield from [case("ThresholdedRelu", X, opsets=(10, 21), alpha=0.3), case("NonZero", TRUTH, opsets=NEW)]
    yield from (case("Cast", 10 * X, to=kind) for kind in (TensorProto.INT32, TensorProto.FLOAT16))
    yield from [case("LRN", X, size=3), case("Trilu", drawn(4, 5), opsets=(14, 21))]
    yield case("Constant", opsets=NEW, value_float=2.0)
    yield from [
        case("ConstantOfShape", i(2, 3), opsets=(9, 21)),
        case("DynamicQuantizeLinear", X, opsets=(11, 21), outputs=3),
    ]


def several_inputs():
    yield from (case(op, X, drawn(1, 4, 1, 9)) for op in ("Add", "Sub", "Mul", "Div"))
    yield from (case(op, X, drawn(1, 4, 1, 9), opsets=ALL[1:]) for op in ("Max", "Min", "Sum", "Mean"))
    yield from (case(op, TRUTH, ~TRUTH) for op in ("And", "Or", "Xor"))
    names = ("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual")
    yield from (case(op, SMALL, drawn(3, 4), opsets=(12, *NEW)) for op in names)
    yield from [
        case("Pow", POSITIVE, drawn(4)),
        case("PRelu", X, drawn(4, 1, 1)),
        case("MatMul", drawn(2, 3, 4), drawn(4, 5)),
    ]
    yield from [
        case("Mod", i(7, 5, 9), i(3, 2, 4), opsets=NEW),
        case("Where", SMALL > 0, SMALL, drawn(3, 4), opsets=NEW),
    ]
    yield from [case("Clip", X, opsets=OLD[:2], min=-0.5, max=0.5), case("Clip", X, f(-0.5), f(0.5), opsets=NEW)]
    yield from [
        case("Concat", X, X, axis=1),
        case("Expand", drawn(3, 1), i(2, 3, 4), opsets=NEW),
        case("Reshape", X, i(0, -1)),
    ]
    yield from [case("Gather", X, i(0, 2), axis=1), case("GatherND", SMALL, i(0, 1).reshape(1, 2), opsets=NEW)]
    yield from [case("GatherElements", SMALL, i(0, 2, 1, 1).reshape(1, 4), opsets=NEW), case("Tile", SMALL, i(2, 2))]
    yield from [case("ScatterND", SMALL, i(0, 2).reshape(2, 1), drawn(2, 4), opsets=NEW)]
    yield from [case("ScatterElements", SMALL, i(0, 2, 1).reshape(1, 3), drawn(1, 3), opsets=NEW)]
    yield from [case("Slice", X, opsets=OLD[:2], starts=[1, 2], ends=[3, 5], axes=[1, 2])]
    yield from [
        case("Slice", X, i(1), i(8), i(3), i(2), opsets=NEW),
        case("Range", np.int64(0), np.int64(7), np.int64(2), opsets=NEW),
    ]
    yield from [
        case("Split", X, opsets=(7, 11), outputs=2, axis=1, split=[1, 3]),
        case("Split", X, i(1, 3), opsets=NEW, outputs=2, axis=1),
    ]
    for op in ("Squeeze", "Unsqueeze"):
        yield from [case(op, X, opsets=OLD, axes=[0]), case(op, X, i(0), opsets=NEW)]
    yield from [case("TopK", X, i(2), opsets=NEW, outputs=2), case("CumSum", X, np.int64(1), opsets=NEW)]
    yield from [
        case("DepthToSpace", drawn(1, 8, 3, 3), blocksize=2),
        case("SpaceToDepth", drawn(1, 2, 4, 4), blocksize=2),
    ]
    yield from (
        case("Pad", X, i(0, 0, 1, 2, 0, 0, 3, 1), opsets=NEW, mode=mode) for mode in ("constant", "reflect", "edge")
    )
    yield case("Pad", X, opsets=OLD[:2], pads=[0, 0, 1, 2, 0, 0, 3, 1], value=0.5)
    yield from (case(op, X, axis=2) for op in ("ArgMax", "ArgMin"))


def reductions():
    for op in ("Max", "Mean", "Min", "Prod", "Sum", "L1", "L2", "SumSquare", "LogSumExp", "LogSum"):
        last = 13 if op == "Sum" else 18
        yield case(f"Reduce{op}", POSITIVE)
        yield case(f"Reduce{op}", POSITIVE, opsets=[n for n in ALL if n < last], axes=[0, 2], keepdims=0)
        yield case(f"Reduce{op}", POSITIVE, i(1), opsets=[n for n in ALL if n >= last])


def normalisation():
    for op in ("Softmax", "LogSoftmax", "Hardmax"):
        yield from (case(op, X, axis=axis) for axis in range(4))
        yield from [case(op, X), case(op, X, axis=-2, opsets=ALL[2:])]
    four = [np.abs(drawn(4, seed=k)) + 0.1 for k in range(4)]
    yield from [
        case("BatchNormalization", X, *four, opsets=(*ALL, 14, 15), epsilon=0.01),
        case("InstanceNormalization", X, *four[:2]),
    ]
    yield case("LayerNormalization", X, drawn(9), drawn(9), opsets=NEW[1:], axis=-1)


def windows():
    paddings = ({}, {"pads": [1, 0, 1, 1]}, *({"auto_pad": mode} for mode in ("SAME_LOWER", "SAME_UPPER", "VALID")))
    for padding in paddings:
        for kernel, strides in (([2, 2], [1, 1]), ([3, 2], [2, 2]), ([2, 3], [2, 1])):
            names = ("MaxPool", "AveragePool", "LpPool")
            yield from (case(op, X, kernel_shape=kernel, strides=strides, **padding) for op in names)
            yield case("Conv", X, drawn(6, 4, *kernel), drawn(6), strides=strides, **padding)
        yield case("ConvTranspose", X, drawn(4, 3, 3, 3), drawn(3), strides=[2, 2], **padding)
    for op in ("MaxPool", "AveragePool"):
        yield case(op, X, opsets=(10, *NEW), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
        yield case(op, X, opsets=(10, *NEW), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[1, 1, 1, 1])
        yield case(op, drawn(1, 3, 11), kernel_shape=[3], strides=[2])
    yield from [case("AveragePool", X, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)]
    yield from [case("MaxPool", X, opsets=(10, *NEW), kernel_shape=[2, 2], dilations=[2, 2])]
    yield from [case("MaxPool", integers(1, 2, 5, 5, kind=np.uint8), opsets=(12, *NEW), kernel_shape=[2, 2])]
    yield from [
        case("Conv", X, drawn(8, 2, 3, 3), group=2, pads=[1, 1, 1, 1]),
        case("Conv", X, drawn(6, 4, 3, 3), dilations=[2, 2]),
    ]


def other_ranks():
    """Signals of one axis and volumes of three."""
    for image in (drawn(2, 4, 9), drawn(1, 4, 5, 6, 7)):
        four = [np.abs(drawn(4, seed=k)) + 0.1 for k in range(4)]
        yield from (case(op, image) for op in ("GlobalMaxPool", "GlobalAveragePool", "Softmax"))
        yield from [case("BatchNormalization", image, *four), case("InstanceNormalization", image, *four[:2])]
        axes = image.ndim - 2
        for padding in ({}, {"auto_pad": "SAME_LOWER"}, {"pads": [1, 0, 1, 0, 1, 1][: 2 * axes]}):
            kernel = {"kernel_shape": [2] * axes, "strides": [2, 1, 2][:axes], **padding}
            yield from [case("MaxPool", image, **kernel), case("AveragePool", image, **kernel)]
            yield case("Conv", image, drawn(3, 4, *[2] * axes), **kernel)
        yield case("ConvTranspose", image, drawn(4, 3, *[2] * axes), strides=[2, 1, 2][:axes])
        yield case("Resize", image, None, f(1, 1, *[2] * axes), opsets=NEW, mode="linear")


def scaling():
    yield case("Upsample", X, f(1, 1, 2, 3), opsets=(9,))
    for frame in ("half_pixel", "asymmetric", "align_corners"):
        for mode in ("nearest", "linear", "cubic"):
            told = {"mode": mode, "coordinate_transformation_mode": frame}
            yield case("Resize", X, None, f(1, 1, 2, 3), opsets=NEW, **told)
            yield case("Resize", X, None, None, i(1, 4, 5, 5), opsets=NEW, **told)


def products():
    yield from [
        case("Gemm", drawn(3, 4), drawn(4, 5), drawn(5)),
        case("Gemm", drawn(4, 3), drawn(5, 4), drawn(3, 1), transA=1, transB=1, alpha=0.5),
    ]
    yield case("Einsum", drawn(2, 3, 4), drawn(2, 4, 5), opsets=NEW, equation="bij,bjk->bik")
    yield from (
        case("MatMulInteger", BYTES, SIGNED, np.uint8(3), zero, opsets=(10, 21)) for zero in (np.int8(1), integers(5))
    )
    image, scales = integers(1, 2, 5, 5, kind=np.uint8), (f(0.1), np.uint8(3))
    yield case("ConvInteger", image, integers(3, 2, 3, 3, kind=np.uint8), np.uint8(3), np.uint8(9), opsets=(10, 21))
    yield case("QLinearMatMul", BYTES, *scales, SIGNED, f(0.1), np.int8(1), f(0.7), np.uint8(100), opsets=(10, 21))
    yield case(
        "QLinearConv", image, *scales, integers(3, 2, 3, 3), f(0.1), np.int8(0), f(3.0), np.uint8(100), opsets=(10, 21)
    )
    for op, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        for direction, count in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
            shapes = ((5, 2, 3), (count, gates * 4, 3), (count, gates * 4, 4), (count, gates * 8))
            more = {"linear_before_reset": 1} if op == "GRU" else {}
            yield case(
                op,
                *(drawn(*s) for s in shapes),
                opsets=(7, 14, 21),
                outputs=2,
                hidden_size=4,
                direction=direction,
                **more,
            )


def quantizing():
    every = (10, 13, 17, 19, 21)
    for zero in (np.uint8(3), np.int8(3)):
        yield case("QuantizeLinear", X, f(0.02), zero, opsets=every)
    yield case("QuantizeLinear", X, np.abs(drawn(4)) + 0.1, integers(4, kind=np.uint8), opsets=every[1:], axis=1)
    yield case("DequantizeLinear", BYTES, f(0.1), np.uint8(3), opsets=every)
    yield case("DequantizeLinear", integers(3, 4), np.abs(drawn(3)), integers(3), opsets=every[1:], axis=0)
    yield case("DequantizeLinear", np.arange(8, dtype=np.int32), f(0.1), opsets=every)


GROUPS = (one_input, several_inputs, reductions, normalisation, windows, other_ranks, scaling, products, quantizing)
CASES = [entry for group in GROUPS for entry in group()]


def test_every_checked_operator_has_a_case():
    assert {entry[0] for entry in CASES} == CHECKED - QUANTIZERS


@pytest.mark.parametrize("op", sorted({entry[0] for entry in CASES}))
def test_as_the_runtime_computes(op, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(computing, "runtime_version", lambda: None)
    for _, inputs, opsets, count, attributes in (entry for entry in CASES if entry[0] == op):
        names = [f"i{k}" if array is not None else "" for k, array in enumerate(inputs)]
        outputs = [f"o{k}" for k in range(count)]
        one = helper.make_node(op, names, outputs, **attributes)
        given = {n: np.asarray(a) for n, a in zip(names, inputs, strict=True) if n}
        for opset in opsets:
            real = frozenset(names[:1])
            expected = computing._by_runtime(one, given, {"": opset}, real)
            assert not isinstance(expected, str), (opset, expected)
            found = computed(one, given, {"": opset}, [Known(name, None) for name in outputs], real)
            for ours, theirs in zip(found, expected, strict=True):
                assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), (opset, attributes)
                step = 1 if op.startswith("QLinear") else 0  # rounding of a sum that lies between two steps
                near = np.abs(ours.astype(float) - theirs) <= (
                    1e-4 + 1e-3 * np.abs(theirs) if ours.dtype.kind == "f" else step
                )
                assert near.all(), (opset, attributes)
