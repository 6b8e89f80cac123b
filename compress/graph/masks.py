"""Masks as parametrizations: masked values are exactly 0 in every forward pass and get no gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize


class Mask(nn.Module):
    """Multiplies a tensor by 0 and 1. The mask is a buffer, so that it moves and saves with the model.

    It has the tensor's dtype: torch multiplies floats by booleans five times slower.
    """

    keep: torch.Tensor

    def __init__(self, keep: torch.Tensor, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.register_buffer("keep", keep.to(dtype, copy=True))

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor where `keep` is 1, else 0."""
        return tensor * self.keep


def hold_zeros(module: nn.Module, name: str, keep: torch.Tensor) -> None:
    """Hold `module.<name>` at 0 wherever `keep` is False, in addition to any mask that it already has."""
    if masks := _masks(module, name):
        masks[0].keep.mul_(keep)
    else:
        parametrize.register_parametrization(module, name, Mask(keep, getattr(module, name).dtype))


def original(module: nn.Module, name: str) -> torch.Tensor:
    """The parameter that an optimizer moves: `module.<name>`, or what stands behind its parametrizations."""
    holder: Any = module
    masked = parametrize.is_parametrized(module, name)
    parameter: torch.Tensor = holder.parametrizations[name].original if masked else getattr(holder, name)
    return parameter


def _masks(module: nn.Module, name: str) -> list[Mask]:
    if not parametrize.is_parametrized(module, name):
        return []
    chain = module.parametrizations[name]  # type: ignore[index]  # a ModuleDict; torch types it as Tensor
    return [m for m in chain if isinstance(m, Mask)]


def release(model: nn.Module) -> None:
    """Write the masked values into plain parameters and drop every mask: the original state_dict keys return."""
    for module in model.modules():
        for name in list(getattr(module, "parametrizations", {})):
            if _masks(module, name):
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)
