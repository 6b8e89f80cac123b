"""Units: channels, features, heads and LSTM units that can only leave a network together, and the values they have.

A *value* is what one channel carries at one place of the network, and belongs to a *unit*; a residual addition makes
the units of its two sides one. Values and units are integers, so that arrays of them move through the network's own
views, permutations and concatenations.
"""

from __future__ import annotations

import numpy as np
import torch

FIXED, ZERO = 0, 1  # values of no unit: one that can be anything, and one that is always 0
NO_UNIT = 0


class Units:
    """Which unit each value belongs to, which units are one, and which cannot leave, with the reason.

    >>> units = Units()
    >>> first, second = units.new(2), units.new(2)
    >>> units.unite(first, second[::-1])
    >>> units.of(units.values(second)).tolist() == units.of(units.values(first)).tolist()[::-1]
    True
    """

    def __init__(self) -> None:
        self._parent = np.arange(1)  # of each unit; a root is its own
        self._unit = np.zeros(2, dtype=np.int64)  # of each value
        self._flat = True
        self._fixed: list[tuple[np.ndarray, str]] = []

    def __len__(self) -> int:
        return len(self._parent)

    @property
    def value_count(self) -> int:
        """How many values there are."""
        return len(self._unit)

    def new(self, count: int) -> np.ndarray:
        """So many new units (count,)."""
        fresh = np.arange(len(self._parent), len(self._parent) + count)
        self._parent = np.concatenate([self._parent, fresh])
        return fresh

    def values(self, units: np.ndarray) -> np.ndarray:
        """One new value for each of these units, in their order; FIXED where there is no unit."""
        units = np.asarray(units)
        fresh = np.arange(len(self._unit), len(self._unit) + units.size).reshape(units.shape)
        self._unit = np.concatenate([self._unit, units.ravel()])
        return np.where(units == NO_UNIT, FIXED, fresh)

    def of(self, values: np.ndarray | torch.Tensor) -> np.ndarray:
        """The unit of each value, the same number for those that are one; NO_UNIT where it belongs to none."""
        indices = values.numpy() if isinstance(values, torch.Tensor) else values
        return np.asarray(self._roots()[self._unit[indices]])

    def roots(self, units: np.ndarray) -> np.ndarray:
        """One number for all units that are one."""
        return np.asarray(self._roots()[units])

    def _roots(self) -> np.ndarray:
        while not self._flat:
            above = self._parent[self._parent]
            self._flat = bool((above == self._parent).all())
            self._parent = above
        return self._parent

    def unite(self, first: np.ndarray, second: np.ndarray) -> None:
        """Make these units one, pair by pair; pairs with NO_UNIT are passed over."""
        a, b = self.roots(np.ravel(first)), self.roots(np.ravel(second))
        different = (a != b) & (a != NO_UNIT) & (b != NO_UNIT)
        if not different.any():
            return
        for x, y in np.unique(np.stack([a[different], b[different]], axis=1), axis=0).tolist():
            low, high = sorted((self._root(x), self._root(y)))
            self._parent[high] = low
        self._flat = False

    def _root(self, unit: int) -> int:
        while self._parent[unit] != unit:
            unit = int(self._parent[unit])
        return unit

    def fix(self, units: np.ndarray, reason: str) -> None:
        """Say why these units cannot leave."""
        chosen = np.unique(units)
        chosen = chosen[chosen != NO_UNIT]
        if chosen.size:
            self._fixed.append((chosen, reason))

    def reasons(self) -> dict[int, str]:
        """Why each unit that cannot leave stays, by its root: the reason that was given first."""
        reasons: dict[int, str] = {}
        for units, reason in self._fixed:
            for unit in np.unique(self.roots(units)).tolist():
                reasons.setdefault(unit, reason)
        return reasons


def reduced(values: torch.Tensor) -> torch.Tensor:
    """The same array with a stride of 0 along each dimension in which it does not vary: memory for one of them only."""
    core = core_of(values)
    for dim in range(core.ndim):
        if core.shape[dim] > 1:
            first = core.narrow(dim, 0, 1)
            if bool((core == first).all()):
                core = first
    return core.expand(values.shape)


def core_of(values: torch.Tensor) -> torch.Tensor:
    """One of those that are equal by stride 0: size 1 along these dimensions."""
    for dim in range(values.ndim):
        if values.shape[dim] > 1 and values.stride(dim) == 0:
            values = values.narrow(dim, 0, 1)
    return values


def varying(units: np.ndarray) -> list[int]:
    """The dimensions along which an array is not constant."""
    return [d for d in range(units.ndim) if units.shape[d] > 1 and bool((units != units.take([0], axis=d)).any())]
