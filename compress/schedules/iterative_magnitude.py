"""Iterative magnitude pruning: the smallest weights go in rounds, and the rest is retrained between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from ..granularity.constraints import Constraint, Unstructured
from ..granularity.targets import Keep, targets
from ..layers import layer
from ..regularizers.admm import require_count
from .pruner import Pruner


class IterativeMagnitude(Pruner):
    """The heuristic that ADMM is measured against (001 §V-A Fig 7; Han et al., NIPS 2015).

    After every `steps_per_round` steps the smallest parts of each layer are pruned for good, without a penalty before:
    in each of the `rounds` the same share of what is left, so that the last round meets the constraint. `harden()` does
    what is still due.

    Raises UnknownNameError for a layer that is not there and CompressionError for an impossible setting.
    """

    def __init__(
        self,
        model: nn.Module,
        constraints: Mapping[str, Constraint],
        *,
        rounds: int = 5,
        steps_per_round: int = 100,
        example_input: torch.Tensor | None = None,
    ) -> None:
        require_count("rounds", rounds)
        require_count("steps_per_round", steps_per_round)
        super().__init__(model, constraints, example_input)
        self.rounds, self.steps_per_round = rounds, steps_per_round
        self.final = dict(constraints)

    def step(self) -> None:
        """Count an optimizer step; prune where a round ends.

        Raises CompressionError, with the step, where a layer's weights are no longer finite.
        """
        self.steps += 1
        turn, rest = divmod(self.steps, self.steps_per_round)
        if not (self.hardened or rest) and turn <= self.rounds:
            self.prune(self.constraints_of(turn))

    def constraints_of(self, turn: int) -> dict[str, Constraint]:
        """What stays after round `turn`, from 1: (kept share)^(turn / rounds) of each layer's parts."""
        constraints = {}
        for name, constraint in self.final.items():
            shape = layer(self.model, name).shape
            parts, last = constraint.parts(shape), constraint.count(shape)
            constraints[name] = replace(
                constraint, keep=max(last, round(parts * (last / parts) ** (turn / self.rounds)))
            )
        return constraints


def iterative_magnitude(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    *,
    keep: Keep = 0.2,
    rounds: int = 5,
    steps_per_round: int = 100,
) -> IterativeMagnitude:
    """Iterative magnitude pruning of single weights (001 §V-A Fig 7).

    `keep` is the share of each layer's weights that stays, or a mapping of the layers that take part to theirs. They
    go in `rounds`, one after every `steps_per_round` steps.
    """
    chosen = targets(model, Unstructured, keep)
    return IterativeMagnitude(
        model, chosen, rounds=rounds, steps_per_round=steps_per_round, example_input=example_input
    )
