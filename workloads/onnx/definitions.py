"""Operators by their own definitions, where ONNX's reference implementation lacks a version or differs from it.

Sources: ONNX's operator changelog (docs/Changelog.md: BatchNormalization 7 and 9, Softmax, LogSoftmax and Hardmax 1 and
11, QuantizeLinear and DequantizeLinear 10 and 13, AveragePool and MaxPool 11 on auto_pad), and for the quantizers of
Brevitas and QONNX their pages (qonnx/docs/qonnx-custom-ops: quant_op.md, bipolar_quant_op.md).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from onnx import NodeProto, helper

from accelsim.errors import FileFormatError

from .files import attribute, label

Arrays = list[np.ndarray]
ORT = "com.microsoft"  # the domain of ONNX Runtime's own operators
QONNX = frozenset({"qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"})
QUANTIZERS = frozenset({"Quant", "IntQuant", "BipolarQuant"})
_ROUNDINGS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "ROUND": np.rint, "HALF_EVEN": np.rint, "CEIL": np.ceil, "FLOOR": np.floor, "DOWN": np.trunc,
    "ROUND_TO_ZERO": np.trunc, "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}  # fmt: skip


def defined(node: NodeProto, inputs: Arrays, version: int) -> Arrays | None:
    """What a node writes by its version's definition; None where the reference implementation is as good.

    `inputs` in the node's order. FileFormatError for a quantizer with an unknown rounding.
    """
    if node.domain in QONNX:
        return [_quantized_again(node, *inputs)] if node.op_type in QUANTIZERS else None
    if node.domain not in ("", "ai.onnx", ORT):
        return None
    ours = _DEFINITIONS.get(node.op_type)
    if ours is None:
        return None
    below, function = ours
    return [function(node, *inputs)] if version < below or node.domain == ORT else None


def with_plain_padding(node: NodeProto, sizes: Sequence[int]) -> NodeProto:
    """A pooling node whose automatic padding is written as numbers: the odd zero of SAME_LOWER goes before.

    >>> pool = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2], strides=[1], auto_pad="SAME_LOWER")
    >>> list(attribute(with_plain_padding(pool, [5]), "pads"))
    [1, 0]
    """
    mode = attribute(node, "auto_pad", "NOTSET")
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        return node
    kernel = list(attribute(node, "kernel_shape"))
    strides = attribute(node, "strides") or [1] * len(kernel)
    dilations = attribute(node, "dilations") or [1] * len(kernel)
    before, after = [], []
    for size, side, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        total = max(0, (-(-size // stride) - 1) * stride + dilation * (side - 1) + 1 - size)
        first = total // 2 if mode == "SAME_UPPER" else total - total // 2
        before.append(first)
        after.append(total - first)
    plain = NodeProto()
    plain.CopyFrom(node)
    left = [a for a in node.attribute if a.name not in ("auto_pad", "pads")]
    del plain.attribute[:]
    plain.attribute.extend([*left, helper.make_attribute("pads", before + after)])
    return plain


def _max_pool(node: NodeProto, x: np.ndarray) -> np.ndarray:
    """The greatest of each window; what is padded is less than any number."""
    node = with_plain_padding(node, x.shape[2:])
    kernel = list(attribute(node, "kernel_shape"))
    axes = len(kernel)
    strides, dilations = (list(attribute(node, n) or [1] * axes) for n in ("strides", "dilations"))
    pads = list(attribute(node, "pads") or [0] * 2 * axes)
    counts, after = [], []
    for a, size in enumerate(x.shape[2:]):
        span = size + pads[a] + pads[axes + a] - dilations[a] * (kernel[a] - 1) - 1
        count = (-(-span // strides[a]) if attribute(node, "ceil_mode", 0) else span // strides[a]) + 1
        counts.append(count - ((count - 1) * strides[a] >= size + pads[a]))  # a window of padding alone is none
        after.append(max(pads[axes + a], (count - 1) * strides[a] + span + 1))
    least = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
    wide = np.pad(x, [(0, 0), (0, 0), *zip(pads[:axes], after, strict=True)], constant_values=least)
    result = np.full((*x.shape[:2], *counts), least, x.dtype)
    for place in itertools.product(*map(range, kernel)):
        starts = [p * d for p, d in zip(place, dilations, strict=True)]
        steps = [slice(s, s + (n - 1) * by + 1, by) for s, n, by in zip(starts, counts, strides, strict=True)]
        np.maximum(result, wide[(slice(None), slice(None), *steps)], out=result)
    return result


def _global_max(node: NodeProto, x: np.ndarray) -> np.ndarray:
    """The greatest of each channel, whatever axes an image has."""
    return np.asarray(x.max(tuple(range(2, x.ndim)), keepdims=True))


def _integer_product(
    node: NodeProto, a: np.ndarray, b: np.ndarray, of_a: np.ndarray | None = None, of_b: np.ndarray | None = None
) -> np.ndarray:
    """a · b less their zero points: one for all, one a row of a, one a column of b."""
    left, right = a.astype(np.int32), b.astype(np.int32)
    if of_a is not None:
        left = left - (of_a.astype(np.int32)[:, None] if of_a.ndim == 1 and of_a.size > 1 else of_a.astype(np.int32))
    return np.asarray(left @ (right if of_b is None else right - of_b.astype(np.int32)))


def _dequantized(node: NodeProto, x: np.ndarray, scale: np.ndarray, zero: np.ndarray | None = None) -> np.ndarray:
    """(x − zero) · scale, one of each for all or one a slice along `axis`."""
    axis = attribute(node, "axis", 1)
    wide = x.astype(np.int64)
    points = 0 if zero is None else _along(zero.astype(np.int64), wide.ndim, axis)
    return np.asarray((wide - points).astype(scale.dtype) * _along(scale, wide.ndim, axis))


def _quantized(node: NodeProto, x: np.ndarray, scale: np.ndarray, zero: np.ndarray | None = None) -> np.ndarray:
    """round(x / scale) + zero, half to even, within the type of the zero point (unsigned bytes without one)."""
    axis, kind = attribute(node, "axis", 1), np.dtype(np.uint8) if zero is None else zero.dtype
    limits = np.iinfo(kind)
    points = 0 if zero is None else _along(zero.astype(np.int64), x.ndim, axis)
    steps = np.rint(x / _along(scale, x.ndim, axis)) + points
    return np.asarray(np.clip(steps, limits.min, limits.max)).astype(kind)


def _along(values: np.ndarray, rank: int, axis: int) -> np.ndarray:
    """A number, or one a slice along an axis, in a shape that fits a tensor of `rank` axes."""
    if values.size == 1:
        return values.reshape(())
    return values.reshape([-1 if a == axis % rank else 1 for a in range(rank)])


def _batch_norm(
    node: NodeProto, x: np.ndarray, scale: np.ndarray, shift: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> np.ndarray:
    """(x − mean) / √(variance + ε) · scale + shift of each channel; of each element of one where spatial is 0."""
    shape = (1, -1, *[1] * (x.ndim - 2)) if attribute(node, "spatial", 1) else (1, *x.shape[1:])
    scale, shift, mean, variance = (v.reshape(shape) for v in (scale, shift, mean, variance))
    root = np.sqrt(variance + np.asarray(attribute(node, "epsilon", 1e-5), x.dtype))
    return np.asarray((x - mean) / root * scale + shift)


def _rows(node: NodeProto, x: np.ndarray) -> np.ndarray:
    """A tensor as a matrix: all axes from `axis` on are one row, as before opset 13."""
    axis = attribute(node, "axis", 1)
    return x.reshape(math.prod(x.shape[: axis % (x.ndim + 1) if axis >= 0 else axis % x.ndim]), -1)


def _softmax(node: NodeProto, x: np.ndarray) -> np.ndarray:
    rows = _rows(node, x)
    powers = np.exp(rows - rows.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True)).reshape(x.shape)


def _log_softmax(node: NodeProto, x: np.ndarray) -> np.ndarray:
    rows = _rows(node, x)
    less = rows - rows.max(1, keepdims=True)
    return np.asarray(less - np.log(np.exp(less).sum(1, keepdims=True))).reshape(x.shape)


def _hardmax(node: NodeProto, x: np.ndarray) -> np.ndarray:
    rows = _rows(node, x)
    return np.asarray(np.arange(rows.shape[1]) == rows.argmax(1)[:, None]).astype(x.dtype).reshape(x.shape)


_DEFINITIONS: Mapping[str, tuple[int, Callable[..., np.ndarray]]] = {  # below which version, and how
    "DequantizeLinear": (19, _dequantized), "QuantizeLinear": (19, _quantized),
    "BatchNormalization": (14, _batch_norm), "Softmax": (13, _softmax), "LogSoftmax": (13, _log_softmax),
    "Hardmax": (13, _hardmax),
    "MaxPool": (2**31, _max_pool),  # the reference turns pads that differ around
    "GlobalMaxPool": (2**31, _global_max),  # the reference is for images of two axes
    "MatMulInteger": (2**31, _integer_product),  # the reference takes a zero point a row for one a column
}  # fmt: skip


def quantizer_limits(node: NodeProto, others: Sequence[np.ndarray]) -> tuple[int, int]:
    """The least and greatest integer of QONNX's Quant (scale, zero point, bits behind x) or BipolarQuant (scale)."""
    if node.op_type == "BipolarQuant":
        return -1, 1
    least, most = _limits(node, quantized_bits(node, others[2]))
    return int(least), int(most)


def quantized_bits(node: NodeProto, bits: np.ndarray) -> int:
    """The bits that a quantizer of QONNX is set to, the most of several. FileFormatError beyond 1 to 32."""
    widths = np.asarray(bits, np.float64)
    if not 1 <= widths.min() <= widths.max() <= 32:
        wrong = widths.max() if widths.min() >= 1 else widths.min()
        raise FileFormatError(f"{label(node)} quantizes to {wrong:g} bits; 1 to 32 are expected")
    return math.ceil(float(widths.max()))


def _limits(node: NodeProto, bits: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
    """The least and greatest integer of so many bits, of each channel that has its own."""
    signed, narrow = bool(attribute(node, "signed", 1)), bool(attribute(node, "narrow", 0))
    whole = 2.0 ** np.ceil(bits)
    return (-whole / 2 + narrow, whole / 2 - 1) if signed else (0 * whole, whole - 1 - narrow)


def quantizer_steps(node: NodeProto, x: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """What such a quantizer makes of x before the zero point is subtracted and the scale multiplied: whole numbers."""
    if node.op_type == "BipolarQuant":
        return np.where(x >= 0, 1.0, -1.0).astype(x.dtype)
    mode = str(attribute(node, "rounding_mode", "ROUND")).upper()
    if mode not in _ROUNDINGS:
        raise FileFormatError(
            f"node {(node.name or node.output[0])[:80]!r} rounds by {mode[:40]!r}, which is not known"
        )
    quantized_bits(node, others[2])
    least, most = _limits(node, np.asarray(others[2], np.float64))
    return np.asarray(np.clip(_ROUNDINGS[mode](x / others[0] + others[1]), least, most))


def _quantized_again(node: NodeProto, x: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Real numbers rounded to the steps of a quantizer."""
    steps, scale = quantizer_steps(node, x, others), others[0]
    points = others[1] if node.op_type != "BipolarQuant" else np.zeros((), x.dtype)
    return np.asarray((steps - points) * scale).astype(x.dtype)
