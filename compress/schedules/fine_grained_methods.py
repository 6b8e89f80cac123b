"""Pruning of fine grain by name: ADMM towards blocks, N:M groups, and patterns of kernels."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from ..granularity.constraints import Projectable
from ..granularity.fine_grained import Blocks, FineGrained, PatternKernels
from ..granularity.targets import require_some
from ..layers import Weight, weights
from .admm import ADMMPruner


def simd_blocks(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    *,
    keep: int = 2,
    width: int = 8,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMPruner:
    """SIMD-aware pruning (001 §II-A, [47]): of every `width` weights in a GEMM row the `keep` largest stay."""
    return _pruner(model, Blocks(keep, width), _has_row_of(width), rho, steps_per_iteration, example_input)


def n_m(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    *,
    n: int = 2,
    m: int = 4,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMPruner:
    """N:M sparsity (Mishra et al. 2021, arXiv 2104.08378): of every `m` weights along K at most `n` stay."""
    return _pruner(model, Blocks(n, m), _has_row_of(m), rho, steps_per_iteration, example_input)


def pattern_kernel(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    *,
    keep: float = 0.5,
    entries: int = 4,
    patterns: int = 8,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMPruner:
    """Pattern and kernel pruning (001 §II-A, [48], [49]): of the conv layers' kernels the share `keep` stays, each with
    one of `patterns` sets of `entries` weights.
    """

    def has_kernels(layer: Weight) -> bool:
        return layer.kind == "conv" and math.prod(layer.shape[2:]) > entries

    chosen = PatternKernels(keep, entries, patterns)
    return _pruner(model, chosen, has_kernels, rho, steps_per_iteration, example_input)


def _has_row_of(width: int) -> Callable[[Weight], bool]:
    """Layers with at least a block of inputs."""
    return lambda layer: math.prod(layer.shape[1:]) >= width


def _pruner(
    model: nn.Module,
    constraint: FineGrained,
    fits: Callable[[Weight], bool],
    rho: float,
    steps_per_iteration: int,
    example_input: torch.Tensor | None,
) -> ADMMPruner:
    known = weights(model)
    chosen: dict[str, Projectable] = require_some(
        {name: constraint for name, layer in known.items() if fits(layer)}, known
    )
    return ADMMPruner(model, chosen, rho=rho, steps_per_iteration=steps_per_iteration, example_input=example_input)
