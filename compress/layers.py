"""The layers of a model that hold weights: find them by name, name the nearest where one is unknown."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.utils import parametrize

from accelsim.errors import CompressionError, unknown_name

Layer = nn.Conv2d | nn.Linear
CHANCE_ZEROS = 1e-3  # share of exact zeros that seeded and trained real weights stay far below


def weighted_layers(model: nn.Module) -> dict[str, Layer]:
    """The conv and linear layers by their names in the model, in the model's order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Layer)}


def layer(model: nn.Module, name: str) -> Layer:
    """The conv or linear layer of this name; UnknownNameError with the nearest right name where there is none."""
    known = weighted_layers(model)
    if name not in known:
        raise unknown_name("layer", name, known)
    return known[name]


def require_layers(model: nn.Module, names: Iterable[str]) -> None:
    """UnknownNameError for the first of `names` that is no conv or linear layer of the model."""
    for name in names:
        layer(model, name)


def weight_shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """The weight's shape of each conv and linear layer, by name."""
    return {name: tuple(module.weight.shape) for name, module in weighted_layers(model).items()}


def holds_zeros(weight: torch.Tensor) -> bool:
    """Whether real weights hold exact zeros that somebody put there; a layer of zeros alone is untrained.

    >>> holds_zeros(torch.tensor([0.5, 0.0])), holds_zeros(torch.tensor([0.5, -0.1])), holds_zeros(torch.zeros(2))
    (True, False, False)
    """
    nonzero = int(weight.detach().count_nonzero())
    return nonzero > 0 and weight.numel() - nonzero > CHANCE_ZEROS * weight.numel()


def layers_with_zeros(model: nn.Module) -> frozenset[str]:
    """The conv and linear layers whose weights hold such zeros, by name."""
    return frozenset(name for name, module in weighted_layers(model).items() if holds_zeros(module.weight))


def require_finite(model: nn.Module, names: Iterable[str], when: str) -> None:
    """CompressionError where a weight of these layers is NaN or infinite; `when` says at which step."""
    for name in names:
        if not bool(torch.isfinite(layer(model, name).weight).all()):
            raise CompressionError(
                f"layer {name!r} holds NaN or infinite weights {when}; lower the learning rate or rho"
            )


@torch.no_grad()
def make_plain(model: nn.Module, names: Iterable[str]) -> None:
    """Put the value that each layer's parametrized weight has now in its place, as a plain parameter."""
    for name in names:
        if parametrize.is_parametrized(layer(model, name), "weight"):
            parametrize.remove_parametrizations(layer(model, name), "weight", leave_parametrized=True)
