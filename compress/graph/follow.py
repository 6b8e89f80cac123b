"""Who reads whom in a network: one run on an example, every function of torch followed channel by channel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from accelsim.errors import CompressionError

from ..layers import weights
from . import arithmetic, attention, movement, reading, recurrence
from .extents import Extent
from .network import Network
from .tracing import Follower, FunctionCall, Handler, NotFollowedError, tensors_in, words

_READS_NUMBERS = words("""
item tolist numpy __bool__ __float__ __int__ __index__ __array__ is_nonzero equal allclose
__contains__""")
_WRITES = words("__setitem__ copy scatter scatter_add index_add index_copy index_put index_fill masked_scatter put")


def follow(model: nn.Module, example_input: torch.Tensor | tuple[Any, ...]) -> Network:
    """Run the model once in evaluation mode and follow its channels; the model is left as it was.

    Raises CompressionError where it does not run, or decides by the numbers of a tensor which way it goes.
    """
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    follower = Follower(model, _HANDLERS, unknown)
    training = {module: module.training for module in model.modules()}
    try:
        model.eval()
        seen = [_seen(follower, leaf) for leaf in inputs]
        with torch.no_grad(), follower.hooked(), follower:
            result = model(*seen)
    except NotFollowedError as error:
        raise CompressionError(f"{type(model).__name__} cannot be followed: {error}") from error
    except Exception as error:  # the model's own code runs here
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise CompressionError(f"{type(model).__name__} cannot be followed on the example: {reason}") from error
    finally:
        for module, was in training.items():  # a user may have set some of them apart
            module.training = was
    return _finished(follower, result)


def _seen(follower: Follower, leaf: Any) -> Any:
    """An input with values of no unit, as a tensor of its own."""
    return follower.set_all(leaf.detach().view_as(leaf)) if isinstance(leaf, torch.Tensor) else leaf


def _finished(follower: Follower, result: Any) -> Network:
    network = follower.network
    outputs = tensors_in(_plain(result))
    follower.read(outputs)
    for tensor in outputs:
        follower.fix(follower.values(tensor), "it is the network's output")
    network.output = tuple(outputs)
    ran = {name for name, _ in network.writers()}
    shared = {id(weight.weight) for name, weight in weights(follower.model).items() if name in ran}
    for name, weight in weights(follower.model).items():
        if name not in ran and name not in network.unfollowed:
            near = follower.module_reason(weight.module)
            if near or id(weight.weight) not in shared:
                network.unfollowed[name] = near or "it did not run on the example"
    return network


def _plain(result: Any) -> Any:
    """What a model returns, as lists and dicts: some return objects of their own."""
    if isinstance(result, torch.Tensor | tuple | list | dict) or result is None:
        return result
    return list(vars(result).values()) if hasattr(result, "__dict__") else result


def unknown(follower: Follower, call: FunctionCall) -> Any:
    """A function that is not followed: what it reads is fixed, and named."""
    if call.name in _WRITES:
        return _written(follower, call)
    results = tensors_in(call.result)
    if results:
        for tensor in call.tensors:
            weight = follower.weight(tensor)
            if weight is not None:
                follower.network.unfollowed[weight.name] = f"{call.name.strip('_.')} is not followed"
            if id(tensor) in call.before:
                follower.fix(follower.values(tensor, call), f"{call.name.strip('_.')} is not followed")
        follower.set_all(call.result)
    return call.result


def _written(follower: Follower, call: FunctionCall) -> Any:
    for tensor in call.tensors:
        follower.fix(follower.values(tensor, call), f"{call.name.strip('_')} writes to places that the code fixes")
    if call.tensors:
        follower.set_all(call.tensors[0])
    return follower.set_all(call.result)


def _reads_numbers(follower: Follower, call: FunctionCall) -> Any:
    if follower.depends and call.tensors:
        raise NotFollowedError(f"it decides by the numbers of a tensor ({call.name.strip('_')})")
    return call.result


def _shape(follower: Follower, call: FunctionCall) -> Any:
    """Sizes that say where they come from."""
    tensor = call.tensors[0]
    if id(tensor) not in call.before:
        return call.result
    values = follower.values(tensor, call)
    if isinstance(call.result, torch.Size):
        return torch.Size([_extent(follower, values, d, n) for d, n in enumerate(call.result)])
    dim = call.argument(1, "dim")
    return _extent(follower, values, None if dim is None else int(dim) % tensor.ndim, call.result)


def _extent(follower: Follower, values: torch.Tensor, dim: int | None, size: int) -> Extent:
    extent = Extent(size)
    if any(d == dim or dim is None for d in follower.dims(values)):
        extent.used = partial(follower.fix, values, "the code computes a number from how many there are")
        extent.units = np.unique(follower.unit_map(values))
    return extent


def _handlers() -> dict[str, Handler]:
    table: dict[str, Handler] = dict.fromkeys(_READS_NUMBERS, _reads_numbers)
    table |= dict.fromkeys(["size", ".shape", "numel", "nelement"], _shape)
    for room in (arithmetic, movement, reading, recurrence, attention):
        table |= room.handlers()
    return table


_HANDLERS = _handlers()


@dataclass
class Flow:
    """One producing layer, the norms behind it and all the layers that read it."""

    producer: str
    norms: set[str]
    consumers: list[str]


def flows(model: nn.Module, example_input: torch.Tensor) -> list[Flow]:
    """The flow of each layer of whose outputs some may leave; the others are in `groups(...).fixed`, with the reason.

    Raises CompressionError where the model cannot be followed.
    """
    network = follow(model, example_input)
    fixed = network.units.reasons()
    result: dict[str, Flow] = {}
    for name, units in network.writers():
        own = set(units.tolist()) - fixed.keys() - {0}
        if own:
            norms = {norm for norm, at in network.norms.items() if own & set(network.units.roots(at).tolist())}
            readers = [reader for reader, at in network.readers() if own & set(at.tolist())]
            result.setdefault(name, Flow(name, norms, list(dict.fromkeys(readers))))
    return list(result.values())
