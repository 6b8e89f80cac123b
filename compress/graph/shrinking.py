"""Pruned filters and channels taken out for good: the model becomes smaller and computes the same."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from ..layers import Layer, layer, weighted_layers
from .follow import BatchNorm, Consumer, Flow, flows
from .masks import release


@dataclass
class Tensors:
    """A layer's weight and bias, its own or others in their place."""

    weight: torch.Tensor
    bias: torch.Tensor | None


def shrink(model: nn.Module, example_input: torch.Tensor) -> nn.Module:
    """A smaller copy of `model` that computes the same; `model` itself stays as it is.

    A filter goes when its output is 0 everywhere (weights and bias 0, batch norm shift 0) or when no layer that reads
    it has a weight on it; its channel then leaves those layers too (001 §VI, "the channels that die with them"). Only
    chains of elementwise operations, pooling, batch norm and flatten between conv and linear layers are followed
    (torch.fx); behind anything else the model is left alone. A layer keeps at least one filter.

    >>> model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> _ = nn.init.zeros_(model[2].weight[:, :3])  # no layer reads the first three filters
    >>> smaller = shrink(model, torch.zeros(1, 8))
    >>> smaller[0].weight.shape, smaller[2].weight.shape
    (torch.Size([1, 8]), torch.Size([2, 1]))
    """
    smaller = copy.deepcopy(model)
    release(smaller)
    while sum(_shrink_one(smaller, flow) for flow in flows(smaller, example_input)):  # every flow, until none changes
        pass
    return smaller


@torch.no_grad()
def dead_filters(module: Layer | Tensors) -> torch.Tensor:
    """bool (N,): the filter's weights and its bias are all 0."""
    dead = ~module.weight.flatten(1).any(dim=1)
    return dead if module.bias is None else dead & (module.bias == 0)


@torch.no_grad()
def _shrink_one(model: nn.Module, flow: Flow) -> bool:
    """Remove what is dead in one flow; True where anything went."""
    producer = layer(model, flow.producer)
    dead = dead_filters(producer)
    removable = torch.ones_like(dead)
    for consumer in flow.consumers:
        silent = dead & _stays_zero(model, consumer, dead)
        removable &= silent | _unread(layer(model, consumer.layer), consumer.features)
    if bool(removable.all()):
        removable[0] = False
    if not bool(removable.any()):
        return False
    _keep(model, flow, (~removable).nonzero().flatten())
    return True


def _stays_zero(model: nn.Module, consumer: Consumer, like: torch.Tensor) -> torch.Tensor:
    """bool (N,): a channel of zeros still is one behind the batch norms on the way to this consumer."""
    zero = torch.ones_like(like, dtype=torch.bool)
    for name in consumer.norms:
        zero &= _image_of_zero(model.get_submodule(name)) == 0
    return zero


@torch.no_grad()
def clear(model: nn.Module, example_input: torch.Tensor) -> None:
    """Set to 0, in place, what can make no difference: filters that no layer reads, and weights on outputs that are 0.

    The model computes the same with fewer weights: non-structured pruning leaves some that lead nowhere. Followed as
    far as `shrink` follows.
    """
    own = {name: Tensors(module.weight, module.bias) for name, module in weighted_layers(model).items()}
    all_flows = flows(model, example_input)
    while clear_silent(model, own, all_flows) or clear_unread(model, own, all_flows):
        pass


@torch.no_grad()
def clear_silent(model: nn.Module, layers: Mapping[str, Tensors], all_flows: Iterable[Flow]) -> bool:
    """Set to 0, in `layers`, weights on outputs that are 0; whether there were any. The model is only read."""
    cleared = False
    for flow in all_flows:
        dead = dead_filters(layers[flow.producer])
        for consumer in flow.consumers:
            silent = (dead & _stays_zero(model, consumer, dead)).repeat_interleave(consumer.features)
            cleared |= bool(layers[consumer.layer].weight[:, silent].any())
            layers[consumer.layer].weight[:, silent] = 0
    return cleared


@torch.no_grad()
def clear_unread(model: nn.Module, layers: Mapping[str, Tensors], all_flows: Iterable[Flow]) -> bool:
    """Set to 0, in `layers`, filters that no layer reads, with their biases; whether there were any."""
    cleared = False
    for flow in (flow for flow in all_flows if flow.consumers):
        producer = layers[flow.producer]
        readers = [_unread(layers[consumer.layer], consumer.features) for consumer in flow.consumers]
        unread = torch.stack(readers).all(dim=0)
        cleared |= bool(producer.weight[unread].any())
        producer.weight[unread] = 0
        if producer.bias is not None:
            producer.bias[unread] = 0
    return cleared


def _image_of_zero(norm: nn.Module) -> torch.Tensor:
    """What a batch norm makes of 0 in inference: bias − mean · weight / √(variance + ε), by channel; NaN if unknown."""
    assert isinstance(norm, BatchNorm)
    if norm.running_mean is None or norm.running_var is None:
        return torch.full((norm.num_features,), torch.nan)
    scale = (norm.running_var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
    return (0 if norm.bias is None else norm.bias) - norm.running_mean * scale


def _unread(consumer: Layer | Tensors, features: int) -> torch.Tensor:
    """bool (N,): the consumer has no weight on the channel."""
    used = consumer.weight.flatten(2).any(dim=2) if consumer.weight.ndim > 2 else consumer.weight != 0
    return ~used.any(dim=0).view(-1, features).any(dim=1)


def _keep(model: nn.Module, flow: Flow, channels: torch.Tensor) -> None:
    """Cut the producer, its batch norms and its consumers to the channels at these positions."""
    _take(layer(model, flow.producer), channels, 0)
    for name in flow.norms:
        _take_norm(model.get_submodule(name), channels)
    for consumer in flow.consumers:
        inputs = (channels[:, None] * consumer.features + torch.arange(consumer.features)).flatten()
        _take(layer(model, consumer.layer), inputs, 1)


def _take(module: Layer, channels: torch.Tensor, dim: int) -> None:
    """Keep these filters (dim 0, bias too) or these inputs (dim 1) of a layer."""
    module.weight = nn.Parameter(module.weight.index_select(dim, channels))
    if dim == 0 and module.bias is not None:
        module.bias = nn.Parameter(module.bias[channels])
    names = ("out_channels", "in_channels") if isinstance(module, nn.Conv2d) else ("out_features", "in_features")
    setattr(module, names[dim], len(channels))


def resize(model: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Give the model's layers and batch norms the shapes of a shrunk model's `state`, whose values are yet to come."""
    for name, module in model.named_modules():
        for own, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            wanted = state.get(f"{name}.{own}".removeprefix("."))
            if wanted is not None and wanted.shape != tensor.shape:
                empty = torch.empty_like(wanted)
                setattr(module, own, nn.Parameter(empty) if isinstance(tensor, nn.Parameter) else empty)
        _describe(module)


def _describe(module: nn.Module) -> None:
    """A layer's own words for its sizes, after its weight's shape."""
    if isinstance(module, nn.Conv2d):
        module.out_channels, module.in_channels = len(module.weight), module.weight.shape[1] * module.groups
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, BatchNorm) and module.running_mean is not None:
        module.num_features = len(module.running_mean)


def _take_norm(norm: nn.Module, channels: torch.Tensor) -> None:
    assert isinstance(norm, BatchNorm)
    for name in ("weight", "bias"):
        if getattr(norm, name) is not None:
            setattr(norm, name, nn.Parameter(getattr(norm, name)[channels]))
    for name in ("running_mean", "running_var"):
        if getattr(norm, name) is not None:
            setattr(norm, name, getattr(norm, name)[channels])
    norm.num_features = len(channels)
