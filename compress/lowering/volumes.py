"""Convolutions over three axes: those over two, of as many channels as the kernel is deep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelsim.errors import TraceError
from accelsim.trace.conv import ConvGeometry, Pair
from accelsim.trace.gemm import GemmTrace

from .calls import Call, Value
from .items import Gemm, Item

if TYPE_CHECKING:
    import torch

Triple = tuple[int, int, int]


def volume_convolution(call: Call) -> list[Item]:
    """A 3d convolution, kernel T × R × S, as an im2col GEMM of the same MACs.

    Each of the B·OD output planes is an image of its own, and the T input planes that it reads are channels of it:
    k = ((c·T + t)·R + r)·S + s, as the weight lies in memory, and M = B·OD·OH·OW. Planes that two output planes read
    are fetched for each of them.
    """
    weight, inputs = call.arguments["weight"], call.arguments["input"]
    name, groups = call.layer(weight), int(call.arguments["groups"])
    dilation, stride = (_triple(call.arguments[key]) for key in ("dilation", "stride"))
    kernel = _triple(weight.shape[2:])
    padding = _padding(name, call.arguments["padding"], kernel, dilation)
    batch = inputs.shape[0] if len(inputs.shape) == 5 else 1
    depth = call.output.shape[-3]
    geometry = ConvGeometry(
        batch * depth, weight.shape[1] * kernel[0], inputs.shape[-2], inputs.shape[-1], _plane(kernel), _plane(stride),
        _plane(padding), _plane(dilation),
    )  # fmt: skip

    def planes() -> torch.Tensor:
        import torch

        volume = _real(inputs).reshape(batch, weight.shape[1] * groups, *inputs.shape[-3:])
        volume = torch.nn.functional.pad(volume, (0, 0, 0, 0, padding[0], padding[0]))
        starts = torch.arange(depth).unsqueeze(1) * stride[0]
        read = volume[:, :, starts + torch.arange(kernel[0]) * dilation[0]]  # (B, C, OD, T, H, W)
        return read.transpose(1, 2).reshape(batch * depth, -1, *inputs.shape[-2:])

    layer = GemmTrace(name, N=weight.shape[0] // groups, groups=groups, conv=geometry)
    return [
        Gemm(
            layer, (inputs,), call.output, weight=lambda: _real(weight).flatten(1), activation=planes, fold=True,
            parameter=weight.parameter, unbatched=len(call.output.shape) < len(weight.shape),
        )
    ]  # fmt: skip


def _triple(sizes: Any) -> Triple:
    """(depth, rows, columns), of one number for all three too."""
    depth, rows, columns = sizes if len(sizes) == 3 else (*sizes, *sizes, *sizes)
    return int(depth), int(rows), int(columns)


def _plane(sizes: Triple) -> Pair:
    return sizes[1], sizes[2]


def _padding(name: str, padding: Any, kernel: Triple, dilation: Triple) -> Triple:
    """Zeros on each side; TraceError where "same" would pad unevenly."""
    if not isinstance(padding, str):
        return _triple(padding)
    if padding == "valid":
        return 0, 0, 0
    spread = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    if any(total % 2 for total in spread):
        raise TraceError(f"module {name!r}: padding 'same' of a {kernel} kernel is uneven; give three numbers")
    return _triple([total // 2 for total in spread])


def _real(value: Value) -> torch.Tensor:
    assert value.tensor is not None
    return value.tensor
