"""Fixed L1 and L2 regularization, then a threshold: pruning whose target never moves."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from accelsim.errors import CompressionError
from accelsim.validation import is_number

from ..granularity.constraints import Projectable, Unstructured
from ..granularity.targets import Keep, targets
from ..schedules.pruner import Pruner


class FixedRegularization(Pruner):
    """A penalty on all weights of the pruned layers, whose target is always 0 (001 §IV-B, §V-A Fig 7).

    `power` 1 adds `strength` · Σ|W| to the loss, 2 adds `strength` / 2 · Σ W². `harden()` keeps the largest parts.

    Raises UnknownNameError for a layer that is not there and CompressionError for an impossible setting.
    """

    def __init__(
        self,
        model: nn.Module,
        constraints: Mapping[str, Projectable],
        *,
        power: int,
        strength: float,
        example_input: torch.Tensor | None = None,
    ) -> None:
        if power not in (1, 2):
            raise CompressionError(f"power is {power!r:.60}; expected 1 or 2")
        if not is_number(strength) or strength <= 0:
            raise CompressionError(f"strength is {strength!r:.60}; expected a finite number above 0")
        super().__init__(model, constraints, example_input)
        self.power, self.strength = power, strength

    def pull(self) -> torch.Tensor:
        """strength / power · Σ|W|^power over the pruned layers."""
        weights = [module.weight for module in self.layers.values()]
        sums = [w.abs().sum() if self.power == 1 else w.square().sum() for w in weights]
        return torch.stack(sums).sum() * (self.strength / self.power)

    def step(self) -> None:
        """Count an optimizer step."""
        self.steps += 1


def l1_regularization(
    model: nn.Module, example_input: torch.Tensor | None = None, *, keep: Keep = 0.2, strength: float = 1e-4
) -> FixedRegularization:
    """Fixed L1 regularization, `strength` · Σ|W|, then a threshold (001 §V-A Fig 7).

    `keep` is the share of each layer's weights that stays, or a mapping of the layers that take part to theirs.
    """
    chosen = targets(model, Unstructured, keep)
    return FixedRegularization(model, chosen, power=1, strength=strength, example_input=example_input)


def l2_regularization(
    model: nn.Module, example_input: torch.Tensor | None = None, *, keep: Keep = 0.2, strength: float = 1e-3
) -> FixedRegularization:
    """Fixed L2 regularization, `strength` / 2 · Σ W², then a threshold (001 §V-A Fig 7).

    `keep` is the share of each layer's weights that stays, or a mapping of the layers that take part to theirs.
    """
    chosen = targets(model, Unstructured, keep)
    return FixedRegularization(model, chosen, power=2, strength=strength, example_input=example_input)
