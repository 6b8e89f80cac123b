"""Zeros of a pruned network, held from here on: weights, biases of filters that are gone, and their batch norms."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import nn

from ..layers import Layer, layer
from .follow import flows
from .masks import hold_zeros
from .shrinking import dead_filters


@torch.no_grad()
def hold_pruned(model: nn.Module, names: Collection[str]) -> None:
    """Hold what is exactly 0 in these layers; one that is 0 altogether is left alone."""
    for name in names:
        module = layer(model, name)
        nonzero = module.weight != 0
        if bool(nonzero.any()) and not bool(nonzero.all()):
            hold_zeros(module, "weight", nonzero)


@torch.no_grad()
def hold_dead_filters(model: nn.Module, names: Collection[str], example_input: torch.Tensor | None) -> None:
    """Filters that an earlier pruning left without weights and bias keep no output: biases and norms stay 0 too."""
    for name in names:
        module = layer(model, name)
        if module.bias is not None and bool(dead_filters(module).any()):
            hold_zeros(module, "bias", ~dead_filters(module))
    if any(bool(dead_filters(layer(model, name)).any()) for name in names):
        silence_norms(model, example_input)


@torch.no_grad()
def silence_norms(model: nn.Module, example_input: torch.Tensor | None) -> None:
    """Batch norms must not bring a pruned filter's output back: their scale and shift become 0 there."""
    if example_input is None:
        return
    for flow in flows(model, example_input):
        dead = dead_filters(layer(model, flow.producer))
        for name in flow.norms if bool(dead.any()) else ():
            norm = model.get_submodule(name)
            for parameter in ("weight", "bias"):
                if getattr(norm, parameter) is not None:
                    hold_zeros(norm, parameter, ~dead)


@torch.no_grad()
def hold_removed_biases(module: Layer, keep: torch.Tensor) -> None:
    """The biases of filters of which nothing is kept by this mask become 0 for good."""
    nonzero = keep.flatten(1).any(dim=1)
    if module.bias is not None and not bool(nonzero.all()):
        hold_zeros(module, "bias", nonzero)
