"""Matrix products: linear layers, products with a constant, and those of two activations (attention)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from accelsim.trace.gemm import GemmTrace

from .calls import Call, Value, joined
from .items import Gemm, Item, elementwise
from .stacks import by_computed_matrix, by_constant_stack, told_once

if TYPE_CHECKING:
    import torch

OPERANDS = {  # op -> its two factors and what is added, by the schema's names
    "matmul": ("self", "other", ""),
    "mm": ("self", "mat2", ""),
    "mv": ("self", "vec", ""),
    "dot": ("self", "tensor", ""),
    "bmm": ("self", "mat2", ""),
    "addmm": ("mat1", "mat2", "self"),
    "baddbmm": ("batch1", "batch2", "self"),
    "addmv": ("mat", "vec", "self"),
    "vdot": ("self", "other", ""),
    "_int_mm": ("self", "mat2", ""),
    "_sparse_addmm": ("mat1", "mat2", "self"),
}


def linear(call: Call) -> list[Item] | None:
    """`linear(input, weight, bias)`: weight is (N, K) and all axes of the input but the last are rows."""
    inputs, weight = call.arguments["input"], call.arguments["weight"]
    if not weight.constant:
        bias = call.arguments.get("bias")
        item = by_computed_matrix(call)
        if isinstance(bias, Value) and not bias.constant:
            return [item, elementwise(f"{item.name}.add", "add", (call.output, bias), call.output)]
        return [item]
    return [_by_constant(call, inputs, weight, transposed=False)]


def product(call: Call) -> list[Item] | None:
    """A product of two matrices or two stacks of them, with whatever is added to it.

    A constant factor is the weight, and what is added to such a product its bias. Two activations are a GEMM a stack
    entry, of kind attention, and an activation that is added is an operator of its own.
    """
    left, right, added = (call.arguments.get(name) for name in OPERANDS[call.op])
    assert isinstance(left, Value)
    assert isinstance(right, Value)
    if right.constant and max(len(right.shape), 1) <= 2:
        item = _by_constant(call, left, right, transposed=True)
    elif left.constant and len(left.shape) == 2 and len(right.shape) <= 2:
        item = _of_constant(call, left, right)
    elif right.constant or (left.constant and len(left.shape) > 1):
        item = by_constant_stack(*told_once(call, left, right), left=not right.constant)
    elif left.constant and len(right.shape) > 1:  # a vector is a matrix of one filter
        row = replace(left, shape=(1, *left.shape), tensor=None if left.tensor is None else left.tensor[None])
        shape = (*right.shape[:-2], 1, right.shape[-1])
        item = by_constant_stack(replace(call, outputs=(replace(call.output, shape=shape),)), row, right, left=True)
    else:
        item = _stacked(call, left, right)
    if isinstance(added, Value) and not added.constant:
        return [item, elementwise(f"{item.name}.add", "add", (call.output, added), call.output)]
    return [item]


def _by_constant(call: Call, inputs: Value, weight: Value, transposed: bool) -> Gemm:
    """Rows of activations times a constant matrix, stored (N, K), or (K, N) where `transposed`."""
    shape = weight.shape if len(weight.shape) == 2 else ((*weight.shape, 1) if transposed else (1, *weight.shape))
    filters, reduction = reversed(shape) if transposed else shape

    def matrix() -> torch.Tensor:
        stored = _real(weight).reshape(shape)
        return stored.t() if transposed else stored

    rows = inputs.elements // reduction
    return Gemm(
        GemmTrace(call.layer(weight), M=rows, N=filters, K=reduction), (inputs,), call.output,
        weight=matrix, activation=lambda: _real(inputs).reshape(rows, reduction), fold=True,
        parameter=weight.parameter,
    )  # fmt: skip


def _of_constant(call: Call, weight: Value, inputs: Value) -> Gemm:
    """A constant matrix (N, K) times columns of activations, as the transposed product."""
    filters, reduction = weight.shape
    rows = inputs.elements // reduction
    return Gemm(
        GemmTrace(call.layer(weight), M=rows, N=filters, K=reduction), (inputs,), call.output,
        weight=lambda: _real(weight), activation=lambda: _real(inputs).reshape(reduction, rows).t(),
        parameter=weight.parameter,
    )  # fmt: skip


def _stacked(call: Call, left: Value, right: Value) -> Gemm:
    """One GEMM a matrix of the stack: (…, M, K) times (…, K, N)."""
    if len(right.shape) <= 2 and len(left.shape) > 2:  # all rows of the stack meet one matrix
        left = replace(left, shape=(left.elements // left.shape[-1], left.shape[-1]), tensor=_flat(left))
        call = replace(call, outputs=(replace(call.output, shape=(left.shape[0], *right.shape[1:])),))
    rows, reduction = (1, *left.shape)[-2:]
    filters = right.shape[-1] if len(right.shape) > 1 else 1
    groups = call.output.elements // (rows * filters)
    # a factor that has fewer stack axes than the product, or a 1 in them, is read again for each
    stack = call.output.shape[: len(call.output.shape) - (len(left.shape) > 1) - (len(right.shape) > 1)]

    def spread(value: Value, shape: tuple[int, int]) -> torch.Tensor:
        own = (*value.shape[:-2], *shape)
        return _real(value).reshape(own).expand(*stack, *shape).reshape(groups, *shape)

    constant = right.constant
    name = call.layer(right) if constant and right.parameter else joined(call.module, "matmul")
    kind = "linear" if constant or left.constant else "attention"
    return Gemm(
        GemmTrace(name, M=rows, N=filters, K=reduction, groups=groups, kind=kind),
        tuple(v for v in (left, right) if not v.constant), call.output,
        weight=lambda: spread(right, (reduction, filters)).transpose(1, 2).reshape(groups * filters, reduction),
        activation=lambda: spread(left, (rows, reduction)).transpose(0, 1).reshape(rows, groups * reduction),
        of_activations=not constant, parameter=right.parameter,
    )  # fmt: skip


def _flat(value: Value) -> torch.Tensor | None:
    return None if value.tensor is None else value.tensor.flatten(0, -2)


def attention(call: Call) -> list[Item]:
    """Scaled dot-product attention: `name.scores` = Q · Kᵀ, scaled, masked, softmax, `name.context` = that · V.

    `groups` = batch · heads (Vaswani et al., "Attention is all you need", 2017, equation 1).
    """
    import torch

    query, key, value = (call.arguments[name] for name in ("query", "key", "value"))
    mask = call.arguments.get("attn_mask")
    rows, reduction = query.shape[-2:]
    whole = call.output if len(call.output.shape) == len(query.shape) else query  # ONNX joins the heads of an output
    stack = whole.shape[:-2]  # that of a query for all of them, or of keys, may be smaller
    groups, keys, width = math.prod(stack), key.shape[-2], value.shape[-1]
    scores = Value(f"{call.output.name}:scores", (*stack, rows, keys))
    shares = Value(f"{call.output.name}:shares", scores.shape)
    name = call.module or "attention"

    def spread(of: Value) -> torch.Tensor:
        """A stack of matrices; heads that share a key or a value (grouped queries) read it each."""
        real = _real(of)
        if real.dim() > 2 and real.shape[-3] != stack[-1]:
            real = real.repeat_interleave(stack[-1] // real.shape[-3], -3)
        return real.expand(*stack, *real.shape[-2:]).reshape(groups, *real.shape[-2:])

    def probabilities() -> torch.Tensor:
        arguments = call.arguments
        sums = spread(query) @ spread(key).transpose(1, 2)
        scaled = sums * (arguments.get("scale") or reduction**-0.5)
        if arguments.get("is_causal"):
            scaled = scaled.masked_fill(torch.ones(rows, keys, dtype=torch.bool).triu(1), float("-inf"))
        if isinstance(mask, Value):
            bias = _real(mask).expand(*stack, rows, keys).reshape(groups, rows, keys)
            scaled = scaled.masked_fill(~bias, float("-inf")) if bias.dtype == torch.bool else scaled + bias
        shares_of_keys: torch.Tensor = scaled.softmax(-1).nan_to_num()
        return shares_of_keys

    items: list[Item] = [
        Gemm(
            GemmTrace(f"{name}.scores", M=rows, N=keys, K=reduction, groups=groups, kind="attention"),
            (query, key), scores,
            weight=lambda: spread(key).reshape(groups * keys, reduction),
            activation=lambda: spread(query).transpose(0, 1).reshape(rows, groups * reduction),
            of_activations=True,
        ),
        elementwise(f"{name}.scale", "scale", (scores,), scores),
    ]  # fmt: skip
    if isinstance(mask, Value) or call.arguments.get("is_causal"):
        constants = mask.elements if isinstance(mask, Value) and mask.constant else 0
        masked = (scores, mask) if isinstance(mask, Value) and not mask.constant else (scores,)
        op = "add" if len(masked) == 2 else "bias"
        items.append(elementwise(f"{name}.mask", op, masked, scores, parameters=constants))
    items.append(elementwise(f"{name}.softmax", "softmax", (scores,), shares, rows=groups * rows))
    items.append(
        Gemm(
            GemmTrace(f"{name}.context", M=rows, N=width, K=keys, groups=groups, kind="attention"),
            (shares, value), call.output,
            weight=lambda: spread(value).transpose(1, 2).reshape(groups * width, keys),
            activation=lambda: probabilities().transpose(0, 1).reshape(rows, groups * keys),
            of_activations=True,
        )
    )  # fmt: skip
    return items


def einsum(call: Call) -> list[Item] | None:
    """A product of two tensors by their axes' letters, as a stack of GEMMs. None for any other sum."""
    tensors = call.arguments["tensors"]
    equation = call.arguments["equation"].replace(" ", "")
    if len(tensors) != 2 or "->" not in equation or "." in equation:
        return None
    inputs, result = equation.split("->")
    axes = inputs.split(",")
    if any(len(set(part)) != len(part) for part in axes):
        return None
    size = dict(zip("".join(axes), (n for t in tensors for n in t.shape), strict=True))
    both = set(axes[0]) & set(axes[1])
    stack = [a for a in axes[0] if a in both and a in result]
    inner = [a for a in axes[0] if a in both and a not in result]
    outer = [[a for a in part if a not in both] for part in axes]
    if any(a not in result for part in outer for a in part) or not inner:
        return None
    left, right = (
        _arranged(t, part, [stack, rows, inner], size) for t, part, rows in zip(tensors, axes, outer, strict=True)
    )
    swapped = Value(right.name, (right.shape[0], right.shape[2], right.shape[1]), right.constant, right.parameter,
                    None if right.tensor is None else right.tensor.transpose(1, 2))  # fmt: skip
    shape = (left.shape[0], left.shape[1], right.shape[1])
    target = Call(call.op, call.module, {}, (Value(call.output.name, shape),), call.leaf, call.weighted)
    if right.constant and right.shape[0] == 1:
        weight = Value(
            right.name, right.shape[1:], True, right.parameter, None if right.tensor is None else right.tensor[0]
        )
        return [_by_constant(target, left, weight, transposed=False)]
    return [_stacked(target, left, swapped)]


def _arranged(value: Value, axes: str, order: list[list[str]], size: dict[str, int]) -> Value:
    """The tensor as (stack, rows, reduction), its axes brought into that order."""
    shape = tuple(math.prod(size[a] for a in part) for part in order)
    real = value.tensor
    if real is not None:
        real = real.permute([axes.index(a) for part in order for a in part]).reshape(shape)
    return Value(value.name, shape, value.constant, value.parameter, real)


def _real(value: Value) -> torch.Tensor:
    assert value.tensor is not None
    return value.tensor
