"""Straight-through estimators: a value replaced in the forward pass, a gradient as if it had not been."""

from __future__ import annotations

from typing import Any

import torch


class _Replaced(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return values.clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grads[0], None


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(tensor)
        return torch.where(tensor > 0, 1.0, -1.0).to(tensor.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        (tensor,) = ctx.saved_tensors
        passed: torch.Tensor = grads[0] * (tensor.abs() <= 1)
        return passed


def straight_through(tensor: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """`values` exactly, whose whole gradient goes to `tensor` (003 §4.2.5)."""
    result: torch.Tensor = _Replaced.apply(tensor, values)  # type: ignore[no-untyped-call]  # torch leaves it so
    return result


def binary_sign(tensor: torch.Tensor) -> torch.Tensor:
    """+1 where x > 0, else −1; backward ∂/∂x = ∂/∂sign · 1{|x| <= 1} (003 §4.2.5 Eq 28).

    0 is −1, so that the zeros of a ReLU stay apart from what it lets through.
    """
    result: torch.Tensor = _Sign.apply(tensor)  # type: ignore[no-untyped-call]  # torch leaves it so
    return result
