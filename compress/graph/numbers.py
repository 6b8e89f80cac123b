"""The numbers of a model that decide what is 0 and what is read: its own, or others in the weights' place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..layers import Weight, weights

BatchNorm = nn.modules.batchnorm._BatchNorm


@dataclass
class Tensors:
    """A weight and its bias, the layer's own or others in their place."""

    weight: torch.Tensor
    bias: torch.Tensor | None


class Numbers:
    """What is not 0 in each weight, bias and norm of a model.

    `replaced` are weights in the place of the model's own, by name. Where `norms_silent`, a batch norm leaves 0 as it
    is, whatever its shift: as it will be once the pruned channels' norms are 0.
    """

    def __init__(
        self, model: nn.Module, replaced: Mapping[str, Tensors] | None = None, norms_silent: bool = False
    ) -> None:
        self.model, self.replaced, self.norms_silent = model, replaced or {}, norms_silent
        self.weights = weights(model)
        self._used: dict[str, np.ndarray] = {}

    def tensors(self, name: str) -> Tensors | Weight:
        """The weight and bias of this name."""
        return self.replaced.get(name) or self.weights[name]

    @torch.no_grad()
    def used(self, name: str) -> np.ndarray:
        """bool (N, C/groups): the filter has a weight on the input."""
        if name not in self._used:
            weight = self.weights[name].oriented(self.tensors(name).weight.detach())
            self._used[name] = _numpy(weight.flatten(2).any(dim=2) if weight.ndim > 2 else weight != 0)
        return self._used[name]

    def forget(self, name: str) -> None:
        """Look at a weight again: it has changed."""
        self._used.pop(name, None)

    @torch.no_grad()
    def shifted(self, name: str, count: int) -> np.ndarray:
        """bool (N,): the filter has a bias that is not 0."""
        bias = self.tensors(name).bias
        return np.zeros(count, dtype=bool) if bias is None else _numpy(bias.detach() != 0)

    @torch.no_grad()
    def keeps_zero(self, norm: str, count: int) -> np.ndarray:
        """bool (C,): the batch norm of this name makes 0 of 0 in inference."""
        if self.norms_silent:
            return np.ones(count, dtype=bool)
        return _numpy(image_of_zero(self.model.get_submodule(norm), count) == 0)

    @torch.no_grad()
    def parameter(self, name: str) -> torch.Tensor:
        """A parameter or buffer by its name in the model."""
        owner, _, own = name.rpartition(".")
        tensor: torch.Tensor = getattr(self.model.get_submodule(owner), own)
        return tensor.detach()


@torch.no_grad()
def image_of_zero(norm: nn.Module, count: int) -> torch.Tensor:
    """What a batch norm makes of 0 in inference: bias − mean · weight / √(variance + ε), by channel; NaN if unknown."""
    assert isinstance(norm, BatchNorm)
    if norm.running_mean is None or norm.running_var is None:
        return torch.full((count,), torch.nan)
    scale = (norm.running_var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
    return (0 if norm.bias is None else norm.bias) - norm.running_mean * scale


@torch.no_grad()
def dead_filters(module: nn.Module | Weight | Tensors) -> torch.Tensor:
    """bool (N,): the filter's weights and its bias are all 0."""
    weight: torch.Tensor = module.weight  # type: ignore[assignment]  # a module's may be anything, a layer's is one
    if isinstance(module, Weight):
        weight = module.oriented(weight)
    dead = ~weight.flatten(1).any(dim=1)
    return dead if module.bias is None else dead & (module.bias == 0)


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
