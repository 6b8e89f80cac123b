"""Convolutions of 1 to 3 axes, grouped, dilated and transposed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from accelsim.errors import TraceError
from accelsim.trace.conv import ConvGeometry, Pair
from accelsim.trace.gemm import GemmTrace

from .calls import Call, Value
from .items import Gemm, Item, VectorWork
from .stacks import computed_convolution
from .volumes import volume_convolution

if TYPE_CHECKING:
    import torch


def convolution(call: Call) -> list[Item] | None:
    """A convolution as an im2col GEMM; a 1d one has one row. Kernels of 1 or 2 axes may be activations too."""
    weight, inputs = call.arguments["weight"], call.arguments["input"]
    if call.arguments.get("transposed"):
        return transposed_convolution(call)
    if len(weight.shape) == 5:
        return volume_convolution(call) if weight.constant else None
    name, groups = call.layer(weight), int(call.arguments["groups"])
    kernel = _pair(weight.shape[2:], 1)
    dilation = _pair(call.arguments["dilation"], 1)
    stride = _pair(call.arguments["stride"], 1)
    padding = _padding(name, call.arguments["padding"], kernel, dilation)
    batch, height, width = _plane(inputs, kernel_axes=len(weight.shape) - 2)
    geometry = ConvGeometry(batch, weight.shape[1], height, width, kernel, stride, padding, dilation)
    channels = weight.shape[1] * groups
    if not weight.constant:
        return computed_convolution(call, geometry, batch, groups)
    return [
        Gemm(
            GemmTrace(name, N=weight.shape[0] // groups, groups=groups, conv=geometry),
            (inputs,),
            call.output,
            weight=lambda: _real(weight).flatten(1),
            activation=lambda: _real(inputs).reshape(batch, channels, height, width),
            fold=True,
            parameter=weight.parameter,
            unbatched=len(call.output.shape) < len(weight.shape),
        )
    ]


def transposed_convolution(call: Call) -> list[Item] | None:
    """Every input pixel times every filter tap, then the overlapping products are added up (col2im).

    M = B·H·W input pixels (of 1 to 3 axes), K = C/groups, N = (filters/groups)·R·S: the MACs are those that the layer
    defines, where a convolution over an ifmap widened with zeros would count products with zeros too. The additions are
    vector work.
    """
    weight, inputs = call.arguments["weight"], call.arguments["input"]
    if not weight.constant:
        return None
    name, groups = call.layer(weight), int(call.arguments["groups"])
    batch = inputs.shape[0] if len(inputs.shape) == len(weight.shape) else 1
    rows, channels = inputs.elements // weight.shape[0], weight.shape[0] // groups
    taps = weight.elements // weight.shape[0]
    products = Value(f"{call.output.name}:products", (rows, groups * taps))

    def matrix() -> torch.Tensor:
        parts = _real(weight).reshape(groups, channels, taps)
        return parts.transpose(1, 2).reshape(groups * taps, channels)

    def pixels() -> torch.Tensor:
        return _real(inputs).reshape(batch, groups * channels, -1).transpose(1, 2).reshape(rows, groups * channels)

    layer = GemmTrace(name, N=taps, M=rows, K=channels, groups=groups, kind="conv")
    gemm = Gemm(layer, (inputs,), products, weight=matrix, activation=pixels, parameter=weight.parameter)
    bias = call.arguments["bias"]
    count = products.elements
    sums = VectorWork(
        f"{name}.col2im", "add", (products,), call.output, count, call.output.elements, count,
        parameters=bias.elements if isinstance(bias, Value) else 0,
    )  # fmt: skip
    return [gemm, sums]


def _plane(inputs: Value, kernel_axes: int) -> tuple[int, int, int]:
    """(B, H, W) of an ifmap (B, C, H, W), (B, C, W) or one of them without B."""
    batch = inputs.shape[0] if len(inputs.shape) == kernel_axes + 2 else 1
    sides = inputs.shape[-kernel_axes:]
    return (batch, 1, sides[0]) if kernel_axes == 1 else (batch, sides[0], sides[1])


def _pair(sizes: Sequence[int], single: int) -> Pair:
    """(rows, columns) of one or two sizes, `single` for the row of a 1d convolution."""
    return (single, int(sizes[0])) if len(sizes) == 1 else (int(sizes[0]), int(sizes[1]))


def _padding(name: str, padding: Any, kernel: Pair, dilation: Pair) -> Pair:
    """Zeros on each side, (rows, columns); TraceError where "same" would pad unevenly."""
    if not isinstance(padding, str):
        return _pair(padding, 0)
    if padding == "valid":
        return 0, 0
    spread = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    if any(total % 2 for total in spread):
        raise TraceError(f"module {name!r}: padding 'same' of a {kernel} kernel is uneven; give two numbers")
    return spread[0] // 2, spread[1] // 2


def _real(value: Value) -> torch.Tensor:
    assert value.tensor is not None
    return value.tensor
