"""The same-accuracy procedure (001 §VI Fig 8): prune to the last rate within the tolerance, then quantize."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from compress.granularity.entries import PARTS
from compress.layers import weight_shapes
from compress.recipes.search_plan import BITS_MOST, Search
from compress.recipes.stage import Stage

from .run import Outcome, RecipeRun, Stages

Counts = dict[str, int]  # parts of one kind that a layer keeps, by layer
Bits = dict[str, int]  # of a weight, by layer


@dataclass(frozen=True)
class Trial:
    """One step of the search: what it tried, what came out, and whether the accuracy held."""

    phase: str
    tried: Mapping[str, int]
    accuracy: float
    conv_rate: float
    whole_rate: float
    held: bool


class SameAccuracy:
    """One search on one network. It decides on the test digits' accuracy on integers, as the paper does on its own.

    Columns come before filters; the channels of a filter that is gone leave the next layer when the network is shrunk.
    `tell` is called after each step.
    """

    def __init__(self, run: RecipeRun, search: Search, tell: Callable[[Trial], None] = lambda trial: None) -> None:
        self.run, self.search, self.tell = run, search, tell
        self.floor = run.after(()).facts.accuracy - search.tolerance
        self.shapes = weight_shapes(run.fresh_model())

    def find(self) -> Stages:
        """The stages of the last network that held."""
        best = self.run.after(self.run.recipe.stages)
        for part in self.search.parts:
            best = self._pruned(best, part)
        return self._quantized(best).stages

    def _pruned(self, best: Outcome, part: str) -> Outcome:
        """One phase: fewer parts of this kind from step to step, smaller steps behind one that lost too much."""
        growth, refinements = self.search.growth, self.search.refinements
        remaining, trial = self._unpruned(part), self._start(part)
        for _ in range(self.search.steps):
            if trial == remaining:
                break
            outcome, held = self._try(best, self._pruning(part, trial), part, trial)
            if held:
                best, remaining = outcome, trial
            elif refinements:
                refinements, growth = refinements - 1, math.sqrt(growth)
            else:
                break
            trial = {name: max(1, round(count / growth)) for name, count in remaining.items()}
        return best

    def _unpruned(self, part: str) -> Counts:
        return {name: PARTS[part](1).parts(self.shapes[name]) for name in self._start(part)}

    def _start(self, part: str) -> Counts:
        """What the first step keeps, as counts."""
        start = {name: parts[part] for name, parts in self.search.start.items() if part in parts}
        return {name: PARTS[part](keep).count(self.shapes[name]) for name, keep in start.items()}

    def _pruning(self, part: str, trial: Counts) -> Stage:
        return replace(self.search.prune, keep={name: {part: count} for name, count in trial.items()})

    def _quantized(self, pruned: Outcome) -> Outcome:
        """The fewest bits that hold, the same in all layers, then in each layer, the largest first."""
        best, bits = self._uniform(pruned)
        for name in sorted(bits, key=lambda name: -math.prod(self.shapes[name])):
            while bits[name] > self.search.fewest_bits:
                trial = bits | {name: bits[name] - 1}
                outcome, held = self._try_bits(pruned, trial)
                if not held:
                    break
                best, bits = outcome, trial
        return best

    def _uniform(self, pruned: Outcome) -> tuple[Outcome, Bits]:
        """All layers at one width: from `first_bits` down while it holds, or up until it does; no bits if none does."""
        first = self.search.first_bits
        walked = self._walk(pruned, range(first, self.search.fewest_bits - 1, -1), go_on=True)
        return walked or self._walk(pruned, range(first + 1, BITS_MOST + 1), go_on=False) or (pruned, {})

    def _walk(self, pruned: Outcome, widths: range, go_on: bool) -> tuple[Outcome, Bits] | None:
        """The last width that held: `go_on` while they do, or up to the first."""
        last = None
        for width in widths:
            trial = dict.fromkeys(self.shapes, width)
            outcome, held = self._try_bits(pruned, trial)
            if held:
                last = outcome, trial
            if held != go_on:
                break
        return last

    def _try_bits(self, pruned: Outcome, trial: Bits) -> tuple[Outcome, bool]:
        return self._try(pruned, replace(self.search.quantize, bits=trial), "bits", trial)

    def _try(self, before: Outcome, stage: Stage, phase: str, trial: Mapping[str, int]) -> tuple[Outcome, bool]:
        outcome = self.run.after((*before.stages, stage))
        facts = outcome.facts
        held = facts.accuracy >= self.floor
        self.tell(Trial(phase, trial, facts.accuracy, facts.conv_rate, facts.whole_rate, held))
        return outcome, held
