"""Pruned filters, channels, heads and units taken out for good: the model becomes smaller and computes the same."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from accelsim.errors import CompressionError

from ..layers import weights
from ..plain import trained_copy
from .cutting import cut
from .effects import Cell, Product, Recurrent
from .follow import follow
from .masks import plain_names
from .network import Network
from .numbers import Numbers, Tensors, dead_filters
from .resizing import resize

_CLOSE = 1e-3  # of the largest output: what float sums in another order may differ by


class NotShrunkWarning(UserWarning):
    """Part of a network could not be followed, so that what is pruned there stays in place as zeros."""


def shrink(model: nn.Module, example_input: torch.Tensor | tuple[Any, ...]) -> nn.Module:
    """A smaller copy of `model` that computes the same; `model` itself stays as it is.

    A channel goes when it is 0 everywhere (weights and bias 0, batch norm shift 0) or when no layer that reads it has
    a weight on it; it then leaves all layers of its group (001 §VI, "the channels that die with them"), as do the heads
    of an attention layer and the units of a recurrent one. A layer keeps at least one. The smaller model has been
    compared with the given one on the example. Warns, with `NotShrunkWarning`, where the model or one of its layers
    cannot be followed: `groups` says why.

    >>> model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> _ = nn.init.zeros_(model[2].weight[:, :3])  # no layer reads the first three filters
    >>> smaller = shrink(model, torch.zeros(1, 8))
    >>> smaller[0].weight.shape, smaller[2].weight.shape
    (torch.Size([1, 8]), torch.Size([2, 1]))
    """
    smaller = trained_copy(model)
    try:
        network = follow(smaller, example_input)
    except CompressionError as error:
        warnings.warn(f"nothing was removed: {error}", NotShrunkWarning, stacklevel=2)
        return smaller
    network.fix_missing(plain_names(smaller))
    if network.unfollowed:
        listed = "; ".join(f"{name} ({reason})" for name, reason in network.unfollowed.items())
        warnings.warn(f"nothing was removed of {listed}", NotShrunkWarning, stacklevel=2)
    gone = network.removable(Numbers(smaller))
    if not gone.any():
        return smaller
    result = copy.deepcopy(smaller)
    cut(result, network, gone)
    return result if _same(network, result, example_input) else _shrunk_by_group(smaller, network, gone, example_input)


def _shrunk_by_group(model: nn.Module, network: Network, gone: np.ndarray, example_input: Any) -> nn.Module:
    """The model without those groups' units that can leave it; the others are named in a warning."""
    accepted, result, staying = np.zeros_like(gone), model, []
    for group in network.members():
        own = np.zeros_like(gone)
        own[group] = gone[group]
        if own.any():
            trial = copy.deepcopy(model)
            cut(trial, network, accepted | own)
            if _same(network, trial, example_input):
                accepted, result = accepted | own, trial
            else:
                staying += [name for name, units in network.writers() if np.isin(units, group).any()]
    names = ", ".join(dict.fromkeys(staying))
    reason = "without it the model does not run, or computes something else"
    warnings.warn(f"nothing was removed of {names}: {reason}", NotShrunkWarning, stacklevel=3)
    return result


def _same(network: Network, smaller: nn.Module, example_input: Any) -> bool:
    """Does the smaller network compute the same on the example?"""
    try:
        after = follow(smaller, example_input).output
    except CompressionError:
        return False
    return all(b.shape == a.shape and _equal(b, a) for b, a in zip(network.output, after, strict=True))


def _equal(before: torch.Tensor, now: torch.Tensor) -> bool:
    if not before.is_floating_point():
        return bool((before == now).all())
    largest = float(before[before.isfinite()].abs().max()) if bool(before.isfinite().any()) else 0.0
    return torch.allclose(now, before, rtol=_CLOSE, atol=_CLOSE * largest, equal_nan=True)


@torch.no_grad()
def clear(model: nn.Module, example_input: torch.Tensor) -> None:
    """Set to 0, in place, what can make no difference: filters that no layer reads, and weights on outputs that are 0.

    The model computes the same with fewer weights: non-structured pruning leaves some that lead nowhere. Followed as
    far as `shrink` follows.
    """
    own = {name: Tensors(weight.weight, weight.bias) for name, weight in weights(model).items()}
    try:
        network = follow(model, example_input)
    except CompressionError as error:
        warnings.warn(f"nothing was cleared: {error}", NotShrunkWarning, stacklevel=2)
        return
    while clear_silent(model, own, network) or clear_unread(model, own, network):
        pass


@torch.no_grad()
def clear_silent(model: nn.Module, layers: Mapping[str, Tensors], network: Network) -> bool:
    """Set to 0, in `layers`, weights on values that are 0; whether there were any. The model is only read."""
    numbers = Numbers(model, layers)
    zero, cleared = network.zeros(numbers), False
    for effect in network.effects:
        if isinstance(effect, Product):
            cleared |= _clear(numbers, effect.layer, effect.silent(zero, numbers))
        elif isinstance(effect, Recurrent):
            rows = effect.gates * len(effect.outputs)
            for name, read in zip(effect.layers, (effect.inputs, effect.outputs), strict=True):
                cleared |= _clear(numbers, name, np.broadcast_to(zero[read], (rows, len(read))))
    return cleared


@torch.no_grad()
def clear_unread(model: nn.Module, layers: Mapping[str, Tensors], network: Network) -> bool:
    """Set to 0, in `layers`, filters that no layer reads, with their biases; whether there were any."""
    numbers = Numbers(model, layers)
    live, cleared = network.lives(network.zeros(numbers), numbers, through=False), False
    shared = _live_rows(network, live)
    for name, rows in shared.items():
        tensors = layers[name]
        cleared |= _clear(numbers, name, np.broadcast_to(~rows[:, None], numbers.used(name).shape))
        if tensors.bias is not None and len(tensors.bias) == len(rows):
            tensors.bias[torch.from_numpy(~rows).to(tensors.bias.device)] = 0
    return cleared


def _live_rows(network: Network, live: np.ndarray) -> dict[str, np.ndarray]:
    """bool (N,) a layer: the filter is read where the layer runs, once or several times."""
    rows: dict[str, np.ndarray] = {}
    for effect in network.effects:
        if isinstance(effect, Product) and effect.inputs is not None:
            rows[effect.layer] = rows.get(effect.layer, False) | live[effect.outputs]
        elif isinstance(effect, Recurrent | Cell):
            for name in effect.layers:
                rows[name] = rows.get(name, False) | np.tile(live[effect.outputs], effect.gates)
    return rows


def _clear(numbers: Numbers, name: str, parts: np.ndarray) -> bool:
    """Set to 0 the weights (N, C/groups) of these filters on these inputs; whether there were any."""
    if not (numbers.used(name) & parts).any():
        return False
    weight = numbers.weights[name]
    tensor = numbers.tensors(name).weight
    mask = torch.from_numpy(parts.copy()).to(tensor.device)
    shape = weight.oriented(tensor).shape
    full = mask.view(*mask.shape, *[1] * (len(shape) - 2)).expand(shape)
    tensor.masked_fill_(weight.restored(full), 0)
    numbers.forget(name)
    return True


__all__ = ["NotShrunkWarning", "Tensors", "clear", "clear_silent", "clear_unread", "dead_filters", "resize", "shrink"]
