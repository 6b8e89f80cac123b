"""ADMM-NN-S weight pruning: regularize towards a constraint set, then map, mask and retrain (001 §IV)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from ..granularity.constraints import Projectable
from ..regularizers.admm import AdmmRegularizer
from .pruner import Pruner


class ADMMPruner(Pruner):
    """Prunes each named layer to its constraint by ADMM (001 §IV-B Eq 1-3, §IV-C multi-ρ).

    The loss gains Σ ρ/2·‖W − Z + U‖² (Eq 2), which any optimizer minimizes over W. Once in `steps_per_iteration`
    steps, Z becomes the Euclidean projection of W + U on the constraint (Eq 3) and U grows by W − Z; ρ is multiplied by
    `rho_growth` in each of the first `iterations` iterations (multi-ρ). `harden()` projects W and holds the zeros by
    masks. With an `example_input` neither spends anything on parts that lead nowhere (`graph.reachability`). Weights
    that are exactly 0 at the start, as a first round leaves them, stay 0: a second pruner on the same model is a second
    round (§IV-C), and `ProgressivePruner` runs them all.

    Raises UnknownNameError for a layer that is not there and CompressionError for an impossible setting.

    >>> from compress.granularity.constraints import Unstructured
    >>> model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> pruner = ADMMPruner(model, {"0": Unstructured(keep=10)}, iterations=2, steps_per_iteration=1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> for _ in range(2):
    ...     loss = model(torch.ones(1, 8)).square().sum() + pruner.penalty()
    ...     optimizer.zero_grad(); loss.backward(); optimizer.step(); pruner.step()
    >>> pruner.harden()
    >>> int(pruner.finalize()[0].weight.count_nonzero())
    10
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
        super().__init__(model, constraints, example_input)
        self.admm = AdmmRegularizer(
            model,
            self.constraints,
            rho=rho,
            rho_growth=rho_growth,
            iterations=iterations,
            steps_per_iteration=steps_per_iteration,
            project=partial(self.project, self.constraints),
        )

    def pull(self) -> torch.Tensor:
        """Σ ρ/2·‖W − Z + U‖² over the pruned layers (001 §IV-B Eq 2)."""
        return self.admm.penalty()

    def step(self) -> None:
        """Count an optimizer step; at the end of an ADMM iteration update Z, U and ρ.

        Raises CompressionError, with the step, where a pruned layer's weights are no longer finite.
        """
        self.steps += 1
        if not self.hardened:
            self.admm.step()
