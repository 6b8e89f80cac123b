"""Weight quantization by ADMM: equal-distance levels, ternary and binary, on all layers (001 §IV-A, §IV-B, §V-B)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn

from accelsim.errors import CompressionError
from accelsim.validation import is_number

from ..base import Compressor
from ..graph.masks import release
from ..graph.zeros import hold_dead_filters, hold_pruned
from ..layers import layer, make_plain, require_finite, require_layers, weights
from ..regularizers.admm import AdmmRegularizer
from .codes import LayerCode
from .levels import Binary, Levels, LevelSet, Ternary
from .straight_through import straight_through


class OnLevels(nn.Module):
    """Every element on its nearest level: for good where it was close to one, else as its real value moves."""

    fixed: torch.Tensor
    values: torch.Tensor

    def __init__(self, levels: LevelSet, weight: torch.Tensor, epsilon: float) -> None:
        super().__init__()
        self.levels, self.interval = levels, levels.interval(weight)
        nearest = levels.nearest(weight.detach(), self.interval)
        close = (weight.detach() - nearest).abs() <= epsilon * levels.spacing * self.interval
        self.register_buffer("fixed", close)
        self.register_buffer("values", nearest)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Levels alone; the gradient reaches the free elements, straight through."""
        free = straight_through(weight, self.levels.nearest(weight.detach(), self.interval))
        return torch.where(self.fixed, self.values, free)


class ADMMQuantizer(Compressor):
    """Quantizes each named layer to its levels by ADMM (001 §IV-A, §IV-B).

    W-, Z- and U-steps are those of pruning; the projection takes each weight to its nearest level, with the layer's
    interval chosen again each time. At `harden()` the intervals stay as they are and the weights within `epsilon` of a
    level (a share of the distance between two) are fixed to it. The others go on training with their real values, while
    the network already computes with their nearest levels (straight through), so that the constraint holds during
    retraining too and the last mapping, in `finalize()`, changes nothing any more. Weights that are exactly 0 at the
    start stay 0: quantization after pruning.

    Raises UnknownNameError for a layer that is not there and CompressionError for an impossible setting.
    """

    def __init__(
        self,
        model: nn.Module,
        levels: Mapping[str, LevelSet],
        *,
        epsilon: float = 0.2,
        rho: float = 1.5e-3,
        rho_growth: float = 1.3,
        iterations: int = 10,
        steps_per_iteration: int = 100,
        example_input: torch.Tensor | None = None,
    ) -> None:
        super().__init__(model, example_input)
        _check_levels(model, levels, epsilon)
        self.levels, self.epsilon = dict(levels), epsilon
        self.steps, self.intervals = 0, dict[str, float]()
        hold_dead_filters(model, weights(model), example_input)
        hold_pruned(model, levels)
        self.admm = AdmmRegularizer(
            model,
            self.levels,
            rho=rho,
            rho_growth=rho_growth,
            iterations=iterations,
            steps_per_iteration=steps_per_iteration,
        )

    @property
    def hardened(self) -> bool:
        """Do the weights have their levels already?"""
        return bool(self.intervals)

    def penalty(self) -> torch.Tensor:
        """Σ ρ/2·‖W − Z + U‖² over the layers (001 §IV-B Eq 2); 0 once hardened."""
        return super().penalty() if self.hardened else self.admm.penalty()

    def step(self) -> None:
        """Count an optimizer step; at the end of an ADMM iteration update Z, U and ρ.

        Raises CompressionError, with the step, where a layer's weights are no longer finite.
        """
        self.steps += 1
        if not self.hardened:
            self.admm.step()

    @torch.no_grad()
    def harden(self) -> None:
        """Put every weight on a level and fix those that were within `epsilon` of it (001 §IV-B)."""
        if self.hardened:
            return
        require_finite(self.model, self.levels, f"after step {self.steps}")
        for name, levels in self.levels.items():
            module = layer(self.model, name)
            on_levels = OnLevels(levels, module.weight, self.epsilon)
            self.intervals[name] = on_levels.interval
            module.constrain(on_levels)

    def finalize(self) -> nn.Module:
        """The model with plain weights on their levels and its original state_dict keys."""
        self.harden()
        make_plain(self.model, self.levels)
        release(self.model)
        return self.model

    def codes(self, model: nn.Module) -> Mapping[str, LayerCode]:
        """The integers k of each layer's levels, with its interval as scale."""
        return {n: levels.code(layer(model, n).weight, self.intervals[n]) for n, levels in self.levels.items()}


def admm_levels(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    *,
    bits: int | Mapping[str, int] = 4,
    epsilon: float = 0.2,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
) -> ADMMQuantizer:
    """ADMM quantization to 2^bits − 1 equal-distance levels around 0 (001 §IV-A, §IV-B).

    `bits` is one number for all layers or a mapping of the layers that take part to theirs, from 2 to 8. For the rest
    see `ADMMQuantizer`.
    """
    chosen = bits if isinstance(bits, Mapping) else dict.fromkeys(weights(model), bits)
    return ADMMQuantizer(
        model,
        {name: Levels(of_layer) for name, of_layer in chosen.items()},
        epsilon=epsilon,
        rho=rho,
        steps_per_iteration=steps_per_iteration,
        example_input=example_input,
    )


def admm_binary(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    *,
    epsilon: float = 0.2,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
    layers: Iterable[str] | None = None,
) -> ADMMQuantizer:
    """ADMM quantization of all layers, the first and the last too, to {−q, q} (001 §V-B Tables VI-VII).

    `layers` names those that take part where it is not all. A pruned layer is refused: two levels have no 0.
    """
    return _one_set(model, Binary(), layers, example_input, epsilon, rho, steps_per_iteration)


def admm_ternary(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    *,
    epsilon: float = 0.2,
    rho: float = 1.5e-3,
    steps_per_iteration: int = 100,
    layers: Iterable[str] | None = None,
) -> ADMMQuantizer:
    """ADMM quantization of all layers, the first and the last too, to {−q, 0, q} (001 §V-B Table VI).

    `layers` names those that take part where it is not all.
    """
    return _one_set(model, Ternary(), layers, example_input, epsilon, rho, steps_per_iteration)


def _one_set(
    model: nn.Module,
    levels: LevelSet,
    layers: Iterable[str] | None,
    example_input: torch.Tensor | None,
    epsilon: float,
    rho: float,
    steps_per_iteration: int,
) -> ADMMQuantizer:
    names = list(weights(model)) if layers is None else list(layers)
    return ADMMQuantizer(
        model,
        dict.fromkeys(names, levels),
        epsilon=epsilon,
        rho=rho,
        steps_per_iteration=steps_per_iteration,
        example_input=example_input,
    )


def _check_levels(model: nn.Module, levels: Mapping[str, LevelSet], epsilon: float) -> None:
    if not levels:
        raise CompressionError("ADMMQuantizer has no layer to quantize; name one with its levels")
    require_layers(model, levels)
    for name, of_layer in levels.items():
        weight = layer(model, name).weight
        of_layer.check(weight.shape, f"layer {name!r}")
        of_layer.check_weight(weight, f"layer {name!r}")
    if not is_number(epsilon) or not 0 <= epsilon <= 0.5:
        raise CompressionError(f"epsilon is {epsilon!r:.60}; expected a share from 0 to 0.5 of the levels' distance")
