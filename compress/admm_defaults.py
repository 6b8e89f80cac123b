"""ADMM pruning by name: which layers and how much, where the user names nothing but the method."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from accelsim.errors import CompressionError
from compress.admm import ADMMPruner
from compress.constraints import Channels, Columns, Combined, Filters, Projectable, Unstructured
from compress.layers import Layer, weighted_layers

Choice = Callable[[Layer], Projectable | None]  # a layer's constraint, None to leave it alone


def admm(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    keep: float = 0.2,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMPruner:
    """Non-structured ADMM pruning of every layer to the share `keep` of its weights (001 §IV-A, §IV-B Eq 1-3)."""
    return _pruner(model, example_input, lambda layer: Unstructured(keep), rho, steps_per_iteration)


def admm_filter(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    keep: float = 0.5,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMPruner:
    """ADMM filter pruning: the share `keep` of the filters of every layer but the last (001 §IV-A, §IV-B Eq 3)."""
    last = list(weighted_layers(model).values())[-1:]
    return _pruner(
        model,
        example_input,
        lambda layer: None if layer in last or len(layer.weight) < 2 else Filters(keep),
        rho,
        steps_per_iteration,
    )


def admm_channel(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    keep: float = 0.5,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMPruner:
    """ADMM channel pruning: the share `keep` of each conv layer's input channels, where it has several (001 §IV-A)."""
    return _pruner(
        model,
        example_input,
        lambda layer: Channels(keep) if layer.weight.ndim == 4 and layer.weight.shape[1] > 1 else None,
        rho,
        steps_per_iteration,
    )


def admm_column(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    keep: float = 0.5,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMPruner:
    """ADMM filter-shape pruning: the share `keep` of each conv layer's GEMM columns (001 §IV-A)."""
    return _pruner(
        model, example_input, lambda layer: Columns(keep) if _has_columns(layer) else None, rho, steps_per_iteration
    )


def admm_combined(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    columns: float = 0.5,
    filters: float = 0.5,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMPruner:
    """Columns and filters of each conv layer, and with them their dead channels (001 §IV-A, §VI Fig 8)."""

    def choose(layer: Layer) -> Projectable | None:
        return Combined(Columns(columns), Filters(filters)) if _has_columns(layer) else None

    return _pruner(model, example_input, choose, rho, steps_per_iteration)


def _has_columns(layer: Layer) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.weight[0].numel() > 1 and len(layer.weight) > 1


def _pruner(
    model: nn.Module, example_input: torch.Tensor | None, choose: Choice, rho: float, steps_per_iteration: int
) -> ADMMPruner:
    chosen = {name: choose(layer) for name, layer in weighted_layers(model).items()}
    constraints = {name: constraint for name, constraint in chosen.items() if constraint is not None}
    if not constraints:
        raise CompressionError(
            f"the model has no layer that this method can prune; it has {', '.join(chosen) or 'none'}"
        )
    return ADMMPruner(model, constraints, rho=rho, steps_per_iteration=steps_per_iteration, example_input=example_input)
