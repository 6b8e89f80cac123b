"""The sets that quantization by ADMM projects on: equal-distance levels, whose distance a layer's weights decide."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from accelsim.errors import CompressionError
from accelsim.validation import is_whole

from .codes import LayerCode, smallest_integers

BITS = (2, 8)
_EXACT_PAIRS = 1 << 18  # weights x levels up to which every assignment is looked at
_BINS, _ROUNDS = 4096, 20  # above it: bins of magnitudes that stand for them, and refinements on all weights


@dataclass(frozen=True)
class LevelSet(ABC):
    """Weights that are k · q, with the integers k that a format has and one interval q a layer (001 §IV-A)."""

    coding: ClassVar[str] = "uniform"
    spacing: ClassVar[int] = 1  # between adjacent levels, in intervals
    removes_columns: ClassVar[bool] = False

    @property
    @abstractmethod
    def code_bits(self) -> int:
        """The bits of an integer k."""

    @abstractmethod
    def interval(self, weight: torch.Tensor) -> float:
        """The q whose levels are nearest to the weight: the least ‖W − Q‖². 0 where all weights are 0."""

    @abstractmethod
    def indices(self, weight: torch.Tensor, interval: float) -> torch.Tensor:
        """The integer k of each element's nearest level, in the weight's dtype."""

    def nearest(self, weight: torch.Tensor, interval: float) -> torch.Tensor:
        """Each element's nearest level: the Euclidean projection for a given interval (001 §IV-B)."""
        return self.indices(weight, interval) * interval

    def project(self, weight: torch.Tensor) -> torch.Tensor:
        """The nearest weight in the set, over all intervals and all choices of levels (001 §IV-B Eq 3)."""
        return self.nearest(weight, self.interval(weight))

    def check(self, shape: Sequence[int], where: str) -> None:
        """CompressionError where the levels are impossible; `where` names the layer."""
        return

    def check_weight(self, weight: torch.Tensor, where: str) -> None:
        """CompressionError where a weight has no place among the levels."""
        return

    def code(self, weight: torch.Tensor, interval: float) -> LayerCode:
        """A weight of levels as integers k, with the interval as scale."""
        scale = interval or 1.0
        ints = (weight.detach().cpu().double() / scale).round().numpy()
        return LayerCode(smallest_integers(ints), scale, self.code_bits, self.coding)


@dataclass(frozen=True)
class Levels(LevelSet):
    """{−L·q ... −q, 0, q ... L·q} with L = 2^(bits−1) − 1: what two's complement of `bits` holds on both sides of 0.

    0 is a level, so the zeros of a pruned layer stay, and a weight that falls to 0 joins them (001 §VI).
    """

    bits: int

    @property
    def code_bits(self) -> int:
        """`bits`."""
        return self.bits

    @property
    def largest(self) -> int:
        """L, the largest integer."""
        return (1 << (self.bits - 1)) - 1

    def check(self, shape: Sequence[int], where: str) -> None:
        """CompressionError for bits outside 2 to 8."""
        if not is_whole(self.bits, *BITS):
            raise CompressionError(
                f"{where}: Levels(bits={self.bits!r:.60}); expected an integer from {BITS[0]} to {BITS[1]}"
            )

    def interval(self, weight: torch.Tensor) -> float:
        """Exact up to 2^18 pairs of weight and level; above, exact for 4,096 bins of magnitudes, then refined."""
        return best_interval(weight, self.largest)

    def indices(self, weight: torch.Tensor, interval: float) -> torch.Tensor:
        """round(w / q), cut to −L ... L."""
        return (weight / interval).round().clamp(-self.largest, self.largest) if interval else torch.zeros_like(weight)


@dataclass(frozen=True)
class Ternary(Levels):
    """{−q, 0, q} (001 §V-B Table VI)."""

    bits: int = 2
    coding: ClassVar[str] = "ternary"


@dataclass(frozen=True)
class Binary(LevelSet):
    """{−q, q} with q = mean|W|, which is the nearest such pair (001 §V-B Tables VI-VII)."""

    coding: ClassVar[str] = "binary"
    spacing: ClassVar[int] = 2

    @property
    def code_bits(self) -> int:
        """1: a sign."""
        return 1

    def interval(self, weight: torch.Tensor) -> float:
        """mean|W|."""
        return float(weight.detach().abs().double().mean())

    def indices(self, weight: torch.Tensor, interval: float) -> torch.Tensor:
        """+1 above 0, else −1."""
        return torch.where(weight > 0, 1.0, -1.0).to(weight.dtype)

    def check_weight(self, weight: torch.Tensor, where: str) -> None:
        """CompressionError for a pruned layer: its zeros are not among two levels."""
        if not bool(weight.all()):
            zeros = weight.numel() - int(weight.count_nonzero())
            raise CompressionError(f"{where} has {zeros} weights of 0, which Binary cannot keep; use Ternary")


def best_interval(weight: torch.Tensor, largest: int) -> float:
    """The q for which {k·q, |k| <= largest} is nearest to the weight by Euclidean distance; 0 for zeros alone.

    For integers k the best q is Σ|w|k / Σk², and it leaves ‖W‖² − (Σ|w|k)² / Σk². The nearest k of a weight grows by
    one where q falls past |w| / (k + ½): in the order of these points every assignment that can be best comes by.
    """
    magnitude = weight.detach().abs().flatten().double()
    magnitude = magnitude[magnitude > 0]
    if not len(magnitude):
        return 0.0
    if len(magnitude) * largest <= _EXACT_PAIRS:
        return _walked(magnitude, torch.ones_like(magnitude), largest)
    return _refined(magnitude, _walked(*_binned(magnitude), largest), largest)


def _walked(magnitude: torch.Tensor, counts: torch.Tensor, largest: int) -> float:
    """The best q for these magnitudes, each there `counts` times, by running sums over all assignments."""
    halves = torch.arange(largest, device=magnitude.device, dtype=torch.float64) + 0.5
    order = (magnitude[:, None] / halves).flatten().sort(descending=True).indices
    element, step = order // largest, order % largest
    products = (magnitude * counts)[element].cumsum(0)  # Σ|w|k: one more |w| at each point
    squares = (2 * halves[step] * counts[element]).cumsum(0)  # Σk²: (k + 1)² − k² = 2k + 1
    best = int((products.square() / squares).argmax())
    return float(products[best] / squares[best])


def _binned(magnitude: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean magnitude in each of the bins that are not empty, and how many it stands for."""
    place = (magnitude * (_BINS / magnitude.max())).long().clamp(max=_BINS - 1)
    counts = torch.bincount(place, minlength=_BINS)
    sums = torch.bincount(place, weights=magnitude, minlength=_BINS)
    return (sums / counts)[counts > 0], counts[counts > 0].double()


def _refined(magnitude: torch.Tensor, interval: float, largest: int) -> float:
    """q and the integers in turn, each the best for the other, until neither explains more of ‖W‖²."""
    explained = -1.0
    for _ in range(_ROUNDS):
        index = (magnitude / interval).round().clamp(max=largest)
        product, square = float(torch.dot(magnitude, index)), float(torch.dot(index, index))
        if product**2 / square <= explained:
            break
        interval, explained = product / square, product**2 / square
    return interval
