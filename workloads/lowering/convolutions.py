"""Convolutions: 1d and 2d, grouped, dilated and transposed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from accelsim.errors import TraceError
from accelsim.trace.conv import ConvGeometry, Pair
from accelsim.trace.gemm import GemmTrace

from .calls import Call, Value
from .items import Gemm, Item, Work

if TYPE_CHECKING:
    import torch


def convolution(call: Call) -> list[Item] | None:
    """A convolution of 1 or 2 axes as an im2col GEMM; a 1d one has one row. None where its weight is an activation."""
    weight, inputs = call.arguments["weight"], call.arguments["input"]
    if call.arguments.get("transposed"):
        return transposed_convolution(call)
    if not weight.constant:
        return None
    name, groups = call.layer(weight), int(call.arguments["groups"])
    kernel = _pair(weight.shape[2:], 1, name)
    dilation = _pair(call.arguments["dilation"], 1, name)
    stride = _pair(call.arguments["stride"], 1, name)
    padding = _padding(name, call.arguments["padding"], kernel, dilation)
    batch, height, width = _plane(inputs, kernel_axes=len(weight.shape) - 2)
    geometry = ConvGeometry(batch, weight.shape[1], height, width, kernel, stride, padding, dilation)
    channels = weight.shape[1] * groups
    return [
        Gemm(
            GemmTrace(name, N=weight.shape[0] // groups, groups=groups, conv=geometry),
            (inputs,),
            call.output,
            weight=lambda: _real(weight).flatten(1),
            activation=lambda: _real(inputs).reshape(batch, channels, height, width),
            fold=True,
        )
    ]


def transposed_convolution(call: Call) -> list[Item] | None:
    """Every input pixel times every filter tap, then the overlapping products are added up (col2im).

    M = B·H·W input pixels, K = C/groups, N = (filters/groups)·R·S: the MACs are those that the layer defines, where a
    convolution over an ifmap widened with zeros would count products with zeros too. The additions are vector work.
    """
    weight, inputs = call.arguments["weight"], call.arguments["input"]
    if not weight.constant:
        return None
    name, groups = call.layer(weight), int(call.arguments["groups"])
    batch, height, width = _plane(inputs, kernel_axes=len(weight.shape) - 2)
    rows, channels = batch * height * width, weight.shape[0] // groups
    taps = weight.elements // weight.shape[0]
    products = Value(f"{call.output.name}:products", (rows, groups * taps))

    def matrix() -> torch.Tensor:
        parts = _real(weight).reshape(groups, channels, taps)
        return parts.transpose(1, 2).reshape(groups * taps, channels)

    def pixels() -> torch.Tensor:
        return _real(inputs).reshape(batch, groups * channels, -1).transpose(1, 2).reshape(rows, groups * channels)

    layer = GemmTrace(name, N=taps, M=rows, K=channels, groups=groups, kind="conv")
    gemm = Gemm(layer, (inputs,), products, weight=matrix, activation=pixels)
    bias = call.arguments["bias"]
    count = products.elements
    sums = Work(
        f"{name}.col2im", "add", (products,), call.output, count, call.output.elements, count,
        parameters=bias.elements if isinstance(bias, Value) else 0,
    )  # fmt: skip
    return [gemm, sums]


def _plane(inputs: Value, kernel_axes: int) -> tuple[int, int, int]:
    """(B, H, W) of an ifmap (B, C, H, W), (B, C, W) or one of them without B."""
    batch = inputs.shape[0] if len(inputs.shape) == kernel_axes + 2 else 1
    sides = inputs.shape[-kernel_axes:]
    return (batch, 1, sides[0]) if kernel_axes == 1 else (batch, sides[0], sides[1])


def _pair(sizes: Sequence[int], single: int, name: str) -> Pair:
    """(rows, columns) of one or two sizes, `single` for the row of a 1d convolution; TraceError for three."""
    if len(sizes) > 2:
        raise TraceError(f"module {name!r} convolves over {len(sizes)} axes; 1 or 2 can be lowered to a GEMM")
    return (single, int(sizes[0])) if len(sizes) == 1 else (int(sizes[0]), int(sizes[1]))


def _padding(name: str, padding: Any, kernel: Pair, dilation: Pair) -> Pair:
    """Zeros on each side, (rows, columns); TraceError where "same" would pad unevenly."""
    if not isinstance(padding, str):
        return _pair(padding, 0, name)
    if padding == "valid":
        return 0, 0
    spread = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    if any(total % 2 for total in spread):
        raise TraceError(f"module {name!r}: padding 'same' of a {kernel} kernel is uneven; give two numbers")
    return spread[0] // 2, spread[1] // 2


def _real(value: Value) -> torch.Tensor:
    assert value.tensor is not None
    return value.tensor
