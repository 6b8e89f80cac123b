"""Units cut out of a model's parameters and buffers, and the layers' own words for their sizes."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from .network import Network
from .resizing import describe, narrow


@torch.no_grad()
def cut(model: nn.Module, network: Network, gone: np.ndarray) -> None:
    """Take these units, bool by root, out of every axis that they lie on, in place."""
    keeps: dict[str, list[tuple[int, torch.Tensor]]] = {}
    for (name, dim), units in network.axes.items():
        stays = ~gone[network.units.roots(units)]
        if not stays.all():
            keeps.setdefault(name, []).append((dim, torch.from_numpy(np.flatnonzero(stays))))
    smaller = {id(_tensor(model, name)): _cut(_tensor(model, name), axes) for name, axes in keeps.items()}
    if not smaller:
        return
    for module in list(model.modules()):
        _replace(module, smaller)
        describe(module)
    narrow(model)


def _tensor(model: nn.Module, name: str) -> torch.Tensor:
    owner, _, own = name.rpartition(".")
    tensor: torch.Tensor = getattr(model.get_submodule(owner), own)
    return tensor


def _cut(tensor: torch.Tensor, axes: list[tuple[int, torch.Tensor]]) -> torch.Tensor:
    result = tensor
    for dim, places in axes:
        result = result.index_select(dim, places.to(result.device))
    return nn.Parameter(result, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else result


def _replace(module: nn.Module, smaller: dict[int, torch.Tensor]) -> None:
    """Put the smaller tensors in the places of theirs; one that stands at several places stays one."""
    for own, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
        if id(tensor) in smaller:
            setattr(module, own, smaller[id(tensor)])
