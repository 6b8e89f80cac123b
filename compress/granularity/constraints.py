"""The sets that ADMM projects on: how many elements, filters, channels or columns of a weight may stay.

All projections are pure and Euclidean (001 §IV-A, §IV-B Eq 3): what has the largest norm stays, the rest becomes 0. A
weight is (N, C, R, S) or (N, K); a *filter* is `W[n]`, a *channel* `W[:, c]`, a *column* `W[:, c, r, s]`, which is
column k = (c·R + r)·S + s of the layer's GEMM.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from accelsim.errors import CompressionError
from accelsim.validation import is_whole

from ..importance.magnitude import largest, squared_norms
from .fine_grained import FineGrained

_ROUNDS = 20  # alternations of a combination; each keeps at least as much as the one before


@dataclass(frozen=True)
class Constraint(ABC):
    """At most `keep` parts of a weight are not zero: a count, or a share strictly between 0 and 1."""

    keep: int | float
    part: ClassVar[str] = "part"
    removes_columns: ClassVar[bool] = True  # whole filters or columns go, so the network can become smaller

    @abstractmethod
    def energies(self, weight: torch.Tensor) -> torch.Tensor:
        """The squared norm of each part, in a shape that broadcasts against the weight."""

    def parts(self, shape: Sequence[int]) -> int:
        """How many parts a weight of this shape has; CompressionError where it has none of this kind."""
        return self.energies(torch.empty(tuple(shape), device="meta")).numel()

    def check(self, shape: Sequence[int], where: str) -> None:
        """CompressionError where `keep` is impossible for a weight of this shape; `where` names the layer."""
        try:
            most = self.parts(shape)
        except CompressionError as error:
            raise CompressionError(f"{where}: {error}") from None
        share = isinstance(self.keep, float) and 0 < self.keep < 1
        count = is_whole(self.keep, 1, most)
        if not (share or count):
            raise CompressionError(
                f"{where}: {type(self).__name__}(keep={self.keep!r}); expected 1 to {most} {self.part}s, "
                f"or a share strictly between 0 and 1"
            )

    def count(self, shape: Sequence[int]) -> int:
        """How many parts stay: `keep`, or the share of all parts, at least one."""
        return max(1, round(self.keep * self.parts(shape))) if isinstance(self.keep, float) else self.keep

    def mask(self, weight: torch.Tensor) -> torch.Tensor:
        """bool in the weight's shape: True where the part is among the `keep` largest (the first ones on ties)."""
        energies = self.energies(weight.detach())
        chosen = largest(energies.flatten(), self.count(weight.shape))
        return chosen.view(energies.shape).expand(weight.shape)

    def project(self, weight: torch.Tensor) -> torch.Tensor:
        """The nearest weight in the set, by Euclidean distance (001 §IV-B Eq 3)."""
        return weight * self.mask(weight)


@dataclass(frozen=True)
class Unstructured(Constraint):
    """At most `keep` elements stay, anywhere (001 §IV-A, non-structured).

    >>> Unstructured(keep=2).project(torch.tensor([[0.1, -3.0], [2.0, 0.5]]))
    tensor([[ 0., -3.],
            [ 2.,  0.]])
    """

    part: ClassVar[str] = "element"
    removes_columns: ClassVar[bool] = False

    def energies(self, weight: torch.Tensor) -> torch.Tensor:
        """w² of each element."""
        return weight.square()


@dataclass(frozen=True)
class Filters(Constraint):
    """At most `keep` filters `W[n]` stay: rows of the GEMM weight (001 §IV-A, filter pruning).

    >>> Filters(keep=0.5).mask(torch.tensor([[0.1, -3.0], [2.0, 0.5]]))
    tensor([[ True,  True],
            [False, False]])
    """

    part: ClassVar[str] = "filter"

    def energies(self, weight: torch.Tensor) -> torch.Tensor:
        """‖W[n]‖² as (N, 1, ...)."""
        return squared_norms(weight, range(1, weight.ndim))


@dataclass(frozen=True)
class Channels(Constraint):
    """At most `keep` input channels `W[:, c]` of a conv layer stay (001 §IV-A, channel pruning).

    >>> weight = torch.ones(4, 3, 2, 2)
    >>> weight[:, 1] = 2.0
    >>> Channels(keep=1).mask(weight).any(dim=0).any(dim=1).any(dim=1)
    tensor([False,  True, False])
    """

    part: ClassVar[str] = "channel"

    def energies(self, weight: torch.Tensor) -> torch.Tensor:
        """‖W[:, c]‖² as (1, C, 1, 1), with as many dimensions as the weight."""
        if weight.ndim < 3:
            raise CompressionError(
                f"Channels needs a conv weight (N, C, R, S); this one is {tuple(weight.shape)}; use Columns"
            )
        return squared_norms(weight, (0, *range(2, weight.ndim)))


@dataclass(frozen=True)
class Columns(Constraint):
    """At most `keep` columns `W[:, c, r, s]` of the GEMM weight stay (001 §IV-A, filter shape pruning).

    >>> Columns(keep=1).project(torch.tensor([[0.1, -3.0], [2.0, 0.5]]))
    tensor([[ 0.0000, -3.0000],
            [ 0.0000,  0.5000]])
    """

    part: ClassVar[str] = "column"

    def energies(self, weight: torch.Tensor) -> torch.Tensor:
        """‖W[:, k]‖² as (1, C, R, S) or (1, K)."""
        return squared_norms(weight, (0,))


class Combined:
    """Several constraints at once, such as `Combined(Columns(keep=100), Filters(keep=20))` (001 §VI Fig 8).

    The exact projection on such an intersection is a search for the heaviest submatrix, which is NP-hard. `mask`
    starts as the paper does, one constraint after another, then chooses each part again under the others' choice while
    that keeps more of the weight: never further away than the paper's, and exact for a single constraint.

    >>> Combined(Columns(keep=1), Filters(keep=1)).mask(torch.tensor([[0.1, -3.0], [2.0, 0.5]]))
    tensor([[False,  True],
            [False, False]])
    """

    def __init__(self, *constraints: Constraint) -> None:
        if not constraints:
            raise CompressionError("Combined() holds no constraint; expected at least one")
        self.constraints = constraints
        self.removes_columns = any(c.removes_columns for c in constraints)

    def check(self, shape: Sequence[int], where: str) -> None:
        """CompressionError where one of the constraints cannot hold for a weight of this shape."""
        for constraint in self.constraints:
            constraint.check(shape, where)

    def mask(self, weight: torch.Tensor) -> torch.Tensor:
        """bool in the weight's shape: True where every constraint keeps the element."""
        masks = [torch.ones_like(weight, dtype=torch.bool) for _ in self.constraints]
        best, most = torch.zeros_like(masks[0]), -1.0
        for _ in range(_ROUNDS):
            for i, constraint in enumerate(self.constraints):
                others = torch.stack([m for j, m in enumerate(masks) if j != i] or [torch.ones_like(best)]).all(dim=0)
                masks[i] = constraint.mask(weight * others)
            both = torch.stack(masks).all(dim=0)
            energy = float((weight * both).square().sum())
            if energy <= most:
                break
            best, most = both, energy
        return best

    def project(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight with everything outside `mask` set to 0."""
        return weight * self.mask(weight)


Projectable = Constraint | Combined | FineGrained
