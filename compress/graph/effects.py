"""What a network does with its values, one operation after another: which become 0, and which make a difference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from .numbers import Numbers
from .units import FIXED, ZERO


@dataclass(eq=False)
class Effect(ABC):
    """One operation on values. `zero` and `live` are bool arrays over all values of the network."""

    @abstractmethod
    def forward(self, zero: np.ndarray, numbers: Numbers) -> None:
        """Mark in `zero` which of the outputs are always 0, where its inputs are known."""

    @abstractmethod
    def backward(self, live: np.ndarray, zero: np.ndarray, numbers: Numbers, through: bool) -> None:
        """Mark in `live` which inputs make a difference to a live output; to any output unless `through`."""


@dataclass(eq=False)
class Product(Effect):
    """A conv or linear layer: filter n of group g reads its share of the inputs; `inputs` None for an embedding."""

    layer: str
    outputs: np.ndarray  # (N,)
    inputs: np.ndarray | None  # (C,)

    @property
    def reads(self) -> np.ndarray | None:
        """The values that it reads, (C,)."""
        return self.inputs

    def forward(self, zero: np.ndarray, numbers: Numbers) -> None:
        """A filter is 0 where all its weights are on zeros and its bias is 0."""
        used = numbers.used(self.layer)
        if self.inputs is None:
            zero[self.outputs] = ~used.any(axis=0)
            return
        reads = used & ~self._by_filter(zero[self.inputs], used.shape)
        zero[self.outputs] = ~reads.any(axis=1) & ~numbers.shifted(self.layer, len(used))

    def backward(self, live: np.ndarray, zero: np.ndarray, numbers: Numbers, through: bool) -> None:
        """An input is live where a filter has a weight on it."""
        if self.inputs is None:
            return
        used = numbers.used(self.layer)
        if through:
            used = used & live[self.outputs][:, None]
        width = used.shape[1]
        by_group = used.reshape(len(self.inputs) // width, -1, width).any(axis=1)
        np.logical_or.at(live, self.inputs, by_group.ravel())

    def _by_filter(self, inputs: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """(N, C/groups): what each filter reads of (C,)."""
        groups = len(inputs) // shape[1]
        return inputs.reshape(groups, shape[1]).repeat(shape[0] // groups, axis=0)

    def silent(self, zero: np.ndarray, numbers: Numbers) -> np.ndarray:
        """bool (N, C/groups): what each filter reads that is always 0."""
        used = numbers.used(self.layer)
        if self.inputs is None:
            return np.zeros_like(used)
        return self._by_filter(zero[self.inputs], used.shape)


@dataclass(eq=False)
class Norm(Effect):
    """A batch norm, or another that takes each channel on its own: 0 stays 0 where its shift allows."""

    norm: str | None
    outputs: np.ndarray
    inputs: np.ndarray

    def forward(self, zero: np.ndarray, numbers: Numbers) -> None:
        """0 where the input is and the norm makes 0 of it."""
        keeps = np.ones(len(self.inputs), bool) if self.norm is None else self._keeps(numbers)
        zero[self.outputs] = zero[self.inputs] & keeps

    def _keeps(self, numbers: Numbers) -> np.ndarray:
        assert self.norm is not None
        return numbers.keeps_zero(self.norm, len(self.inputs))

    def backward(self, live: np.ndarray, zero: np.ndarray, numbers: Numbers, through: bool) -> None:
        """As the outputs."""
        np.logical_or.at(live, self.inputs, live[self.outputs])


@dataclass(eq=False)
class Opaque(Effect):
    """Something of each channel alone that makes no 0 of 0, such as a sigmoid."""

    outputs: np.ndarray
    inputs: np.ndarray

    def forward(self, zero: np.ndarray, numbers: Numbers) -> None:
        """Never 0."""
        zero[self.outputs] = False

    def backward(self, live: np.ndarray, zero: np.ndarray, numbers: Numbers, through: bool) -> None:
        """As the outputs."""
        np.logical_or.at(live, self.inputs, live[self.outputs])


@dataclass(eq=False)
class Pair(Effect):
    """Two values become one: a sum is 0 where both are, a product (`either`) where one is."""

    outputs: np.ndarray
    first: np.ndarray
    second: np.ndarray
    either: bool = False

    def forward(self, zero: np.ndarray, numbers: Numbers) -> None:
        """0 where both inputs are, or one."""
        a, b = zero[self.first], zero[self.second]
        zero[self.outputs] = a | b if self.either else a & b

    def backward(self, live: np.ndarray, zero: np.ndarray, numbers: Numbers, through: bool) -> None:
        """As the outputs; what is multiplied by 0 makes no difference."""
        after = live[self.outputs]
        for own, other in ((self.first, self.second), (self.second, self.first)):
            np.logical_or.at(live, own, after & ~zero[other] if self.either and through else after)


@dataclass(eq=False)
class Needed(Effect):
    """Values that are summed up over the channels, each multiplied by its counterpart, such as queries by keys."""

    first: np.ndarray
    second: np.ndarray

    def forward(self, zero: np.ndarray, numbers: Numbers) -> None:
        """Nothing new."""

    def backward(self, live: np.ndarray, zero: np.ndarray, numbers: Numbers, through: bool) -> None:
        """Live where the counterpart is not 0."""
        np.logical_or.at(live, self.first, ~zero[self.second])
        np.logical_or.at(live, self.second, ~zero[self.first])


@dataclass(eq=False)
class Sink(Effect):
    """Values that leave the network, or go where nothing is known."""

    values: np.ndarray

    def forward(self, zero: np.ndarray, numbers: Numbers) -> None:
        """Nothing new."""

    def backward(self, live: np.ndarray, zero: np.ndarray, numbers: Numbers, through: bool) -> None:
        """All live."""
        live[self.values] = True


@dataclass(eq=False)
class Constant(Effect):
    """A parameter with one number a channel, such as a scale."""

    parameter: str
    outputs: np.ndarray

    def forward(self, zero: np.ndarray, numbers: Numbers) -> None:
        """0 where the parameter is."""
        zero[self.outputs] = numbers.parameter(self.parameter).flatten().cpu().numpy() == 0

    def backward(self, live: np.ndarray, zero: np.ndarray, numbers: Numbers, through: bool) -> None:
        """Nothing before it."""


@dataclass(eq=False)
class Heads(Effect):
    """Attention: a head's outputs are 0 where its values are; its `inputs` are what the projections wrote."""

    outputs: np.ndarray  # (heads, width)
    values: np.ndarray  # (heads, width)
    scores: np.ndarray  # what queries and keys wrote, (2, heads, width)

    def forward(self, zero: np.ndarray, numbers: Numbers) -> None:
        """Each output is a weighted mean of its own value over the tokens."""
        zero[self.outputs] = zero[self.values]

    def backward(self, live: np.ndarray, zero: np.ndarray, numbers: Numbers, through: bool) -> None:
        """Queries and keys are live where any output of their head is."""
        after = live[self.outputs]
        np.logical_or.at(live, self.values, after)
        np.logical_or.at(live, self.scores, after.any(axis=1)[None, :, None])


@dataclass(eq=False)
class Recurrent(Effect):
    """One layer and direction of an RNN, LSTM or GRU with `gates` gates of H units; the state starts at `start`."""

    layers: tuple[str, str]  # input and state weights
    gates: int
    candidate: int  # the gate whose row of zeros keeps the unit at 0: an LSTM's g, a GRU's n
    outputs: np.ndarray  # (H,)
    inputs: np.ndarray  # (K,)
    start: np.ndarray  # (H,): ZERO, or what the state is before the first step

    def forward(self, zero: np.ndarray, numbers: Numbers) -> None:
        """A unit that starts at 0 stays there where its candidate reads nothing and has no bias."""
        reads, recurs = (self._gate(numbers.used(name))[self.candidate] for name in self.layers)
        count = self.gates * len(self.outputs)
        shifts = [self._gate(numbers.shifted(name, count))[self.candidate] for name in self.layers]
        still = ~(reads & ~zero[self.inputs]).any(axis=1) & ~shifts[0] & ~shifts[1] & zero[self.start]
        while True:
            moved = still & (recurs & ~still[None, :]).any(axis=1)
            if not moved.any():
                break
            still &= ~moved
        zero[self.outputs] = still

    def backward(self, live: np.ndarray, zero: np.ndarray, numbers: Numbers, through: bool) -> None:
        """Inputs are live where a live unit reads them; a unit is, where another live one reads its state."""
        reads, recurs = (np.asarray(self._gate(numbers.used(name)).any(axis=0)) for name in self.layers)
        after = live[self.outputs].copy()
        if through:
            np.fill_diagonal(recurs, False)
            while True:
                more = after | (recurs & after[:, None]).any(axis=0)
                if (more == after).all():
                    break
                after = more
            reads = reads & after[:, None]
        else:
            after |= recurs.any(axis=0)
        live[self.outputs] |= after
        np.logical_or.at(live, self.start, after)
        np.logical_or.at(live, self.inputs, reads.any(axis=0))

    def _gate(self, rows: np.ndarray) -> np.ndarray:
        return rows.reshape(self.gates, len(self.outputs), *rows.shape[1:])


@dataclass(eq=False)
class Cell(Effect):
    """One step of a recurrent cell, which reads the state that an earlier one wrote, or that the model hands in."""

    layers: tuple[str, str]  # input and state weights
    gates: int
    candidate: int
    outputs: np.ndarray  # (H,)
    inputs: np.ndarray  # (K,)
    state: np.ndarray  # (H,)
    carried: np.ndarray  # (H,): what goes on beside the gates, an LSTM's c and a GRU's h

    def forward(self, zero: np.ndarray, numbers: Numbers) -> None:
        """0 where what is carried on is, and the candidate reads nothing and has no bias."""
        still = zero[self.carried].copy()
        for name, read in zip(self.layers, (self.inputs, self.state), strict=True):
            used = self._gate(numbers.used(name))[self.candidate]
            shifted = self._gate(numbers.shifted(name, self.gates * len(self.outputs)))[self.candidate]
            still &= ~(used & ~zero[read]).any(axis=1) & ~shifted
        zero[self.outputs] = still

    def backward(self, live: np.ndarray, zero: np.ndarray, numbers: Numbers, through: bool) -> None:
        """Live where a live unit reads it."""
        after = live[self.outputs]
        np.logical_or.at(live, self.carried, after)
        for name, read in zip(self.layers, (self.inputs, self.state), strict=True):
            used = np.asarray(self._gate(numbers.used(name)).any(axis=0))
            np.logical_or.at(live, read, (used & after[:, None] if through else used).any(axis=0))

    def _gate(self, rows: np.ndarray) -> np.ndarray:
        return rows.reshape(self.gates, len(self.outputs), *rows.shape[1:])


def zeros(effects: list[Effect], count: int, numbers: Numbers) -> np.ndarray:
    """bool (values,): which are always 0."""
    zero = np.zeros(count, dtype=bool)
    zero[ZERO] = True
    for effect in effects:
        effect.forward(zero, numbers)
        zero[FIXED], zero[ZERO] = False, True  # outputs of no unit are written there
    return zero


def lives(effects: list[Effect], zero: np.ndarray, numbers: Numbers, through: bool = True) -> np.ndarray:
    """bool (values,): which make a difference to what the network returns; to any layer's output unless `through`."""
    live = np.zeros(len(zero), dtype=bool)
    live[FIXED] = True
    for effect in reversed(effects):
        effect.backward(live, zero, numbers, through)
        live[FIXED] = True
    return live
