"""ONNX operators as ATen calls. To add an operator, add one entry to `OPERATORS`.

A builder takes a `Node` and returns the calls that it becomes, or None where nothing here knows this one; it is then
named among what is not lowered, like an operator without an entry.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from compress.lowering.calls import Call, Value

from . import products as products
from .contrib.vector import rotary
from .einsum import einsum
from .nodes import Builder, Node
from .recurrent import recurrent

_FREE = """
    Reshape Transpose Flatten Squeeze Unsqueeze Expand Tile Slice Split Identity Dropout Cast CastLike DepthToSpace
    SpaceToDepth QuantizeLinear DequantizeLinear BitCast
"""
FREE = frozenset(_FREE.split())
"""Operators that only rename, reorder or repeat elements. Integers are scaled again as a layer's outputs leave the
array, in every workload, so that quantizing and dequantizing are no work of their own."""
UNARY: Mapping[str, str] = {
    "Relu": "relu", "LeakyRelu": "leaky_relu", "PRelu": "prelu", "ThresholdedRelu": "threshold",
    "HardSigmoid": "hardsigmoid", "HardSwish": "hardswish", "Abs": "abs", "Neg": "neg", "Sqrt": "sqrt", "Exp": "exp",
    "Log": "log", "Reciprocal": "reciprocal", "Erf": "erf", "Sigmoid": "sigmoid", "Tanh": "tanh", "Gelu": "gelu",
    "Swish": "silu", "Elu": "elu", "Selu": "selu", "Celu": "celu", "Softplus": "softplus", "Mish": "mish",
    "QuickGelu": "silu", "QLinearSigmoid": "sigmoid", "QLinearLeakyRelu": "leaky_relu",
}  # fmt: skip
BINARY: Mapping[str, str] = {
    "Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Pow": "pow", "Max": "maximum", "Min": "minimum",
    "Sum": "add",
}  # fmt: skip
POOLS: Mapping[str, str] = {"MaxPool": "max_pool", "AveragePool": "avg_pool"}
GLOBAL_POOLS: Mapping[str, str] = {
    "GlobalAveragePool": "adaptive_avg_pool", "GlobalMaxPool": "adaptive_max_pool",
}  # fmt: skip
REDUCTIONS: Mapping[str, tuple[str, ...]] = {  # what is done before, the reduction, and what is done after
    "ReduceMean": ("", "mean", ""), "ReduceSum": ("", "sum", ""), "ReduceMax": ("", "amax", ""),
    "ReduceMin": ("", "amin", ""), "ReduceL1": ("abs", "sum", ""), "ReduceL2": ("square", "sum", "sqrt"),
    "ReduceSumSquare": ("square", "sum", ""), "ReduceLogSum": ("", "sum", "log"),
    "ReduceLogSumExp": ("exp", "sum", "log"),
}  # fmt: skip
_ROW_NORMS = {"LayerNormalization": "layer_norm", "RMSNormalization": "rms_norm",
              "SimplifiedLayerNormalization": "rms_norm"}  # fmt: skip
INTERPOLATION = {"linear": {1: "linear1d", 2: "bilinear2d", 3: "trilinear3d"}, "cubic": {2: "bicubic2d"}}


def unary(node: Node) -> list[Call]:
    """One activation in, whatever else it reads is a parameter."""
    parameters = [node.value(1)] if node.proto.op_type == "PRelu" and node.has(1) else []
    return [node.call(UNARY[node.proto.op_type], {"self": node.value(0), "weight": parameters})]


def clip(node: Node) -> list[Call]:
    """`Clip`: bounds from 0 to 6 are ReLU6, 0 alone is ReLU."""
    bounds: list[float | None] = []
    for index, name in ((1, "min"), (2, "max")):
        stored = node.numbers(index)
        bounds.append(node.attribute(name) if stored is None or stored.size != 1 else float(stored.reshape(-1)[0]))
    arguments = {"self": node.value(0), "min_val": bounds[0], "max_val": bounds[1]}
    if bounds == [0, 6]:
        return [node.call("hardtanh", arguments)]
    return [node.call("clamp" if bounds[1] is not None else "clamp_min", arguments)]


def binary(node: Node) -> list[Call]:
    """Two operands, or several one after another; each partial result has the whole one's shape."""
    op, whole = BINARY[node.proto.op_type], node.written()[0]
    operands = [node.value(i) for i in range(len(node.given))]
    if len(operands) == 1:
        return [node.call("identity", {"self": operands[0]})]
    calls, left = [], operands[0]
    for count, right in enumerate(operands[1:], 2):
        last = count == len(operands)
        outcome = whole if last else Value(f"{whole.name}:{count}", whole.shape, left.constant and right.constant)
        calls.append(node.call(op, {"self": left, "other": right}, [outcome]))
        left = outcome
    return calls


def where(node: Node) -> list[Call]:
    """`Where`: condition, one, other."""
    return [node.call("where", {"condition": node.value(0), "self": node.value(1), "other": node.value(2)})]


def pool(node: Node) -> list[Call] | None:
    """Pooling over windows of kernel_shape."""
    kernel = list(node.attribute("kernel_shape", []))
    if not 1 <= len(kernel) <= 3 or len(kernel) != len(node.value(0).shape) - 2:
        return None
    op = f"{POOLS[node.proto.op_type]}{len(kernel)}d"
    return [node.call(op, {"self": node.value(0), "kernel_size": kernel}, node.written()[:1])]


def global_pool(node: Node) -> list[Call] | None:
    """One output a channel."""
    axes = len(node.value(0).shape) - 2
    if not 1 <= axes <= 3:
        return None
    return [node.call(f"{GLOBAL_POOLS[node.proto.op_type]}{axes}d", {"self": node.value(0)})]


def reduction(node: Node) -> list[Call] | None:
    """A reduction over axes, all where none are named, with what its name asks for before and after it."""
    before, op, after = REDUCTIONS[node.proto.op_type]
    inputs, output = node.value(0), node.written()[0]
    axes = node.attribute("axes")
    if axes is None and node.has(1):
        stored = node.numbers(1)
        axes = None if stored is None else stored.reshape(-1).tolist()
    if not axes and node.attribute("noop_with_empty_axes", 0):
        return [node.call(before or "identity", {"self": inputs})]
    calls, reduced = [], Value(f"{output.name}:reduced", output.shape) if after else output
    if before:
        changed = Value(f"{output.name}:{before}", inputs.shape)
        calls.append(node.call(before, {"self": inputs}, [changed]))
        inputs = changed
    calls.append(node.call(op, {"self": inputs, "dim": list(axes or range(len(inputs.shape)))}, [reduced]))
    if after:
        calls.append(node.call(after, {"self": reduced}, [output]))
    return calls


def argument(node: Node) -> list[Call]:
    """`ArgMax` and `ArgMin` along one axis."""
    return [node.call(node.proto.op_type.lower(), {"self": node.value(0), "dim": node.attribute("axis", 0)})]


def batch_norm(node: Node) -> list[Call]:
    """`BatchNormalization`: X, scale, shift, mean, variance."""
    arguments = {
        "input": node.value(0), "weight": node.real_value(1), "bias": node.value(2), "running_mean": node.value(3),
        "running_var": node.real_value(4), "training": bool(node.attribute("training_mode", 0)),
        "eps": node.attribute("epsilon", 1e-5),
    }  # fmt: skip
    return [node.call("batch_norm", arguments, node.written()[:1])]


def row_norm(node: Node) -> list[Call]:
    """`LayerNormalization` and `RMSNormalization`: statistics over the axes from `axis` on."""
    op = _ROW_NORMS[node.proto.op_type]
    shape = node.value(0).shape
    axis = int(node.attribute("axis", -1)) % len(shape)
    parameters = [node.value(i) for i in range(1, len(node.given)) if node.has(i)]
    return [
        node.call(
            op, {"input": node.value(0), "normalized_shape": shape[axis:], "parameters": parameters}, node.written()[:1]
        )
    ]


def channel_norm(node: Node) -> list[Call]:
    """`InstanceNormalization` and `GroupNormalization`: statistics of a channel, or of a group of channels."""
    op = {"InstanceNormalization": "instance_norm", "GroupNormalization": "group_norm"}[node.proto.op_type]
    parameters = [node.value(i) for i in range(1, len(node.given)) if node.has(i)]
    arguments = {"input": node.value(0), "num_groups": node.attribute("num_groups", 1), "parameters": parameters}
    return [node.call(op, arguments)]


def softmax(node: Node) -> list[Call]:
    """Softmax along an axis; before opset 13, over all axes from it on."""
    op = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}[node.proto.op_type]
    inputs, axis = node.value(0), int(node.attribute("axis", -1 if node.opset >= 13 else 1))
    if node.opset < 13:
        rows = math.prod(inputs.shape[: axis % (len(inputs.shape) + 1)])
        inputs, axis = Value(inputs.name, (rows, inputs.elements // rows), inputs.constant), 1
    return [node.call(op, {"self": inputs, "dim": axis})]


def dynamic_quantize(node: Node) -> list[Call]:
    """`DynamicQuantizeLinear`: the range of all elements, then the elements by it."""
    inputs, output = node.value(0), node.written()[0]
    limits = Value(f"{output.name}:range", (2,))
    return [
        node.call("amax", {"self": inputs, "dim": list(range(len(inputs.shape)))}, [limits]),
        node.call("quantize_per_tensor", {"self": inputs}, node.written()),
    ]


def gather(node: Node) -> list[Call]:
    """Rows of a constant table by computed indices are an embedding; one constant index is a view."""
    data, indices = node.value(0), node.value(1)
    if data.constant and not indices.constant:
        return [node.call("embedding", {"weight": data, "indices": indices})]
    op = "select" if indices.constant and indices.elements == 1 else "index_select"
    return [node.call(op, {"self": data, "index": indices})]


def gather_elements(node: Node) -> list[Call]:
    """`GatherElements` and `GatherND`: a copy of each element asked for."""
    return [node.call("gather", {"self": node.value(0), "index": node.value(1)})]


def pad(node: Node) -> list[Call]:
    """A copy, or nothing where no element is added."""
    same = node.value(0).shape == node.written()[0].shape
    return [node.call("identity" if same else "pad", {"self": node.value(0)})]


def concat(node: Node) -> list[Call]:
    """Parts side by side."""
    return [node.call("cat", {"tensors": [node.value(i) for i in range(len(node.given))]})]


def resize(node: Node) -> list[Call]:
    """`Resize` and `Upsample`: nearest pixels are copied, interpolated ones are weighted sums."""
    inputs, output = node.value(0), node.written()[0]
    axes = sum(a != b for a, b in zip(inputs.shape, output.shape, strict=True))
    modes = INTERPOLATION.get(node.attribute("mode", "nearest"), {})
    return [node.call(f"upsample_{modes.get(axes or 2, 'nearest2d')}", {"self": inputs})]


def local_response(node: Node) -> list[Call]:
    """`LRN` over `size` channels."""
    return [node.call("local_response_norm", {"input": node.value(0), "size": int(node.attribute("size", 1))})]


OPERATORS: Mapping[str, Builder] = {
    "Conv": products.convolution, "ConvInteger": products.integer_convolution,
    "QLinearConv": products.qlinear_convolution, "ConvTranspose": products.transposed_convolution,
    "Gemm": products.gemm, "MatMul": products.matmul, "MatMulInteger": products.integer_matmul,
    "QLinearMatMul": products.qlinear_matmul, "Einsum": einsum, "Attention": products.attention,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), recurrent),
    **dict.fromkeys(UNARY, unary), "Clip": clip,
    **dict.fromkeys(BINARY, binary), "Where": where,
    **dict.fromkeys(POOLS, pool), **dict.fromkeys(GLOBAL_POOLS, global_pool),
    **dict.fromkeys(REDUCTIONS, reduction), **dict.fromkeys(("ArgMax", "ArgMin"), argument),
    "BatchNormalization": batch_norm, **dict.fromkeys(_ROW_NORMS, row_norm),
    **dict.fromkeys(("InstanceNormalization", "GroupNormalization"), channel_norm), "LRN": local_response,
    **dict.fromkeys(("Softmax", "LogSoftmax"), softmax), "Gather": gather,
    "DynamicQuantizeLinear": dynamic_quantize,
    **dict.fromkeys(("GatherElements", "GatherND"), gather_elements), "Pad": pad, "Concat": concat,
    **dict.fromkeys(("Resize", "Upsample"), resize), "RotaryEmbedding": rotary(1),
}  # fmt: skip
