"""ADMM-NN-S weight pruning: regularize towards a constraint set, then map, mask and retrain (001 §IV)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from accelsim.errors import CompressionError
from compress.base import Compressor
from compress.constraints import Projectable
from compress.graph import flows
from compress.layers import layer, require_finite, require_layers
from compress.masks import hold_zeros, release
from compress.shrinking import dead_filters


class ADMMPruner(Compressor):
    """Prunes each named layer to its constraint by ADMM (001 §IV-B Eq 1-3, §IV-C multi-ρ).

    The loss gains Σ ρ/2·‖W − Z + U‖² (Eq 2), which any optimizer minimizes over W. Once in `steps_per_iteration`
    steps, Z becomes the Euclidean projection of W + U on the constraint (Eq 3) and U grows by W − Z; ρ is multiplied by
    `rho_growth` in each of the first `iterations` iterations (multi-ρ; U, which is scaled by 1/ρ, is divided by it).
    `harden()` projects W and holds the zeros by masks. Weights that are exactly 0 at the start, as a first round
    leaves them, stay 0: that is progressive pruning (§IV-C), a second pruner on the same model.

    Raises UnknownNameError for a layer that is not there and CompressionError for an impossible setting.
    """

    def __init__(
        self,
        model: nn.Module,
        constraints: Mapping[str, Projectable],
        *,
        rho: float = 1.5e-3,
        rho_growth: float = 1.3,
        iterations: int = 10,
        steps_per_iteration: int = 100,
        example_input: torch.Tensor | None = None,
    ) -> None:
        super().__init__(model, example_input)
        _check_settings(model, constraints, rho, rho_growth, iterations, steps_per_iteration)
        self.constraints = dict(constraints)
        self.rho, self.rho_growth = rho, rho_growth
        self.iterations, self.steps_per_iteration = iterations, steps_per_iteration
        self.steps, self.hardened = 0, False
        self.columns_removed = any(c.removes_columns for c in self.constraints.values())
        self._hold_what_is_zero()
        weights = {name: layer(model, name).weight.detach() for name in self.constraints}
        self.auxiliary = {name: self.constraints[name].project(w) for name, w in weights.items()}  # Z
        self.dual = {name: torch.zeros_like(w) for name, w in weights.items()}  # U, scaled by 1/ρ

    def _hold_what_is_zero(self) -> None:
        for name in self.constraints:
            module = layer(self.model, name)
            alive = module.weight.detach() != 0
            if bool(alive.any()) and not bool(alive.all()):  # a layer that starts at 0 altogether is not pruned
                hold_zeros(module, "weight", alive)

    def penalty(self) -> torch.Tensor:
        """Σ ρ/2·‖W − Z + U‖² over the pruned layers (001 §IV-B Eq 2); 0 once hardened."""
        total = super().penalty()
        if self.hardened:
            return total
        for name in self.constraints:
            gap = layer(self.model, name).weight - self.auxiliary[name] + self.dual[name]
            total = total + gap.square().sum()
        return total * (self.rho / 2)

    def step(self) -> None:
        """Count an optimizer step; at the end of an ADMM iteration update Z, U and ρ.

        Raises CompressionError, with the step, where a pruned layer's weights are no longer finite.
        """
        self.steps += 1
        if self.hardened or self.steps % self.steps_per_iteration:
            return
        require_finite(self.model, self.constraints, f"after step {self.steps}")
        for name in self.constraints:
            self._iterate(name)
        if self.steps // self.steps_per_iteration <= self.iterations:
            self.rho *= self.rho_growth
            for dual in self.dual.values():
                dual /= self.rho_growth

    @torch.no_grad()
    def _iterate(self, name: str) -> None:
        """Z = projection of W + U, U = U + W − Z (001 §IV-B Eq 2-3)."""
        shifted = layer(self.model, name).weight + self.dual[name]
        self.auxiliary[name] = self.constraints[name].project(shifted)
        self.dual[name] = shifted - self.auxiliary[name]

    @torch.no_grad()
    def harden(self) -> None:
        """Project the weights on their constraints and hold the zeros by masks, biases of whole filters included."""
        require_finite(self.model, self.constraints, f"after step {self.steps}")
        for name, constraint in self.constraints.items():
            module = layer(self.model, name)
            keep = constraint.mask(module.weight) & (module.weight != 0)
            hold_zeros(module, "weight", keep)
            alive = keep.flatten(1).any(dim=1)
            if module.bias is not None and self.columns_removed and not bool(alive.all()):
                hold_zeros(module, "bias", alive)
        if self.columns_removed:
            self._silence_norms()
        self.hardened = True

    def _silence_norms(self) -> None:
        """Batch norms must not bring a pruned filter's output back: their scale and shift become 0 there."""
        if self.example_input is None:
            return
        for flow in flows(self.model, self.example_input):
            dead = dead_filters(layer(self.model, flow.producer))
            for name in flow.norms if bool(dead.any()) else ():
                norm = self.model.get_submodule(name)
                for parameter in ("weight", "bias"):
                    if getattr(norm, parameter) is not None:
                        hold_zeros(norm, parameter, ~dead)

    def finalize(self) -> nn.Module:
        """The model with plain weights, the pruned ones exactly 0, and its original state_dict keys."""
        if not self.hardened:
            self.harden()
        release(self.model)
        return self.model


def _check_settings(
    model: nn.Module,
    constraints: Mapping[str, Projectable],
    rho: float,
    rho_growth: float,
    iterations: int,
    steps_per_iteration: int,
) -> None:
    if not constraints:
        raise CompressionError("ADMMPruner has no layer to prune; name one with its constraint")
    require_layers(model, constraints)
    for name, constraint in constraints.items():
        constraint.check(layer(model, name).weight.shape, f"layer {name!r}")
    if not (math.isfinite(rho) and rho > 0):
        raise CompressionError(f"rho is {rho}; expected a finite number above 0")
    if not (math.isfinite(rho_growth) and rho_growth >= 1):
        raise CompressionError(f"rho_growth is {rho_growth}; expected a finite number of at least 1")
    for what, value in (("iterations", iterations), ("steps_per_iteration", steps_per_iteration)):
        if value < 1:
            raise CompressionError(f"{what} is {value}; expected at least 1")
