"""Zeros of a pruned network, held from here on: weights, biases of filters that are gone, and their batch norms."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import nn

from ..layers import Weight, weights
from .effects import Norm
from .follow import follow
from .masks import hold_bias_zeros, hold_weight_zeros, hold_zeros
from .network import Network
from .numbers import Numbers, dead_filters


@torch.no_grad()
def hold_pruned(model: nn.Module, names: Collection[str]) -> None:
    """Hold what is exactly 0 in these weights; one that is 0 altogether is left alone."""
    known = weights(model)
    for name in names:
        nonzero = known[name].weight != 0
        if bool(nonzero.any()) and not bool(nonzero.all()):
            hold_weight_zeros(known[name], nonzero)


@torch.no_grad()
def hold_dead_filters(model: nn.Module, names: Collection[str], example_input: Any) -> None:
    """Filters that an earlier pruning left without weights and bias keep no output: biases and norms stay 0 too.

    Without an example the norms are not known, nor are they where the network cannot be followed (CompressionError).
    """
    known, dead = weights(model), {}
    for name in names:
        if known[name].kind not in ("embedding", "recurrent"):
            dead[name] = dead_filters(known[name])
            if known[name].bias is not None and bool(dead[name].any()):
                hold_bias_zeros(known[name], ~dead[name])
    if example_input is not None and any(bool(filters.any()) for filters in dead.values()):
        silence_norms(model, follow(model, example_input))


@torch.no_grad()
def silence_norms(model: nn.Module, network: Network | None) -> None:
    """Batch norms must not bring a pruned filter's output back: their scale and shift become 0 there."""
    if network is None:
        return
    zero = network.zeros(Numbers(model, norms_silent=True))
    for effect in network.effects:
        if isinstance(effect, Norm) and effect.norm is not None and zero[effect.inputs].any():
            norm = model.get_submodule(effect.norm)
            keep = torch.from_numpy(~zero[effect.inputs])
            for parameter in ("weight", "bias"):
                tensor = getattr(norm, parameter)
                if tensor is not None:
                    hold_zeros(norm, parameter, keep.to(tensor.device))


@torch.no_grad()
def hold_removed_biases(weight: Weight, keep: torch.Tensor) -> None:
    """The biases of filters of which nothing is kept by this mask become 0 for good."""
    nonzero = weight.oriented(keep).flatten(1).any(dim=1)
    if weight.bias is not None and len(weight.bias) == len(nonzero) and not bool(nonzero.all()):
        hold_bias_zeros(weight, nonzero)
