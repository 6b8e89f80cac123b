"""Importance by magnitude: the squared norm of each group of weights, and the groups where it is largest."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def squared_norms(weight: torch.Tensor, dims: Sequence[int]) -> torch.Tensor:
    """‖·‖² over these dimensions of a weight, which are 1 in the result: it broadcasts against the weight.

    >>> squared_norms(torch.tensor([[3.0, 4.0], [1.0, 0.0]]), [1])
    tensor([[25.],
            [ 1.]])
    """
    return weight.square().sum(dim=tuple(dims), keepdim=True)


def largest(values: torch.Tensor, count: int) -> torch.Tensor:
    """bool in the shape of `values` (n,): True at the `count` largest, the first ones on ties. Linear in n.

    >>> largest(torch.tensor([2.0, 5.0, 2.0, 1.0]), 2)
    tensor([ True,  True, False, False])
    """
    least = values.kthvalue(len(values) - count + 1).values
    chosen = values > least
    ties = (values == least).nonzero().flatten()
    chosen[ties[: count - int(chosen.sum())]] = True
    return chosen
