"""Masks that spend nothing on weights that no path through the network reaches: layers are chosen for each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from ..granularity.constraints import Projectable
from ..layers import Weight
from ..layers import weights as weights_of
from .coupling import coupled, masks_of, still_chosen
from .network import Network
from .numbers import Tensors
from .shrinking import clear_silent, clear_unread

_ROUNDS = 100  # of taking out what is unreachable: 5 to 50 on LeNet-5 with random weights, by rate


@torch.no_grad()
def reachable_masks(
    model: nn.Module,
    constraints: Mapping[str, Projectable],
    weights: Mapping[str, torch.Tensor],
    network: Network | None = None,
) -> dict[str, torch.Tensor]:
    """bool in each weight's shape: what the constraints leave of `weights` if these stood in the model.

    Layer by layer that is `constraint.mask`. Under those masks some parts can make no difference: a filter that no
    layer reads any more, a column on a filter that is gone (001 §VI, "the channels that die with them"). They count as
    0, and the masks are chosen again, until everything under them is reachable. What was passed over is not tried
    again, so that now and then a part fewer remains than the constraints allow. Layers that write the same units and
    keep as many filters keep the same ones. Without the followed `network` every layer is on its own; where nothing
    reachable would be left of a layer, all stay as they were chosen first.
    """
    known = weights_of(model)
    left = {name: known[name].oriented(weight.detach()).clone() for name, weight in weights.items()}
    together = coupled(network, constraints) if network is not None else []
    alone = masks_of(constraints, left, together)
    masks = _masks_together(model, network, constraints, left, alone, together) if network is not None else alone
    return {name: known[name].restored(mask) for name, mask in masks.items()}


def _masks_together(
    model: nn.Module,
    network: Network,
    constraints: Mapping[str, Projectable],
    left: dict[str, torch.Tensor],
    alone: Mapping[str, torch.Tensor],
    together: Sequence[tuple[str, ...]],
) -> Mapping[str, torch.Tensor]:
    """The masks chosen again without what is unreachable; all tensors filters first, and `left` loses it."""
    masks = dict(alone)
    for _ in range(_ROUNDS):
        dead = _unreachable(model, network, constraints, {name: left[name] * mask for name, mask in masks.items()})
        if not dead:
            return masks
        for name, parts in dead.items():
            left[name].masked_fill_(parts, 0)
        again = {name for names in together if dead.keys() & set(names) for name in names} | dead.keys()
        changed = {name: left[name] for name in again}
        stay = still_chosen(constraints, changed, masks, together)
        masks |= masks_of(constraints, {n: w for n, w in changed.items() if n not in stay}, together) | stay
        if not all(bool(masks[name].any()) for name in dead):
            break
    return alone


def _unreachable(
    model: nn.Module, network: Network, constraints: Mapping[str, Projectable], weights: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """bool: what of these weights would make no difference if they stood in the model, of layers that hold any.

    What reads nothing goes before what nobody reads: a layer is chosen for those before it, not both for each other.
    """
    known = weights_of(model)
    trial = {name: _tensors(weight, weights.get(name)) for name, weight in known.items()}
    for name in weights:
        if constraints[name].removes_columns:
            _silence_removed(known[name], trial[name])
    for clear, parts_of in ((clear_silent, _columns), (clear_unread, _filters)):
        clear(model, trial, network)
        after = {name: known[name].oriented(trial[name].weight) for name in weights}
        gone = {
            name: _gone(weight, after[name], parts_of if constraints[name].removes_columns else _elements)
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


def _tensors(layer: Weight, weight: torch.Tensor | None) -> Tensors:
    """Copies of a layer's tensors, with another weight, filters first, where there is one."""
    bias = None if layer.bias is None else layer.bias.clone()
    return Tensors((layer.weight if weight is None else layer.restored(weight)).clone(), bias)


def _silence_removed(layer: Weight, tensors: Tensors) -> None:
    """Where whole filters go, so do their biases."""
    gone = ~layer.oriented(tensors.weight).flatten(1).any(dim=1)
    if tensors.bias is not None and len(tensors.bias) == len(gone):
        tensors.bias[gone] = 0
