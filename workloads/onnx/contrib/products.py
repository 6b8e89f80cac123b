"""Convolutions and products of com.microsoft: quantized, fused with an activation, packed to a few bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from accelsim.errors import FileFormatError, TraceError
from compress.lowering.calls import Call, Value

from ..nodes import CodedValue, Node
from ..products import convolve, gemm_of, product_of
from ..values import Code, Known, tensor_type

ACTIVATIONS = {
    "Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "LeakyRelu": "leaky_relu", "Clip": "clamp",
    "HardSigmoid": "hardsigmoid", "HardSwish": "hardswish", "Elu": "elu", "Gelu": "gelu", "Softplus": "softplus",
    "QuickGelu": "silu", "ThresholdedRelu": "threshold", "Softmax": "softmax",
}  # fmt: skip


def qgemm(node: Node) -> list[Call]:
    """`QGemm`: A, its scale and zero point, B, its scale and zero point, C, those of Y; zero points a column of B."""
    turned = bool(node.attribute("transB", 0))
    left = node.quantized_value(0, 1, 2)
    right = node.quantized_value(3, 4, 5, axis=0 if turned else 1)
    return [gemm_of(node, left, right)]


def integer_to_float(node: Node) -> list[Call]:
    """`MatMulIntegerToFloat`: A, B, the scales of A and B, their zero points, a bias."""
    operands = {"self": node.quantized_value(0, 2, 4, axis=-2), "other": node.quantized_value(1, 3, 5, axis=-1)}
    return [product_of(node, "matmul", operands)]


def dynamic_product(node: Node) -> list[Call]:
    """`DynamicQuantizeMatMul`: A in floats, B, its scale and zero point, a bias."""
    operands = {"self": node.layer_value(0), "other": node.quantized_value(1, 2, 3, axis=-1)}
    return [product_of(node, "matmul", operands)]


def wide_product(node: Node) -> list[Call]:
    """`MatMulInteger16`: two matrices of 16-bit integers."""
    return [product_of(node, "matmul", {"self": node.quantized_value(0, None, None),
                                        "other": node.quantized_value(1, None, None)})]  # fmt: skip


def fused_product(node: Node) -> list[Call]:
    """`FusedMatMul`, `TransposeMatMul`, `FusedMatMulActivation`: stacks of matrices transposed at will, and scaled."""
    turns = [[bool(node.attribute(f"{name}{side}", 0)) for name in ("transBatch", "trans")] for side in "AB"]
    left, right = (_moved(node.layer_value(i), *turns[i]) for i in range(2))
    if not left.shape or not right.shape or left.shape[-1] != right.shape[-2:][0]:
        raise FileFormatError(f"{node.label}: matrices {left.shape} and {right.shape} do not fit")
    return _activated(node, lambda out: product_of(node, "matmul", {"self": left, "other": right}, [out]))


def fused_gemm(node: Node) -> list[Call]:
    """`FusedGemm` and `GemmFloat8`: as `Gemm`, with an activation."""
    return _activated(node, lambda out: gemm_of(node, node.layer_value(0), node.layer_value(1), [out]))


def gelu_product(node: Node) -> list[Call]:
    """`GemmFastGelu`: X · W, a bias, and the activation."""
    out = node.first()
    inner = Value(f"{out.name}:product", out.shape)
    operands = {"self": node.layer_value(0), "other": node.layer_value(1)}
    return [product_of(node, "matmul", operands, [inner]), node.call("gelu", {"self": inner}, [out])]


def fused_convolution(node: Node) -> list[Call] | None:
    """`FusedConv` and `NhwcFusedConv`: X, W, B, a tensor Z that is added, then the activation."""
    inputs = node.layer_value(0)
    inputs = _channels_first(inputs) if node.proto.op_type.startswith("Nhwc") else inputs
    added = node.value(3) if node.has(3) else None
    return _activated(node, lambda out: convolve(node, inputs, node.layer_value(1), [out]), added)


def qlinear_convolution(node: Node) -> list[Call] | None:
    """`QLinearConv` with its channels first or last; the weights have them first in both."""
    inputs = node.quantized_value(0, 1, 2)
    last = bool(node.attribute("channels_last", 0))
    return [convolve(node, _channels_first(inputs) if last else inputs, node.quantized_value(3, 4, 5))]


def bits_product(node: Node) -> list[Call]:
    """`MatMulNBits`: A (…, K) times a matrix (N, K) of 2 to 8 bits, packed by blocks along K."""
    filters, size = int(node.attribute("N")), int(node.attribute("K"))
    bits, block = int(node.attribute("bits", 4)), int(node.attribute("block_size"))
    if not 2 <= bits <= 8 or block < 1:
        raise FileFormatError(f"{node.label} has {bits} bits in blocks of {block}; 2 to 8 and 1 or more are expected")
    if node.value(0).shape[-1] != size:
        raise FileFormatError(f"{node.label}: A {node.value(0).shape} has no rows of K = {size} numbers")
    packed, points = node.known(1), node.optional(3)
    shape = (filters, size)
    middle = 2 ** (bits - 1)
    code = Code(bits, 0, 2 * middle - 1, None, middle if points is None else None)
    integers = partial(_unpacked, node.label, packed, points, node.optional(4), shape, bits, block)
    weight = node.coded(_of_shape(packed, shape), code, integers)
    return [node.layer("linear", weight, {"input": node.layer_value(0), "weight": weight, "bias": None})]


def _of_shape(known: Known, shape: tuple[int, ...]) -> Known:
    """A constant whose numbers are packed, with the shape that they have when they are not."""
    return Known(known.name, tensor_type(known.kind, shape), known.constant, known.parameter, known.numbers,
                 maker=known.maker)  # fmt: skip


def _unpacked(
    label: str, packed: Known, points: Known | None, groups: Known | None, shape: tuple[int, int], bits: int, block: int
) -> np.ndarray:
    """The integers (N, K) less the zero point of each block, which is 2^(bits − 1) where none is stored."""
    filters, size = shape
    blocks = -(-size // block)
    try:
        codes = unpacked(packed.array().reshape(filters, blocks, -1), bits, block).reshape(filters, -1)[:, :size]
        of_block = _points(points, filters, blocks, bits)
        which = np.arange(size) // block if groups is None else groups.array().reshape(-1)[:size].astype(np.int64)
        return np.asarray(codes - of_block[:, which])
    except (ValueError, IndexError) as error:
        raise FileFormatError(
            f"{label}: packed weights {packed.array().shape} do not hold {filters} x {size} numbers of {bits} bits"
        ) from error


def _points(points: Known | None, filters: int, blocks: int, bits: int) -> np.ndarray:
    """A zero point a block: packed as the weights are, or, in floats, rounded to the next integer."""
    if points is None:
        return np.full((filters, blocks), 2 ** (bits - 1), np.int32)
    stored = points.array()
    if stored.dtype.kind == "f" or stored.dtype.kind == "V":
        return np.rint(stored.astype(np.float32)).astype(np.int32).reshape(filters, blocks)
    return unpacked(stored.reshape(filters, -1), bits, blocks)


def unpacked(packed: np.ndarray, bits: int, count: int) -> np.ndarray:
    """The first `count` numbers of so many bits along the last axis of bytes, the lowest bits first.

    >>> unpacked(np.array([[0x21, 0x43]], np.uint8), 4, 4).tolist()
    [[1, 2, 3, 4]]
    """
    stream = np.unpackbits(packed.astype(np.uint8), axis=-1, bitorder="little")[..., : count * bits]
    digits = stream.reshape(*stream.shape[:-1], count, bits)
    return np.asarray(digits @ (1 << np.arange(bits, dtype=np.int32)))


def _activated(node: Node, layer: Callable[[Value], Call], added: Value | None = None) -> list[Call]:
    """A layer, what is added to its outputs, and the activation that the node names."""
    out = node.first()
    name = str(node.attribute("activation", "") or "")
    if name and name not in ACTIVATIONS:
        raise TraceError(f"{node.label} has the activation {name[:40]!r}, which is not known here")
    after = ["add"] * (added is not None) + ([ACTIVATIONS[name]] if name else [])
    values = [Value(f"{out.name}:{i}", out.shape) for i in range(len(after))] + [out]
    calls: list[Call] = [layer(values[0])]
    for i, op in enumerate(after):
        arguments = {"self": values[i], "other": added} if op == "add" else {"self": values[i], "dim": -1}
        calls.append(node.call(op, arguments, [values[i + 1]]))
    return calls


def _moved(value: CodedValue, batch: bool, matrix: bool) -> CodedValue:
    """A stack of matrices with its first axis brought before the last (`transBatch`), then the last two swapped."""
    order = list(range(len(value.shape)))
    if batch:
        order = [*order[1:-1], 0, order[-1]]
    if matrix and len(order) > 1:
        order[-2:] = order[:-3:-1]
    return _permuted(value, order)


def _channels_first(value: CodedValue) -> CodedValue:
    """(B, …, C) as (B, C, …)."""
    last = len(value.shape) - 1
    return _permuted(value, [0, last, *range(1, last)])


def _permuted(value: CodedValue, order: list[int]) -> CodedValue:
    tensor = None if value.tensor is None else value.tensor.permute(order)
    return replace(value, shape=tuple(value.shape[i] for i in order), tensor=tensor)
