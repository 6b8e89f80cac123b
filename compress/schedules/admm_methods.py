"""ADMM pruning by name: which layers and how much, where the user names nothing but the method."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from ..granularity.constraints import Channels, Columns, Combined, Filters, Projectable, Unstructured
from ..granularity.targets import Keep, require_some, targets
from ..layers import Weight, weights
from .admm import ADMMPruner


def admm(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    *,
    keep: Keep = 0.2,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMPruner:
    """Non-structured ADMM pruning (001 §IV-A, §IV-B Eq 1-3).

    `keep` is the share of each layer's weights that stays, or a mapping of the layers that take part to theirs.
    """
    return _pruner(model, targets(model, Unstructured, keep), rho, steps_per_iteration, example_input)


def admm_filter(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    *,
    keep: Keep = 0.5,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMPruner:
    """ADMM filter pruning (001 §IV-A, §IV-B Eq 3): whole rows of the GEMM weight.

    `keep` is the share of the filters of every layer but the last, or a mapping of layers to theirs.
    """
    last = [name for name, layer in weights(model).items() if _has_filters(layer)][-1:]
    chosen = targets(model, Filters, keep, lambda layer: layer.name not in last and _has_filters(layer))
    return _pruner(model, chosen, rho, steps_per_iteration, example_input)


def admm_channel(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    *,
    keep: Keep = 0.5,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMPruner:
    """ADMM channel pruning (001 §IV-A).

    `keep` is the share of each conv layer's input channels, where it has several, or a mapping of layers to theirs.
    """
    chosen = targets(model, Channels, keep, lambda layer: _is_conv(layer) and layer.shape[1] > 1)
    return _pruner(model, chosen, rho, steps_per_iteration, example_input)


def admm_column(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    *,
    keep: Keep = 0.5,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMPruner:
    """ADMM filter-shape pruning (001 §IV-A): whole columns of the GEMM weight.

    `keep` is the share of each conv layer's columns, or a mapping of layers to theirs.
    """
    return _pruner(model, targets(model, Columns, keep, _has_columns), rho, steps_per_iteration, example_input)


def admm_combined(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    *,
    columns: float = 0.5,
    filters: float = 0.5,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMPruner:
    """Columns and filters of each conv layer, and with them their dead channels (001 §IV-A, §VI Fig 8)."""
    known = weights(model)
    chosen: dict[str, Projectable] = {
        name: Combined(Columns(columns), Filters(filters)) for name, layer in known.items() if _has_columns(layer)
    }
    return _pruner(model, require_some(chosen, known), rho, steps_per_iteration, example_input)


def _is_conv(layer: Weight) -> bool:
    return layer.kind in ("conv", "transposed")


def _has_filters(layer: Weight) -> bool:
    """Whole filters are a conv or linear layer's; those of a depthwise convolution go with its inputs."""
    depthwise = layer.groups > 1 and layer.shape[1] == 1
    return (_is_conv(layer) or layer.kind == "linear") and layer.shape[0] > 1 and not depthwise


def _has_columns(layer: Weight) -> bool:
    filters, *inputs = layer.shape
    return _is_conv(layer) and layer.groups == 1 and math.prod(inputs) > 1 and filters > 1


def _pruner(
    model: nn.Module,
    constraints: Mapping[str, Projectable],
    rho: float,
    steps_per_iteration: int,
    example_input: torch.Tensor | None,
) -> ADMMPruner:
    return ADMMPruner(model, constraints, rho=rho, steps_per_iteration=steps_per_iteration, example_input=example_input)
