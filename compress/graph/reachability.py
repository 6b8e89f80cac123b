"""Masks that spend nothing on weights that no path through the network reaches: layers are chosen for each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from ..granularity.constraints import Projectable
from ..layers import Layer, weighted_layers
from .follow import Flow
from .shrinking import Tensors, clear_silent, clear_unread

_ROUNDS = 100  # of taking out what is unreachable: 5 to 50 on LeNet-5 with random weights, by rate


@torch.no_grad()
def reachable_masks(
    model: nn.Module,
    constraints: Mapping[str, Projectable],
    weights: Mapping[str, torch.Tensor],
    flows: Sequence[Flow] = (),
) -> dict[str, torch.Tensor]:
    """bool in each weight's shape: what the constraints leave of `weights` if these stood in the model.

    Layer by layer that is `constraint.mask`. Under those masks some parts can make no difference: a filter that no
    layer reads any more, a column on a filter that is gone (001 §VI, "the channels that die with them"). They count as
    0, and the masks are chosen again, until everything under them is reachable. What was passed over is not tried
    again, so that now and then a part fewer remains than the constraints allow. `flows` are the network's flows; every
    layer is on its own without them, and where nothing reachable would be left of a layer.
    """
    left = {name: weight.detach().clone() for name, weight in weights.items()}
    alone = {name: _mask(constraints[name], weight) for name, weight in left.items()}
    masks = dict(alone)
    for _ in range(_ROUNDS):
        dead = _unreachable(model, flows, constraints, {name: left[name] * mask for name, mask in masks.items()})
        if not dead:
            return masks
        for name, parts in dead.items():
            left[name].masked_fill_(parts, 0)
            masks[name] = _mask(constraints[name], left[name])
        if not all(bool(masks[name].any()) for name in dead):
            break
    return alone


def _unreachable(
    model: nn.Module, flows: Sequence[Flow], constraints: Mapping[str, Projectable], weights: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """bool: what of these weights would make no difference if they stood in the model, of layers that hold any.

    What reads nothing goes before what nobody reads: a layer is chosen for those before it, not both for each other.
    """
    trial = {name: _tensors(module, weights.get(name)) for name, module in weighted_layers(model).items()}
    for name in weights:
        if constraints[name].removes_columns:
            _silence_removed(trial[name])
    for clear, parts_of in ((clear_silent, _columns), (clear_unread, _filters)):
        clear(model, trial, flows)
        gone = {
            name: _gone(weight, trial[name].weight, parts_of if constraints[name].removes_columns else _elements)
            for name, weight in weights.items()
        }
        dead = {name: parts for name, parts in gone.items() if bool(parts.any())}
        if dead:
            return dead
    return {}


def _gone(before: torch.Tensor, after: torch.Tensor, parts_of: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """bool: the parts of which something was there before, and nothing is after."""
    return (parts_of(before) & ~parts_of(after)).expand(before.shape)


def _elements(weight: torch.Tensor) -> torch.Tensor:
    return weight != 0


def _columns(weight: torch.Tensor) -> torch.Tensor:
    return weight.any(dim=0, keepdim=True)


def _filters(weight: torch.Tensor) -> torch.Tensor:
    return weight.flatten(1).any(dim=1).view(-1, *[1] * (weight.ndim - 1))


def _tensors(module: Layer, weight: torch.Tensor | None) -> Tensors:
    """Copies of a layer's tensors, with another weight where there is one."""
    bias = None if module.bias is None else module.bias.clone()
    return Tensors((module.weight if weight is None else weight).clone(), bias)


def _silence_removed(layer: Tensors) -> None:
    """Where whole filters go, so do their biases."""
    if layer.bias is not None:
        layer.bias[~layer.weight.flatten(1).any(dim=1)] = 0


def _mask(constraint: Projectable, weight: torch.Tensor) -> torch.Tensor:
    """A layer's own choice; what is 0 is never kept."""
    return constraint.mask(weight) & (weight != 0)
