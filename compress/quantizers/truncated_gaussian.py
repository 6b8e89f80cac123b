"""Ternary weights after pruning, with threshold and scale tied by a truncated Gaussian and trained together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

import torch
from torch import nn

from accelsim.errors import CompressionError

from ..granularity.constraints import Unstructured
from ..granularity.targets import Keep, targets
from ..graph.zeros import hold_dead_filters
from ..layers import layer, make_plain, require_finite, weights
from ..schedules.pruner import Pruner
from .codes import LayerCode
from .levels import Ternary
from .straight_through import straight_through

_WIDEST = 2.0  # standard deviations that the threshold may go past the pruned part


def mean_beyond(threshold: torch.Tensor) -> torch.Tensor:
    """E[|x| : |x| > t] of a standard normal x: φ(t) / (1 − Φ(t)), differentiable in t (001 §VI; He & Fan, 2018)."""
    log_density = -threshold.square() / 2 - math.log(2 * math.pi) / 2
    return torch.exp(log_density - torch.special.log_ndtr(-threshold))


class TruncatedGaussian(nn.Module):
    """S·sign(W) where |W| > t·σ, else 0, with the trainable threshold t in standard deviations.

    The layer's weights are taken as a Gaussian around 0 of which pruning left the two tails: with a share d of it left
    they begin at t₀ = Φ⁻¹(1 − d/2), and σ follows from the mean magnitude that is left. The scale is what the Gaussian
    expects of the weights beyond the threshold, S = σ·φ(t) / (1 − Φ(t)), so the loss reaches t through S.
    """

    least: float

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        density = float(weight.detach().count_nonzero()) / weight.numel()
        self.least = NormalDist().inv_cdf(1 - density / 2) if density < 1 else 0.0
        self.sigma_per_mean = 1 / float(mean_beyond(torch.tensor(self.least, dtype=torch.float64)))
        start = Ternary().interval(weight) / 2 / float(self.sigma(weight))  # that of the nearest ternary weight
        self.threshold = nn.Parameter(torch.tensor(start, dtype=weight.dtype, device=weight.device))
        self.clamp()

    def sigma(self, weight: torch.Tensor) -> torch.Tensor:
        """σ of the whole Gaussian, from the weights that pruning left."""
        magnitude = weight.detach().abs()
        return magnitude.sum() / magnitude.count_nonzero() * self.sigma_per_mean

    @torch.no_grad()
    def clamp(self) -> None:
        """Keep the threshold where the tails are and not beyond all of them."""
        self.threshold.clamp_(self.least, self.least + _WIDEST)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The ternary weight; its gradient is the weight's, and through S the threshold's."""
        sigma = self.sigma(weight)
        values = weight.detach()
        signs = torch.where(values.abs() > self.threshold.detach() * sigma, values.sign(), 0.0)
        scale = sigma * mean_beyond(self.threshold)
        return straight_through(weight, (scale * signs).detach()) + (scale - scale.detach()) * signs


class PrunedTernary(Pruner):
    """Ternary quantization after non-structured pruning (001 §VI; He & Fan, arXiv 1810.01018).

    Layers that are pruned already keep their zeros as they are; of the others the share `keep` of the weights stays at
    once, by magnitude (a mapping names the layers that take part). From then on each layer computes with −S, 0 and S,
    and weights and thresholds train together: a weight that falls below its layer's threshold joins the zeros.

    Raises UnknownNameError for a layer that is not there and CompressionError for an impossible setting.
    """

    def __init__(self, model: nn.Module, example_input: torch.Tensor | None = None, *, keep: Keep = 0.5) -> None:
        chosen = targets(model, Unstructured, keep)
        hold_dead_filters(model, weights(model), example_input)
        super().__init__(model, chosen, example_input)
        self.prune({n: c for n, c in self.constraints.items() if bool(self.layers[n].weight.all())})
        self.quantizers: dict[str, TruncatedGaussian] = {}
        for name, module in self.layers.items():
            if not bool(module.weight.any()):
                raise CompressionError(f"layer {name!r} holds zeros only; train it before it becomes ternary")
            self.quantizers[name] = TruncatedGaussian(module.weight)
            module.constrain(self.quantizers[name])

    def step(self) -> None:
        """Keep the thresholds within the tails."""
        self.steps += 1
        for quantizer in self.quantizers.values():
            quantizer.clamp()

    def harden(self) -> None:
        """Nothing changes: the weights have been ternary in every forward pass; CompressionError where they are NaN."""
        require_finite(self.model, self.constraints, f"after step {self.steps}")
        self.hardened = True

    @torch.no_grad()
    def finalize(self) -> nn.Module:
        """The model with plain weights −S, 0 and S and its original state_dict keys."""
        self.harden()
        make_plain(self.model, self.constraints)
        return super().finalize()

    def codes(self, model: nn.Module) -> Mapping[str, LayerCode]:
        """−1, 0 and 1, with S as scale."""
        ternary = {name: layer(model, name).weight.detach() for name in self.constraints}
        return {name: Ternary().code(weight, float(weight.abs().max())) for name, weight in ternary.items()}
