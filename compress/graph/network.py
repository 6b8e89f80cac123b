"""A network as it was followed: its effects, the axes of its parameters that units lie on, and what was not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from .effects import Cell, Constant, Effect, Product, Recurrent, lives, zeros
from .numbers import Numbers
from .units import NO_UNIT, Units


@dataclass
class Network:
    """What one run of a model shows. `output` is what the model returned on the example, for comparison."""

    units: Units = field(default_factory=Units)
    effects: list[Effect] = field(default_factory=list)
    axes: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)  # (parameter or buffer, dim) -> its units
    norms: dict[str, np.ndarray] = field(default_factory=dict)  # a norm's name -> its units
    unfollowed: dict[str, str] = field(default_factory=dict)  # layers that are not followed, and why
    output: tuple[torch.Tensor, ...] = ()

    def axis(self, parameter: str, dim: int, units: np.ndarray) -> np.ndarray:
        """Lay these units on an axis of a parameter; where it has some already, they are one."""
        before = self.axes.setdefault((parameter, dim), units)
        if before is not units:
            self.units.unite(before, units)
            self.units.fix(before[units == NO_UNIT], "it meets a size that the code fixes")
            self.units.fix(units[before == NO_UNIT], "it meets a size that the code fixes")
        return before

    def fix_missing(self, tensors: Collection[str]) -> None:
        """Fix the units on axes of anything but these parameters and buffers: a rule makes it, such as weight_norm."""
        for (name, _), units in self.axes.items():
            if name not in tensors and (self.units.roots(units) != NO_UNIT).any():
                self.units.fix(units, "a parametrization makes its weight")
                self.unfollowed[name] = "a parametrization makes it"

    def members(self) -> list[np.ndarray]:
        """The units of each group: those that one layer writes, and all that share one with them."""
        together: dict[int, int] = {}  # a unit -> another of its group, the first of which is its own

        def first(unit: int) -> int:
            while together.setdefault(unit, unit) != unit:
                unit = together[unit]
            return unit

        for _, units in self.writers():
            own = [first(unit) for unit in dict.fromkeys(units.tolist()) if unit != NO_UNIT]
            for other in own[1:]:
                together[first(other)] = first(own[0])
        by_first: dict[int, list[int]] = {}
        for unit in together:
            by_first.setdefault(first(unit), []).append(unit)
        return [np.array(sorted(units)) for units in by_first.values()]

    def zeros(self, numbers: Numbers) -> np.ndarray:
        """bool (values,): which are always 0 with these numbers."""
        return zeros(self.effects, self.units.value_count, numbers)

    def lives(self, zero: np.ndarray, numbers: Numbers, through: bool = True) -> np.ndarray:
        """bool (values,): which make a difference with these numbers."""
        return lives(self.effects, zero, numbers, through)

    def removable(self, numbers: Numbers) -> np.ndarray:
        """bool (units,), by root: every value of the unit is 0 or makes no difference, and nothing fixes it."""
        zero = self.zeros(numbers)
        needed = self.lives(zero, numbers) & ~zero
        stays = np.zeros(len(self.units), dtype=bool)
        stays[self.units.of(np.flatnonzero(needed))] = True
        stays[[NO_UNIT, *self.units.reasons()]] = True
        gone = ~stays
        for units in self.axes.values():  # at least one remains of every axis
            roots = self.units.roots(units)
            if len(roots) and gone[roots].all():
                gone[roots[0]] = False
        return gone

    def writers(self) -> Iterator[tuple[str, np.ndarray]]:
        """Each layer that writes units, with them."""
        for effect in self.effects:
            if isinstance(effect, Product):
                yield effect.layer, self.units.of(effect.outputs)
            elif isinstance(effect, Recurrent | Cell):
                for name in effect.layers:
                    yield name, self.units.of(effect.outputs)

    def readers(self) -> Iterator[tuple[str, np.ndarray]]:
        """Each layer that reads values, with their units."""
        for effect in self.effects:
            if isinstance(effect, Product) and effect.reads is not None:
                yield effect.layer, self.units.of(effect.reads)
            elif isinstance(effect, Recurrent | Cell):
                yield effect.layers[0], self.units.of(effect.inputs)

    def between(self) -> Iterator[tuple[str, np.ndarray]]:
        """Norms, scales and attention, with their units."""
        for name, units in self.norms.items():
            yield name, self.units.roots(units)
        for effect in self.effects:
            if isinstance(effect, Constant):
                yield effect.parameter, self.units.of(effect.outputs)
