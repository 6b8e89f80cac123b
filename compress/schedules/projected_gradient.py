"""Projected gradient descent: the weights themselves jump onto the constraint set after a step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from ..granularity.constraints import Projectable, Unstructured
from ..granularity.targets import Keep, targets
from ..graph.masks import original
from ..layers import require_finite
from ..regularizers.admm import require_count
from .pruner import Pruner


class ProjectedGradient(Pruner):
    """W becomes its own projection after every `steps_per_projection` steps of the optimizer (001 §V-A Fig 7).

    Nothing is held in between: a pruned weight comes back where its gradient lifts it over those that stayed.
    `harden()` projects once more and holds the zeros.

    Raises UnknownNameError for a layer that is not there and CompressionError for an impossible setting.
    """

    def __init__(
        self,
        model: nn.Module,
        constraints: Mapping[str, Projectable],
        *,
        steps_per_projection: int = 1,
        example_input: torch.Tensor | None = None,
    ) -> None:
        require_count("steps_per_projection", steps_per_projection)
        super().__init__(model, constraints, example_input)
        self.steps_per_projection = steps_per_projection

    @torch.no_grad()
    def step(self) -> None:
        """Count an optimizer step; project where it is due.

        Raises CompressionError, with the step, where a layer's weights are no longer finite.
        """
        self.steps += 1
        if self.hardened or self.steps % self.steps_per_projection:
            return
        require_finite(self.model, self.constraints, f"after step {self.steps}")
        for name, constraint in self.constraints.items():
            module = self.layers[name]
            projected = module.restored(constraint.project(module.oriented(module.weight)))
            original(module.module, module.parameter).copy_(projected)


def projected_gradient(
    model: nn.Module, example_input: torch.Tensor | None = None, *, keep: Keep = 0.2, steps_per_projection: int = 1
) -> ProjectedGradient:
    """Projected gradient descent on single weights (001 §V-A Fig 7).

    `keep` is the share of each layer's weights that stays, or a mapping of the layers that take part to theirs.
    """
    chosen = targets(model, Unstructured, keep)
    return ProjectedGradient(model, chosen, steps_per_projection=steps_per_projection, example_input=example_input)
