"""A plain training loop around any method, as one would write it by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sized
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from accelsim.errors import CompressionError

from ..base import Batch, Compressor
from ..turns import TURNS
from .snapshot import Snapshot

Criterion = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
EpochDone = Callable[[int, float], None]  # (epochs done, mean loss of the last one)


def fit(
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    epochs: int,
    method: Compressor | None = None,
    learning_rate: float = 2e-3,
    final_rate: float = 0.01,
    criterion: Criterion = functional.cross_entropy,
    on_epoch: EpochDone | None = None,
) -> list[float]:
    """Train by Adam for `epochs` walks over `batches` and return the mean loss of each.

    The learning rate falls by a cosine from `learning_rate` to `final_rate` times that. With a `method` its penalty
    joins the loss and its hooks are called as `Compressor` says; `harden` and `finalize` stay with the caller. The
    optimizer is new in each call. Batches are moved to where the model's parameters are. Raises CompressionError, with
    the step, where the loss or a weight is no longer finite; the model is then what it was after its last good epoch.

    >>> model = nn.Linear(2, 2)
    >>> batches = [(torch.eye(2), torch.tensor([0, 1]))] * 50
    >>> losses = fit(model, batches, epochs=3, learning_rate=0.1)
    >>> losses[-1] < losses[0]
    True
    """
    device = next(model.parameters()).device
    optimizer: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    if method is not None:
        optimizer = method.wrap_optimizer(optimizer)
    model.train()
    losses: list[float] = []
    total = epochs * (len(batches) if isinstance(batches, Sized) else 1)
    step, good = 0, Snapshot(model)
    for epoch in range(epochs):
        seen: list[float] = []
        try:
            for inputs, targets in batches:
                _set_rate(optimizer, learning_rate, final_rate, min(1.0, step / max(total - 1, 1)))
                step += 1
                seen.append(_step(model, optimizer, method, criterion, inputs.to(device), targets.to(device)))
                _require(math.isfinite(seen[-1]), f"the loss is {seen[-1]} at step {step}", learning_rate)
            now = Snapshot(model)
            _require(now.finite, f"a weight is NaN or infinite at step {step}", learning_rate)
        except CompressionError:
            good.restore()
            raise
        good = now
        losses.append(sum(seen) / max(len(seen), 1))
        if on_epoch is not None:
            on_epoch(epoch + 1, losses[-1])
    return losses


def _require(good: bool, what: str, learning_rate: float) -> None:
    if not good:
        raise CompressionError(f"{what}; lower the learning rate ({learning_rate})")


def _set_rate(optimizer: torch.optim.Optimizer, first: float, final: float, done: float) -> None:
    share = final + (1 - final) * (1 + math.cos(math.pi * done)) / 2
    for group in optimizer.param_groups:
        group["lr"] = first * share


def _step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    method: Compressor | None,
    criterion: Criterion,
    inputs: torch.Tensor,
    targets: torch.Tensor,
) -> float:
    """One batch through the contract's loop; the loss without gradients."""

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        if method is not None:
            loss = loss + method.penalty()
        torch.autograd.backward(loss, create_graph=method is not None and method.second_order)
        return loss

    with TURNS.step():
        loss: Any = optimizer.step(closure)  # type: ignore[arg-type]  # torch types the closure as returning a float
    if method is not None:
        method.step()
    return float(loss.detach())
