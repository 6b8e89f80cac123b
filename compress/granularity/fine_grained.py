"""Sets of fine grain: what may stay is counted within every block, group or kernel, so that hardware knows how much it
gets (001 §II-A).

A weight is (N, C, R, S) or (N, K); its GEMM's row is `weight.flatten(1)`, k = (c·R + r)·S + s.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional

from accelsim.errors import CompressionError
from accelsim.validation import is_whole

from ..importance.magnitude import largest


@dataclass(frozen=True)
class FineGrained(ABC):
    """A set whose nearest member has the weight's own values where its mask is True, and 0 elsewhere."""

    removes_columns: ClassVar[bool] = False

    @abstractmethod
    def check(self, shape: Sequence[int], where: str) -> None:
        """CompressionError where the set holds no weight of this shape but zero; `where` names the layer."""

    @abstractmethod
    def mask(self, weight: torch.Tensor) -> torch.Tensor:
        """bool in the weight's shape: True where the nearest member of the set is not zero."""

    def project(self, weight: torch.Tensor) -> torch.Tensor:
        """The nearest weight in the set, by Euclidean distance (001 §IV-B Eq 3)."""
        return weight * self.mask(weight)


@dataclass(frozen=True)
class Blocks(FineGrained):
    """At most `keep` weights of every `width` that follow each other in a row of the GEMM stay.

    The last block of a row may be shorter, and then keeps as many, where it has them. With 2 of 4 it is N:M sparsity
    (Mishra et al. 2021, arXiv 2104.08378, section 3), with the width of a SIMD register what 001 §II-A calls
    SIMD-aware: every block is pruned by itself.

    >>> Blocks(keep=1, width=2).project(torch.tensor([[0.1, -3.0, 2.0, 0.5, 1.0]]))
    tensor([[ 0., -3.,  2.,  0.,  1.]])
    """

    keep: int
    width: int

    def check(self, shape: Sequence[int], where: str) -> None:
        """CompressionError unless 1 ≤ keep < width."""
        if not (is_whole(self.width, 2, 2**20) and is_whole(self.keep, 1, self.width - 1)):
            raise CompressionError(
                f"{where}: {self.keep!r} of every {self.width!r} weights; a width of 2 or more, and at least 1 and "
                f"fewer than all of them to keep, is expected"
            )

    def mask(self, weight: torch.Tensor) -> torch.Tensor:
        """The largest magnitudes of each block, the first ones on ties."""
        rows = weight.detach().abs().flatten(1)
        inputs = rows.shape[1]
        blocks = functional.pad(rows, (0, -inputs % self.width), value=-1.0).view(len(rows), -1, self.width)
        order = blocks.argsort(dim=2, descending=True, stable=True)
        chosen = torch.zeros_like(blocks, dtype=torch.bool).scatter_(2, order[..., : self.keep], True)
        return chosen.flatten(1)[:, :inputs].reshape(weight.shape)


@dataclass(frozen=True)
class PatternKernels(FineGrained):
    """Each kernel W[n, c] has one of a few patterns of `entries` weights, and only a share of the kernels stays.

    The library is made of the weight itself: of the patterns that each kernel's largest magnitudes form, the `patterns`
    most frequent (Ma et al., ECCV 2020, section 4, reference [49] of 001 §II-A, with 4 entries and 8 patterns of 3×3
    kernels). A kernel takes the pattern that leaves most of its squared norm, and the share `keep` of the kernels with
    the largest norms under their patterns stays.

    >>> kernel = torch.tensor([[0.0, 2.0, 0.0], [3.0, 5.0, 4.0], [0.0, 1.0, 0.0]]).view(1, 1, 3, 3)
    >>> PatternKernels(keep=0.5).project(kernel).view(3, 3)
    tensor([[0., 2., 0.],
            [3., 5., 4.],
            [0., 0., 0.]])
    """

    keep: float
    entries: int = 4
    patterns: int = 8

    def check(self, shape: Sequence[int], where: str) -> None:
        """CompressionError where kernels have no more than `entries` weights, or a number is out of its range."""
        taps = _taps(shape, where)
        if not (is_whole(self.entries, 1, taps - 1) and is_whole(self.patterns, 1, 2**20)):
            raise CompressionError(
                f"{where}: {self.patterns!r} patterns of {self.entries!r} entries; 1 to {taps - 1} entries of its "
                f"kernels' {taps}, and 1 pattern or more, are expected"
            )
        if not (isinstance(self.keep, float) and 0 < self.keep < 1):
            raise CompressionError(f"{where}: keep={self.keep!r} of the kernels; a share between 0 and 1 is expected")

    def mask(self, weight: torch.Tensor) -> torch.Tensor:
        """The pattern of each kernel that stays."""
        squares = weight.detach().square().flatten(2).flatten(0, 1)
        library = self.library(squares)
        energies = squares @ library.T.to(squares.dtype)
        energy, pattern = energies.max(dim=1)
        stays = largest(energy, max(1, round(self.keep * len(energy))))
        return (library[pattern] & stays[:, None]).view(weight.shape)

    def library(self, squares: torch.Tensor) -> torch.Tensor:
        """bool (patterns, R·S): the most frequent sets of largest entries among kernels given as squares (N·C, R·S)."""
        alive = squares[squares.any(dim=1)] if squares.any() else squares  # a kernel that is gone has no pattern
        order = alive.argsort(dim=1, descending=True, stable=True)[:, : self.entries]
        own = torch.zeros_like(alive, dtype=torch.bool).scatter_(1, order, True)
        distinct, counts = torch.unique(own, dim=0, return_counts=True)
        frequent: torch.Tensor = distinct[counts.argsort(descending=True, stable=True)[: self.patterns]]
        return frequent


def _taps(shape: Sequence[int], where: str) -> int:
    """Weights of one kernel; CompressionError where a weight has no kernels."""
    if len(shape) < 3:
        raise CompressionError(f"{where}: patterns need a conv weight (N, C, R, S); this one is {tuple(shape)}")
    return int(torch.Size(shape[2:]).numel())
