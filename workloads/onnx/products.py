"""ONNX's matrix work as ATen calls: convolutions, products, recurrent layers, attention; integer operators too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from accelsim.errors import FileFormatError, TraceError
from compress.lowering.calls import Call, Value

from .nodes import CodedValue, Node

Calls = list[Call] | None


def convolution(node: Node) -> Calls:
    """`Conv`: input and weight are operands 0 and 1."""
    return [convolve(node, node.layer_value(0), node.layer_value(1))]


def qlinear_convolution(node: Node) -> Calls:
    """`QLinearConv`: x, its scale and zero point, w, its scale and zero point, those of y, a bias."""
    return [convolve(node, node.quantized_value(0, 1, 2), node.quantized_value(3, 4, 5))]


def integer_convolution(node: Node) -> Calls:
    """`ConvInteger`: x, w, the zero point of x, the zero point of w."""
    return [convolve(node, node.quantized_value(0, None, 2), node.quantized_value(1, None, 3))]


def convolve(node: Node, inputs: CodedValue, weight: CodedValue, outputs: Sequence[Value] | None = None) -> Call:
    """A convolution of (B, C, H, W) with (N, C/groups, R, S), uneven padding written into the ifmap."""
    groups, axes = int(node.attribute("group", 1)), len(weight.shape) - 2
    kernel = list(weight.shape[2:])
    if list(node.attribute("kernel_shape", kernel)) != kernel or inputs.shape[1] != weight.shape[1] * groups:
        raise FileFormatError(
            f"{node.label}: weight {weight.shape}, ifmap {inputs.shape} and {groups} groups do not fit; "
            "(N, C/groups, R, S) as kernel_shape has it and (B, C, H, W) are expected"
        )
    stride, dilation = (_sizes(node, name, axes) for name in ("strides", "dilations"))
    before, after = _padding(node, inputs.shape[2:], kernel, stride, dilation)
    even = [min(pair) for pair in zip(before, after, strict=True)]
    arguments = {
        "input": _widened(node, inputs, [b - e for b, e in zip(before, even, strict=True)],
                          [a - e for a, e in zip(after, even, strict=True)]),
        "weight": weight, "stride": stride, "padding": even, "dilation": dilation, "groups": groups,
    }  # fmt: skip
    call = node.layer(f"conv{axes}d", weight, arguments, outputs)
    if before != after:
        node.padded[call.module] = [*before, *after]
    return call


def _sizes(node: Node, name: str, axes: int) -> list[int]:
    sides = list(node.attribute(name, [1] * axes))
    if len(sides) != axes:
        raise FileFormatError(f"{name} of {node.label} is {sides}; {axes} numbers are expected")
    return sides


def _padding(
    node: Node, sizes: Sequence[int], kernel: list[int], stride: list[int], dilation: list[int]
) -> tuple[list[int], list[int]]:
    """Zeros before and after each axis; automatic padding splits evenly, an odd one goes to the named end."""
    mode = node.attribute("auto_pad", "NOTSET")
    if mode in {"NOTSET", ""}:
        pads = list(node.attribute("pads", [0] * 2 * len(sizes)))
        if len(pads) != 2 * len(sizes) or min(pads, default=0) < 0:
            raise FileFormatError(f"pads of {node.label} is {pads}; {2 * len(sizes)} numbers from 0 are expected")
        return pads[: len(sizes)], pads[len(sizes) :]
    if mode == "VALID":
        return [0] * len(sizes), [0] * len(sizes)
    if mode not in {"SAME_UPPER", "SAME_LOWER"}:
        raise FileFormatError(
            f"auto_pad of {node.label} is {mode!r:.40}; NOTSET, VALID, SAME_UPPER or SAME_LOWER is right"
        )
    smaller, larger = [], []
    for size, taps, step, spread in zip(sizes, kernel, stride, dilation, strict=True):
        total = max(0, (-(-size // step) - 1) * step + spread * (taps - 1) + 1 - size)
        smaller.append(total // 2)
        larger.append(total - total // 2)
    return (smaller, larger) if mode == "SAME_UPPER" else (larger, smaller)


def _widened(node: Node, value: CodedValue, before: list[int], after: list[int]) -> CodedValue:
    """An ifmap with zeros written before and after its axes: what is uneven in a padding becomes a part of it."""
    if not any(before + after):
        return value
    from torch.nn import functional

    sides = [size + b + a for size, b, a in zip(value.shape[2:], before, after, strict=True)]
    pads = [n for b, a in zip(reversed(before), reversed(after), strict=True) for n in (b, a)]
    tensor = None if value.tensor is None else functional.pad(value.tensor, pads)
    return replace(value, shape=(*value.shape[:2], *sides), tensor=tensor)


def transposed_convolution(node: Node) -> Calls:
    """`ConvTranspose`, with the bias in its additions."""
    inputs, weight = node.layer_value(0), node.layer_value(1)
    groups = int(node.attribute("group", 1))
    if len(weight.shape) not in (3, 4):
        raise TraceError(f"{node.label} convolves over {len(weight.shape) - 2} axes; 1 or 2 can be lowered to a GEMM")
    if inputs.shape[1] != weight.shape[0] or weight.shape[0] % groups:
        raise FileFormatError(f"{node.label}: weight {weight.shape} and ifmap {inputs.shape} do not fit")
    bias = node.value(2) if node.has(2) else None
    arguments = {"input": inputs, "weight": weight, "groups": groups, "bias": bias}
    return [node.layer(f"conv_transpose{len(weight.shape) - 2}d", weight, arguments)]


def gemm(node: Node) -> Calls:
    """`Gemm`: alpha · A · B + beta · C with both matrices transposed at will; the factors join the scales."""
    return [gemm_of(node, node.layer_value(0), node.layer_value(1))]


def gemm_of(node: Node, left: CodedValue, right: CodedValue, outputs: Sequence[Value] | None = None) -> Call:
    """The call of a `Gemm` with these two operands, which its attributes transpose."""
    left = _turned(left, bool(node.attribute("transA", 0)))
    right = _turned(right, bool(node.attribute("transB", 0)))
    third = 2 if node.proto.op_type != "QGemm" else 6
    added = node.value(third) if node.has(third) and not node.known(third).constant else None
    return product_of(node, "addmm", {"self": added, "mat1": left, "mat2": right}, outputs)


def matmul(node: Node) -> Calls:
    """`MatMul`, as numpy multiplies stacks of matrices."""
    return [product_of(node, "matmul", {"self": node.layer_value(0), "other": node.layer_value(1)})]


def qlinear_matmul(node: Node) -> Calls:
    """`QLinearMatMul`: a, its scale and zero point, b, its scale and zero point, those of y.

    Zero points are one for all, one a row of a or one a column of b (ONNX, QLinearMatMul, version 21).
    """
    operands = {"self": node.quantized_value(0, 1, 2, axis=-2), "other": node.quantized_value(3, 4, 5, axis=-1)}
    return [product_of(node, "matmul", operands)]


def integer_matmul(node: Node) -> Calls:
    """`MatMulInteger`: a, b, the zero point of a, the zero point of b, with axes as `QLinearMatMul`'s."""
    operands = {"self": node.quantized_value(0, None, 2, axis=-2), "other": node.quantized_value(1, None, 3, axis=-1)}
    return [product_of(node, "matmul", operands)]


def product_of(node: Node, op: str, arguments: dict[str, Any], outputs: Sequence[Value] | None = None) -> Call:
    """A product with a constant is a layer with a weight, one of two activations is called after its module."""
    constant = next((v for v in arguments.values() if isinstance(v, Value) and v.constant), None)
    call = node.call if constant is None else partial(node.layer, weight=constant)
    return call(op, arguments=arguments, outputs=outputs)


def _turned(value: CodedValue, turn: bool) -> CodedValue:
    if len(value.shape) != 2:
        raise FileFormatError(f"an operand of a Gemm has shape {value.shape}; a matrix is expected")
    if not turn:
        return value
    return replace(value, shape=value.shape[::-1], tensor=None if value.tensor is None else value.tensor.t())


def attention(node: Node) -> Calls:
    """`Attention` of query, key, value (B, heads, S, D), or (B, S, heads·D) with the heads as attributes."""
    if node.has(4) or node.has(5):
        raise TraceError(f"{node.label} reads keys and values of earlier steps; without them it can be lowered")
    if node.runs and (node.attribute("softcap", 0) or node.has(6)):
        raise TraceError(f"{node.label} caps its scores or has lengths of its keys; values='weights' can be taken")
    heads = [node.attribute("q_num_heads"), *[node.attribute("kv_num_heads")] * 2]
    operands = [_headed(node.layer_value(i), heads[i]) for i in range(3)]
    query, key, value = operands
    stack = query.shape[:2]
    if any(len(v.shape) != 4 or v.shape[0] != stack[0] or stack[1] % v.shape[1] for v in operands):
        raise FileFormatError(f"{node.label}: query {query.shape}, key {key.shape} and value {value.shape} do not fit")
    arguments = {
        "query": query, "key": key, "value": value, "attn_mask": node.real_value(3) if node.has(3) else None,
        "is_causal": bool(node.attribute("is_causal", 0)), "scale": node.attribute("scale"),
    }  # fmt: skip
    return [node.call("scaled_dot_product_attention", arguments)]


def _headed(value: CodedValue, heads: int | None) -> CodedValue:
    if len(value.shape) != 3 or not heads or value.shape[2] % heads:
        return value
    batch, steps, width = value.shape
    tensor = None if value.tensor is None else value.tensor.reshape(batch, steps, heads, -1).transpose(1, 2)
    return replace(value, shape=(batch, heads, steps, width // heads), tensor=tensor)
