"""Masks of layers that write the same units, such as the two sides of an addition: they keep the same filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from ..granularity.constraints import Filters, Projectable
from ..importance.magnitude import largest
from .network import Network


def coupled(network: Network, constraints: Mapping[str, Projectable]) -> list[tuple[str, ...]]:
    """Layers that are pruned to as many filters of the same units: one leaves the network with all of theirs alone."""
    together: dict[tuple[object, ...], list[str]] = {}
    for name, units in network.writers():
        constraint = constraints.get(name)
        if isinstance(constraint, Filters):
            members = together.setdefault((constraint.keep, *units.tolist()), [])
            members += [name] if name not in members else []
    return [tuple(names) for names in together.values() if len(names) > 1]


def masks_of(
    constraints: Mapping[str, Projectable],
    weights: Mapping[str, torch.Tensor],
    groups: Iterable[tuple[str, ...]],
) -> dict[str, torch.Tensor]:
    """bool in each weight's shape, filters first: each layer's own choice, that of coupled ones together.

    Those keep the filters whose squared norms, summed over the layers, are largest: the nearest point of the sets that
    share their filters (001 §IV-B Eq 3). What is 0 is never kept.
    """
    masks = {name: constraints[name].mask(weight) & (weight != 0) for name, weight in weights.items()}
    for names in groups:
        if not all(name in weights for name in names):
            continue
        energies = torch.stack([_energies(weights[name]) for name in names]).sum(dim=0)
        constraint = constraints[names[0]]
        assert isinstance(constraint, Filters)
        chosen = largest(energies, constraint.count(weights[names[0]].shape))
        for name in names:
            weight = weights[name]
            masks[name] = chosen.view(-1, *[1] * (weight.ndim - 1)) & (weight != 0)
    return masks


def still_chosen(
    constraints: Mapping[str, Projectable],
    weights: Mapping[str, torch.Tensor],
    masks: Mapping[str, torch.Tensor],
    groups: Iterable[tuple[str, ...]],
) -> dict[str, torch.Tensor]:
    """The masks of layers pruned to filters of which none has died: those filters stay, without the rest that has.

    A filter that loses some of its inputs is not given up for another: its readers have settled on it.
    """
    partners = {name: names for names in groups for name in names}
    result = {}
    for name, weight in weights.items():
        names = partners.get(name, (name,))
        if isinstance(constraints[name], Filters) and all(other in weights for other in names):
            alive = torch.stack([_energies(weights[other] * masks[other]) > 0 for other in names]).any(dim=0)
            chosen = torch.stack([masks[other].flatten(1).any(dim=1) for other in names]).any(dim=0)
            if bool(alive[chosen].all()):
                result[name] = masks[name] & (weight != 0)
    return result


def _energies(weight: torch.Tensor) -> torch.Tensor:
    return weight.detach().flatten(1).square().sum(dim=1)
