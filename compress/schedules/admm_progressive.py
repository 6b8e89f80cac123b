"""Progressive ADMM pruning: several rounds in one, each from where the last one ended (001 §IV-C, §IV-D)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import nn

from accelsim.errors import CompressionError
from accelsim.validation import is_number

from ..granularity.constraints import Constraint, Projectable, Unstructured
from ..granularity.targets import Keep, targets
from ..layers import layer
from ..regularizers.admm import AdmmRegularizer, require_count
from .pruner import Pruner, check_constraints


class ProgressivePruner(Pruner):
    """ADMM pruning in `rounds` of constraints, each tighter than the one before (001 §IV-C).

    A round is `iterations` ADMM iterations with its own ρ from the start, then the weights are projected, the zeros
    held for good, and `retrain_steps` steps follow without a penalty. After the last round's iterations its ADMM goes
    on until `harden()`, which projects on the last round's constraints however far the rounds came.

    Raises UnknownNameError for a layer that is not there, CompressionError for an impossible setting or a round that
    names other layers, or keeps more, than the one before.
    """

    def __init__(
        self,
        model: nn.Module,
        rounds: Sequence[Mapping[str, Projectable]],
        *,
        rho: float = 1.5e-3,
        rho_growth: float = 1.3,
        iterations: int = 5,
        steps_per_iteration: int = 100,
        retrain_steps: int = 200,
        example_input: torch.Tensor | None = None,
    ) -> None:
        if not rounds:
            raise CompressionError("rounds is empty; expected the constraints of at least one round")
        super().__init__(model, rounds[-1], example_input)
        _check_rounds(model, rounds)
        require_count("retrain_steps", retrain_steps, 0)
        self.rounds, self.round, self.retrain_steps = list(rounds), 0, retrain_steps
        self._settings = {
            "rho": rho,
            "rho_growth": rho_growth,
            "iterations": iterations,
            "steps_per_iteration": steps_per_iteration,
        }
        self.round_steps, self._resting = iterations * steps_per_iteration, 0
        self.admm = self._regularizer()

    def _regularizer(self) -> AdmmRegularizer:
        sets = self.rounds[self.round]
        return AdmmRegularizer(self.model, sets, project=partial(self.project, sets), **self._settings)  # type: ignore[arg-type]  # floats and ints in one dict

    def pull(self) -> torch.Tensor:
        """Σ ρ/2·‖W − Z + U‖² of the round that runs (001 §IV-B Eq 2); 0 while its result is retrained."""
        return super().pull() if self._resting else self.admm.penalty()

    def step(self) -> None:
        """Count an optimizer step; update Z, U and ρ, or end a round, where it is due.

        Raises CompressionError, with the step, where a layer's weights are no longer finite.
        """
        self.steps += 1
        if self.hardened:
            return
        if self._resting:
            self._resting -= 1
            if not self._resting:
                self._next_round()
            return
        self.admm.step()
        if self.admm.steps >= self.round_steps and self.round + 1 < len(self.rounds):
            self.prune(self.rounds[self.round])
            self._resting = self.retrain_steps
            if not self._resting:
                self._next_round()

    def _next_round(self) -> None:
        self.round += 1
        self.admm = self._regularizer()


def round_rates(final: Mapping[str, float], rounds: int = 2, growth: float = 2.0) -> list[dict[str, float]]:
    """Each layer's pruning rate in each round: `growth` times that of the round before, up to `final` (001 §IV-D).

    A rate is weights before by weights after, above 1; one that the division would bring to 1 or below stays above it
    by an even step on the logarithm, so that every round prunes.
    """
    return [
        {name: _rate(last, rounds - 1 - turn, rounds, growth) for name, last in final.items()} for turn in range(rounds)
    ]


def _rate(last: float, rounds_left: int, rounds: int, growth: float) -> float:
    rate = last / growth**rounds_left
    even = last ** ((rounds - rounds_left) / rounds)
    return rate if rate > 1 else even


def rates_from_prior(
    prior: Mapping[str, float], first: float = 1.5, growth: float = 2.0, rounds: int = 2
) -> dict[str, float]:
    """The last round's pruning rate of each layer from those of an earlier, heuristic pruning (001 §IV-D).

    Prior rates grow in proportion: `first` = 1.5 times in the first round, and `growth` = 2 times in each further one,
    which makes 3 times in two.
    """
    for name, rate in prior.items():
        if not is_number(rate) or rate < 1:
            raise CompressionError(
                f"prior rate of layer {name!r} is {rate!r:.60}; expected weights before by after, >= 1"
            )
    return {name: rate * first * growth ** (rounds - 1) for name, rate in prior.items()}


def admm_progressive(
    model: nn.Module,
    example_input: torch.Tensor | None = None,
    *,
    keep: Keep = 0.2,
    prior_rates: Mapping[str, float] | None = None,
    first_growth: float = 1.5,
    growth: float = 2.0,
    rounds: int = 2,
    rho: float = 1.5e-3,
    iterations: int = 5,
    steps_per_iteration: int = 100,
    retrain_steps: int = 200,
) -> ProgressivePruner:
    """Non-structured ADMM pruning in two rounds or more (001 §IV-C, §IV-D).

    The last round leaves `keep` of each layer (a share, or a mapping of layers to theirs), each round before `growth`
    times as much as the next. `prior_rates` takes the place of `keep`: the layers' pruning rates of an earlier method,
    which the first round exceeds `first_growth` times and each further one `growth` times more.
    """
    require_count("rounds", rounds)
    for what, value in (("first_growth", first_growth), ("growth", growth)):
        if not is_number(value) or not 1 < value < 1e6:
            raise CompressionError(f"{what} is {value!r:.60}; expected a number above 1")
    if prior_rates is not None:
        final = rates_from_prior(prior_rates, first_growth, growth, rounds)
    else:
        final = _rates_of(model, keep)
    plan = [
        {name: Unstructured(_share(model, name, rate)) for name, rate in rates.items()}
        for rates in round_rates(final, rounds, growth)
    ]
    return ProgressivePruner(
        model,
        plan,
        rho=rho,
        iterations=iterations,
        steps_per_iteration=steps_per_iteration,
        retrain_steps=retrain_steps,
        example_input=example_input,
    )


def _rates_of(model: nn.Module, keep: Keep) -> dict[str, float]:
    """Weights before by after of each layer that takes part; CompressionError for an impossible `keep`."""
    constraints = targets(model, Unstructured, keep)
    check_constraints(model, constraints)
    shapes = {name: layer(model, name).shape for name in constraints}
    return {name: shapes[name].numel() / c.count(shapes[name]) for name, c in constraints.items()}


def _share(model: nn.Module, name: str, rate: float) -> int:
    """How many weights stay at this pruning rate, at least one."""
    return max(1, round(layer(model, name).weight.numel() / rate))


def _check_rounds(model: nn.Module, rounds: Sequence[Mapping[str, Projectable]]) -> None:
    for number, constraints in enumerate(rounds, start=1):
        check_constraints(model, constraints)
        if constraints.keys() != rounds[-1].keys():
            raise CompressionError(f"round {number} names {sorted(constraints)}; the last one {sorted(rounds[-1])}")
    for number, (before, after) in enumerate(pairwise(rounds), start=2):
        for name in before:
            _check_tighter(before[name], after[name], layer(model, name).shape, f"round {number}: layer {name!r}")


def _check_tighter(before: Projectable, after: Projectable, shape: Sequence[int], where: str) -> None:
    """CompressionError where a round would keep more parts of the same kind than the one before left."""
    if isinstance(before, Constraint) and type(before) is type(after) and after.count(shape) > before.count(shape):
        most, count = before.count(shape), after.count(shape)
        raise CompressionError(f"{where} keeps {count} {before.part}s; expected at most the {most} of the round before")
