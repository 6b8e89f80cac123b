"""Masks as parametrizations: masked values are exactly 0 in every forward pass and get no gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from ..layers import Weight
from ..plain import refresh, remove_parametrizations, weight_hooks


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
        refresh(module)


def hold_weight_zeros(weight: Weight, keep: torch.Tensor) -> None:
    """Hold a weight at 0 wherever `keep`, in its parameter's shape, is False."""
    hold_zeros(weight.module, weight.parameter, keep)


def hold_bias_zeros(weight: Weight, keep: torch.Tensor) -> None:
    """Hold the bias of a weight's outputs at 0 wherever `keep` is False."""
    assert weight.bias_parameter is not None
    hold_zeros(weight.module, weight.bias_parameter, keep)


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


def plain_names(model: nn.Module) -> set[str]:
    """The names of all parameters and buffers as they are once the masks are released."""
    names = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    names |= {name for name, _ in model.named_buffers(remove_duplicate=False)}
    for owner, module in model.named_modules():
        for own, rules in getattr(module, "parametrizations", {}).items():
            if all(isinstance(rule, Mask) for rule in rules):
                names.add(f"{owner}.{own}".removeprefix("."))
    return names


def release(model: nn.Module) -> None:
    """Write the masked values into plain parameters and drop every mask: the original state_dict keys return."""
    for module in model.modules():
        for name in list(getattr(module, "parametrizations", {})):
            if _masks(module, name):
                remove_parametrizations(module, name)


def masked_layers(model: nn.Module) -> frozenset[str]:
    """The modules, by name, under masks of `torch.nn.utils.prune` or of a pruner that is still at work."""
    return frozenset(name for name, module in model.named_modules() if _is_masked(module))


def _is_masked(module: nn.Module) -> bool:
    if any(isinstance(hook, prune.BasePruningMethod) for hook, _ in weight_hooks(module)):
        return True
    return any(_masks(module, name) for name in getattr(module, "parametrizations", {}))
