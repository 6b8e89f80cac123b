"""What com.microsoft's and QONNX's operators write: the types that ONNX's shape inference does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, TypeProto

from ..definitions import ORT, QONNX
from ..files import attribute
from ..values import Known, inferred, tensor_type

Shape = tuple[int, ...]
_SAME_NAMES = """
    FastGelu QuickGelu Gelu BiasGelu BiasSoftmax BiasAdd BiasDropout GroupNorm SkipGroupNorm RotaryEmbedding SwiGLU
    QLinearSigmoid QLinearLeakyRelu QLinearSoftmax SimplifiedLayerNormalization SkipLayerNormalization
    SkipSimplifiedLayerNormalization QuantizeWithOrder DequantizeWithOrder BitmaskDropout Trilu ScaledSiLU
"""
SAME = frozenset(_SAME_NAMES.split())
"""Operators whose first output is as their first input."""
AS_ONNX = {  # operators that ONNX has too: under which name, and which inputs are those of ONNX's
    "FusedConv": ("Conv", (0, 1)), "FusedGemm": ("Gemm", (0, 1, 2)), "GemmFloat8": ("Gemm", (0, 1, 2)),
    "QGemm": ("Gemm", (0, 3)),
    **dict.fromkeys(("MatMulIntegerToFloat", "DynamicQuantizeMatMul", "MatMulInteger16", "GemmFastGelu"),
                    ("MatMul", (0, 1))),
    "QLinearAdd": ("Add", (0, 3)), "QLinearMul": ("Mul", (0, 3)), "QLinearWhere": ("Where", (0, 1, 4)),
    "QLinearReduceMean": ("ReduceMean", (0,)), "Pad": ("Pad", (0, 1)), "GatherND": ("GatherND", (0, 1)),
    "TorchEmbedding": ("Gather", (0, 1)), "Range": ("Range", (0, 1, 2)),
}  # fmt: skip
OPSET = 12  # of ONNX's operators where axes and pads are still attributes, as com.microsoft has them


def contrib_types(node: NodeProto, known: Mapping[str, Known]) -> dict[str, TypeProto]:
    """The types of a node's outputs where they are known here; none for other domains and operators."""
    operands = [known.get(name) for name in node.input]
    first = operands[0] if operands else None
    if first is None or not node.output:
        return {}
    whole = first.known_shape()
    if node.domain in QONNX:
        return {} if whole is None else {node.output[0]: tensor_type(TensorProto.FLOAT, whole)}
    if node.domain not in (ORT, "", "ai.onnx") or (node.domain != ORT and node.op_type not in SAME):
        return {}
    shapes = [None if k is None else k.known_shape() for k in operands]
    try:
        written = _written(node, operands, shapes)
    except (IndexError, TypeError, ValueError, KeyError, ZeroDivisionError):
        return {}  # a malformed node: what reads it says that the shape is not known
    kinds = [_kind(node, operands), *[first.kind] * len(node.output)]
    pairs = zip(node.output, kinds, written, strict=False)
    return {name: tensor_type(kind, shape) for name, kind, shape in pairs if name and shape is not None}


def _kind(node: NodeProto, operands: Sequence[Known | None]) -> int:
    """The type of the first output: as the first input, or as the scale or zero point that names it."""
    place = _KINDS.get(node.op_type)
    if place is None:
        return operands[0].kind if operands[0] is not None else TensorProto.FLOAT
    if place < 0:
        return -place
    named = operands[place] if place < len(operands) else None
    return TensorProto.FLOAT if named is None else named.kind


def _written(node: NodeProto, operands: Sequence[Known | None], shapes: Sequence[Shape | None]) -> list[Shape | None]:
    """The shape of each output; None for one that is not known."""
    op, first = node.op_type, shapes[0]
    if op in AS_ONNX:
        return [_as_onnx(node, *AS_ONNX[op], operands)]
    own = _SHAPES.get(op)
    if own is not None:
        return list(own(node, shapes))
    if op in SAME and first is not None:
        return [first, (*first[:-1], 1), (*first[:-1], 1), first] if op.startswith("Skip") else [first]
    if op in ("QuantizeLinear", "DequantizeLinear"):
        return [first]
    return []


def _as_onnx(node: NodeProto, op: str, places: Sequence[int], operands: Sequence[Known | None]) -> Shape | None:
    """What ONNX's own operator writes, for which only shapes matter: all tensors count as floats."""
    inputs: dict[str, Known] = {}
    for place in places:
        known = operands[place] if place < len(operands) else None
        whole = None if known is None else known.known_shape()
        if known is None or whole is None:
            continue
        integers = op in ("Gather", "GatherND") and place == 1
        kind = known.kind if integers or known.kind == TensorProto.INT64 else TensorProto.FLOAT
        kind = TensorProto.BOOL if op == "Where" and place == 0 else kind
        inputs[f"in{place}"] = Known(f"in{place}", tensor_type(kind, whole), known.constant, numbers=known.numbers)
    plain = NodeProto(op_type=op, input=list(inputs), output=["out"])
    plain.attribute.extend(a for a in node.attribute if a.name in _ATTRIBUTES)
    result = inferred(plain, inputs, {"": OPSET}).get("out")
    return None if result is None else Known("out", result).known_shape()


_ATTRIBUTES_NAMES = """
    auto_pad dilations group kernel_shape pads strides transA transB axes keepdims ceil_mode mode
"""
_ATTRIBUTES = frozenset(_ATTRIBUTES_NAMES.split())


def _fused_product(node: NodeProto, shapes: Sequence[Any]) -> list[Shape]:
    left, right = (_turned(node, side, shape) for side, shape in zip("AB", shapes, strict=False))
    return [_product(left, right)]


def _product(left: Shape, right: Shape) -> Shape:
    """The shape of a product of stacks of matrices."""
    if len(left) == 1 or len(right) == 1:
        return (*left[:-1], *right[:-2], *right[-1:][: len(right) > 1])
    return (*np.broadcast_shapes(left[:-2], right[:-2]), left[-2], right[-1])


def _turned(node: NodeProto, side: str, shape: Shape) -> Shape:
    if attribute(node, f"transBatch{side}", 0):
        shape = (*shape[1:-1], shape[0], shape[-1])
    if attribute(node, f"trans{side}", 0) and len(shape) > 1:
        shape = (*shape[:-2], shape[-1], shape[-2])
    return shape


def _of_columns(node: NodeProto, shapes: Sequence[Any]) -> list[Shape]:
    return [(*shapes[0][:-1], int(attribute(node, "N")))]


def _projected(node: NodeProto, shapes: Sequence[Any]) -> list[Shape | None]:
    """Attention and QAttention: (B, S, width of the values), and the cache (2, B, heads, T, width)."""
    batch, steps = shapes[0][:2]
    columns, heads = shapes[1][1], int(attribute(node, "num_heads"))
    widths = attribute(node, "qkv_hidden_sizes") or [columns // 3] * 3
    place = 8 if node.op_type == "QAttention" else 4
    past = shapes[place][3] if place < len(shapes) and shapes[place] else 0
    return [(batch, steps, widths[2]), (2, batch, heads, past + steps, widths[1] // heads)]


def _multi_head(node: NodeProto, shapes: Sequence[Any]) -> list[Shape | None]:
    """MultiHeadAttention: (B, S, heads · width of the values), and the caches (B, heads, T, width)."""
    query, heads = shapes[0], int(attribute(node, "num_heads"))
    key, value = (shapes[i] if i < len(shapes) else None for i in (1, 2))
    if len(query) == 5:  # query, key and value in one
        return [(query[0], query[1], heads * query[4]), *[(query[0], heads, query[1], query[4])] * 2]
    if key is not None and len(key) == 5:  # key and value in one
        return [query, *[(query[0], heads, key[1], key[4])] * 2]
    if key is None or value is None:
        return [query]
    steps = key[1] if len(key) == 3 else key[2]
    widths = [v[2] // heads if len(v) == 3 else v[3] for v in (key, value)]
    place = 5 if node.op_type.startswith("Decoder") else 6
    past = shapes[place][2] if place < len(shapes) and shapes[place] else 0
    return [(*query[:2], heads * widths[1]), *((query[0], heads, past + steps, width) for width in widths)]


def _grouped(node: NodeProto, shapes: Sequence[Any]) -> list[Shape | None]:
    """GroupQueryAttention: (B, S, heads · width), and the caches (B, shared heads, T, width)."""
    query, heads, shared = shapes[0], int(attribute(node, "num_heads")), int(attribute(node, "kv_num_heads"))
    packed = len(shapes) < 2 or shapes[1] is None
    width = query[2] // (heads + 2 * shared if packed else heads)
    past = shapes[3][2] if len(shapes) > 3 and shapes[3] else 0
    cache = (query[0], shared, past + query[1], width)
    return [(*query[:2], heads * width), cache, cache]


def _quantized_lstm(node: NodeProto, shapes: Sequence[Any]) -> list[Shape]:
    steps, batch = shapes[0][:2]
    directions, width = shapes[1][0], int(attribute(node, "hidden_size", shapes[2][1]))
    state = (directions, batch, width)
    return [(steps, directions, batch, width), state, state]


def _embedded(node: NodeProto, shapes: Sequence[Any]) -> list[Shape | None]:
    return [(*shapes[0], shapes[2][-1]), (shapes[0][0],), (*shapes[0], shapes[2][-1])]


def _concatenated(node: NodeProto, shapes: Sequence[Any]) -> list[Shape]:
    parts = shapes[2::3]
    axis = int(attribute(node, "axis")) % len(parts[0])
    return [tuple(sum(p[a] for p in parts) if a == axis else n for a, n in enumerate(parts[0]))]


def _global(node: NodeProto, shapes: Sequence[Any]) -> list[Shape]:
    shape, ones = shapes[0], [1] * (len(shapes[0]) - 2)
    return [(shape[0], *ones, shape[-1]) if attribute(node, "channels_last", 0) else (*shape[:2], *ones)]


def _windows(node: NodeProto, shapes: Sequence[Any]) -> list[Shape]:
    """Convolutions with their channels last, and pooling."""
    op, shape = node.op_type, shapes[0]
    last = op.startswith("Nhwc") or bool(attribute(node, "channels_last", 0))
    first = (shape[0], shape[-1], *shape[1:-1]) if last else shape
    weights = {"QLinearConv": 3, "NhwcFusedConv": 1}.get(op)
    inputs = {"x": Known("x", tensor_type(TensorProto.FLOAT, first))}
    if weights is not None:
        inputs["w"] = Known("w", tensor_type(TensorProto.FLOAT, shapes[weights]))
    plain = NodeProto(op_type="Conv" if weights is not None else "AveragePool", input=list(inputs), output=["out"])
    names = _ATTRIBUTES - ({"ceil_mode"} if weights is not None else {"dilations", "group"})
    plain.attribute.extend(a for a in node.attribute if a.name in names)
    result = Known("out", inferred(plain, inputs, {"": OPSET}).get("out")).known_shape()
    assert result is not None
    return [(result[0], *result[2:], result[1]) if last else result]


def _halved(node: NodeProto, shapes: Sequence[Any]) -> list[Shape]:
    return [(*shapes[0][:-1], shapes[0][-1] // 2)]


def _rows(node: NodeProto, shapes: Sequence[Any]) -> list[Shape]:
    bits, axis = int(attribute(node, "bits", 4)), int(attribute(node, "gather_axis", 0))
    data = list(shapes[0])
    data[-1] *= 8 // bits
    return [(*data[:axis], *shapes[1], *data[axis + 1 :])]


_SHAPES: Mapping[str, Callable[[NodeProto, Sequence[Any]], Sequence[Shape | None]]] = {
    **dict.fromkeys(("FusedMatMul", "TransposeMatMul", "FusedMatMulActivation"), _fused_product),
    **dict.fromkeys(("MatMulNBits", "MatMulBnb4", "MatMulPacked"), _of_columns),
    **dict.fromkeys(("Attention", "QAttention"), _projected),
    **dict.fromkeys(("MultiHeadAttention", "DecoderMaskedMultiHeadAttention"), _multi_head),
    **dict.fromkeys(("GroupQueryAttention", "SparseAttention"), _grouped),
    "DynamicQuantizeLSTM": _quantized_lstm, "EmbedLayerNormalization": _embedded, "QLinearConcat": _concatenated,
    "QLinearGlobalAveragePool": _global, "BiasSplitGelu": _halved, "GatherBlockQuantized": _rows,
    **dict.fromkeys(("QLinearConv", "NhwcFusedConv", "QLinearAveragePool", "NhwcMaxPool"), _windows),
}  # fmt: skip
_KINDS: Mapping[str, int] = {  # the input that names the first output's type; below 0 that type itself
    "QGemm": 8, "QLinearConv": 7, "DequantizeLinear": 1, "QuantizeLinear": 2, "MatMulIntegerToFloat": 2,
    "MatMulInteger16": -TensorProto.INT32, "EmbedLayerNormalization": 2, "QAttention": 3, "QLinearWhere": 1,
    "GatherBlockQuantized": 2, "QLinearConcat": 1,
}  # fmt: skip
