"""Stacks of products with constant matrices: each constant is a weight once, however many activations it meets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from accelsim.trace.gemm import GemmTrace

from .calls import Call, Value
from .items import Gemm, Item, elementwise

if TYPE_CHECKING:
    import torch


def by_constant_stack(call: Call, weight: Value, inputs: Value, left: bool) -> Gemm:
    """A stack of constant matrices, or one for a whole stack of activations, as one GEMM of several groups.

    `left` where the product is weight · inputs (…, N, K) · (…, K, M), else it is inputs · weight (…, M, K) · (…, K, N).
    The axes of the stack along which the weight differs are groups; along the others its rows of activations follow
    one another, so that M is theirs times the columns of one. A weight that is only expanded along an axis does not
    differ there.
    """
    filters, reduction = weight.shape[-2:] if left else weight.shape[-2:][::-1]
    columns = 1 if len(inputs.shape) == 1 else inputs.shape[-1 if left else -2]
    stack = call.output.shape[: len(call.output.shape) - (1 if len(inputs.shape) == 1 else 2)]
    own = (1,) * (len(stack) - len(weight.shape) + 2) + _distinct(weight)
    grouped = [i for i, size in enumerate(own) if size > 1]
    shared = [i for i, size in enumerate(own) if size == 1]
    groups, rows = math.prod(own), math.prod(stack[i] for i in shared) * columns

    def matrices() -> torch.Tensor:
        real = _real(weight)
        real = real[tuple(slice(0, size) for size in own[len(own) - real.dim() + 2 :])]
        return (real if left else real.transpose(-1, -2)).reshape(groups * filters, reduction)

    def activations() -> torch.Tensor:
        real = _real(inputs)
        real = real.reshape(-1, 1) if real.dim() == 1 and left else real.reshape(1, -1) if real.dim() == 1 else real
        real = (real.transpose(-1, -2) if left else real).expand(*stack, columns, reduction)
        last = len(stack)
        return real.permute(*shared, last, *grouped, last + 1).reshape(rows, groups * reduction)

    return Gemm(
        GemmTrace(call.layer(weight), M=rows, N=filters, K=reduction, groups=groups), (inputs,), call.output,
        weight=matrices, activation=activations, fold=groups == 1 and not left,
        parameter=weight.parameter,
    )  # fmt: skip


def told_once(call: Call, left: Value, right: Value) -> tuple[Call, Value, Value]:
    """A stacked product with its constant factor and its activations, the constant without copies of the whole.

    torch copies a constant for each entry of a batch where it makes a product of four axes one of three.
    """
    weight, inputs = (right, left) if right.constant else (left, right)
    copies = weight.copies
    if copies < 2 or len(weight.shape) != 3 or len(inputs.shape) != 3:
        return call, weight, inputs
    once = weight.shape[0] // copies

    def split(value: Value) -> Value:
        shape = (copies, once, *value.shape[1:])
        return replace(value, shape=shape, tensor=None if value.tensor is None else value.tensor.reshape(shape))

    first = None if weight.tensor is None else weight.tensor[:once]
    single = replace(weight, shape=(once, *weight.shape[1:]), tensor=first, copies=1)
    return replace(call, outputs=(split(call.output),)), single, split(inputs)


def summed_stack(call: Call) -> list[Item] | None:
    """`addbmm`: the products of all matrices of two stacks are summed up, so that their reductions are one long one."""
    left, right, added = (call.arguments[name] for name in ("batch1", "batch2", "self"))
    count, rows, each = left.shape
    filters = right.shape[-1]
    reduction = count * each

    def tall(value: Value, order: Sequence[int], shape: tuple[int, int]) -> torch.Tensor:
        return _real(value).permute(*order).reshape(shape)

    constant = right.constant
    name = call.layer(right) if constant and right.parameter else call.label().removesuffix("addbmm") + "matmul"
    gemm = Gemm(
        GemmTrace(name, M=rows, N=filters, K=reduction, kind="linear" if constant else "attention"),
        tuple(value for value in (left, right) if not value.constant), call.output,
        weight=lambda: tall(right, (2, 0, 1), (filters, reduction)),
        activation=lambda: tall(left, (1, 0, 2), (rows, reduction)),
        of_activations=not constant, parameter=right.parameter,
    )  # fmt: skip
    if isinstance(added, Value) and not added.constant:
        return [gemm, elementwise(f"{gemm.name}.add", "add", (call.output, added), call.output)]
    return [gemm]


def computed_convolution(call: Call, geometry: Any, batch: int, groups: int) -> list[Item]:
    """A convolution whose kernels the network computes: its im2col matrix times them, a product of two activations."""
    inputs, weight = call.arguments["input"], call.arguments["weight"]
    filters, reduction = weight.shape[0] // groups, math.prod(weight.shape[1:])
    rows = call.output.elements // weight.shape[0]
    name = ".".join(part for part in (call.module, "conv") if part)

    def unfolded() -> torch.Tensor:
        from torch.nn import functional

        image = _real(inputs).reshape(batch, -1, geometry.height, geometry.width)
        columns = functional.unfold(image, geometry.kernel, geometry.dilation, geometry.padding, geometry.stride)
        return columns.transpose(1, 2).reshape(rows, groups * reduction)

    return [
        Gemm(
            GemmTrace(name, M=rows, N=filters, K=reduction, groups=groups, kind="attention"),
            (inputs, weight), call.output,
            weight=lambda: _real(weight).reshape(groups * filters, reduction), activation=unfolded, of_activations=True,
        )
    ]  # fmt: skip


def by_computed_matrix(call: Call) -> Gemm:
    """`linear` with a weight that the network computes: two activations, all rows of the input at once."""
    inputs, weight = call.arguments["input"], call.arguments["weight"]
    filters, reduction = weight.shape if len(weight.shape) == 2 else (1, *weight.shape)
    rows = inputs.elements // reduction
    name = ".".join(part for part in (call.module, "matmul") if part)
    return Gemm(
        GemmTrace(name, M=rows, N=filters, K=reduction, kind="attention"),
        tuple(value for value in (inputs, weight) if not value.constant), call.output,
        weight=lambda: _real(weight).reshape(filters, reduction),
        activation=lambda: _real(inputs).reshape(rows, reduction), of_activations=True,
    )  # fmt: skip


def _distinct(weight: Value) -> tuple[int, ...]:
    """The stack axes of a weight, 1 where it is one matrix that is only seen several times."""
    sizes = weight.shape[:-2]
    if weight.tensor is None or weight.tensor.layout != _strided():
        return sizes
    return tuple(1 if step == 0 else size for size, step in zip(sizes, weight.tensor.stride(), strict=False))


def _strided() -> Any:
    import torch

    return torch.strided


def _real(value: Value) -> torch.Tensor:
    assert value.tensor is not None
    return value.tensor
