"""ADMM's three steps on the weights of a model, for any set that a weight can be projected on (001 §IV-B)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import nn

from accelsim.errors import CompressionError
from accelsim.validation import is_number, is_whole

from ..layers import layer, require_finite


class Projection(Protocol):
    """A constraint set."""

    def project(self, weight: torch.Tensor) -> torch.Tensor:
        """The nearest point of the set, by Euclidean distance."""


Project = Callable[[Mapping[str, torch.Tensor]], dict[str, torch.Tensor]]


class AdmmRegularizer:
    """W, Z and U of Eq 1-3 (001 §IV-B), with multi-ρ (§IV-C).

    The W-step is the user's optimizer on a loss that gains `penalty()` = Σ ρ/2·‖W − Z + U‖² (Eq 2). Once in
    `steps_per_iteration` calls of `step()` Z becomes the projection of W + U (Eq 3) and U grows by W − Z. In each of
    the first `iterations` iterations ρ is multiplied by `rho_growth`; U, which is scaled by 1/ρ, is divided by it.

    `project` takes the layers together where they are chosen for each other; without it each is projected on its own
    set. Raises CompressionError for an impossible setting.
    """

    def __init__(
        self,
        model: nn.Module,
        sets: Mapping[str, Projection],
        *,
        rho: float = 1.5e-3,
        rho_growth: float = 1.3,
        iterations: int = 10,
        steps_per_iteration: int = 100,
        project: Project | None = None,
    ) -> None:
        _check_settings(rho, rho_growth, iterations, steps_per_iteration)
        self.model, self.sets = model, dict(sets)
        self.layers = {name: layer(model, name) for name in sets}
        self.rho, self.rho_growth = rho, rho_growth
        self.iterations, self.steps_per_iteration, self.steps = iterations, steps_per_iteration, 0
        self.project = project or self._project_alone
        weights = {name: module.weight.detach() for name, module in self.layers.items()}
        self.auxiliary = self.project(weights)  # Z
        self.dual = {name: torch.zeros_like(w) for name, w in weights.items()}  # U, scaled by 1/ρ
        self._targets = [z.clone() for z in self.auxiliary.values()]  # Z − U, which changes once an iteration

    def penalty(self) -> torch.Tensor:
        """Σ ρ/2·‖W − Z + U‖² (001 §IV-B Eq 2), in one pass over the weights."""
        weights = [module.weight for module in self.layers.values()]
        result: torch.Tensor = _Pull.apply(self.rho, self._targets, *weights)  # type: ignore[no-untyped-call]  # torch leaves it so
        return result

    def step(self) -> None:
        """Count an optimizer step; at the end of an iteration update Z, U and ρ.

        Raises CompressionError, with the step, where a layer's weights are no longer finite.
        """
        self.steps += 1
        if self.steps % self.steps_per_iteration:
            return
        require_finite(self.model, self.sets, f"after step {self.steps}")
        grows = self.steps // self.steps_per_iteration <= self.iterations
        if grows:
            self.rho *= self.rho_growth
        self._iterate(self.rho_growth if grows else 1.0)

    @torch.no_grad()
    def _iterate(self, growth: float) -> None:
        """Z = projection of W + U, U = (U + W − Z) / growth (001 §IV-B Eq 2-3)."""
        shifted = {name: module.weight + self.dual[name] for name, module in self.layers.items()}
        self.auxiliary = self.project(shifted)
        self.dual = {name: (shifted[name] - self.auxiliary[name]) / growth for name in self.sets}
        self._targets = [self.auxiliary[name] - self.dual[name] for name in self.sets]

    def _project_alone(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: self.sets[name].project(weight) for name, weight in weights.items()}


class _Pull(torch.autograd.Function):
    """ρ/2·Σ‖W − T‖² with the gradient ρ·(W − T): autograd's own would walk over the weights three times more."""

    @staticmethod
    def forward(ctx: Any, rho: float, targets: list[torch.Tensor], *weights: torch.Tensor) -> torch.Tensor:
        gaps = torch._foreach_sub(weights, targets)
        ctx.rho, ctx.gaps = rho, gaps
        return torch.stack([torch.dot(gap.flatten(), gap.flatten()) for gap in gaps]).sum() * (rho / 2)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Any, ...]:
        return None, None, *torch._foreach_mul(ctx.gaps, grads[0] * ctx.rho)


def _check_settings(rho: float, rho_growth: float, iterations: int, steps_per_iteration: int) -> None:
    if not (is_number(rho) and rho > 0):
        raise CompressionError(f"rho is {rho!r:.60}; expected a finite number above 0")
    if not (is_number(rho_growth) and rho_growth >= 1):
        raise CompressionError(f"rho_growth is {rho_growth!r:.60}; expected a finite number of at least 1")
    for what, value in (("iterations", iterations), ("steps_per_iteration", steps_per_iteration)):
        require_count(what, value)


def require_count(what: str, value: Any, least: int = 1) -> None:
    """CompressionError where a setting is no integer of at least `least`."""
    if not is_whole(value, least):
        raise CompressionError(f"{what} is {value!r:.60}; expected an integer of at least {least}")
