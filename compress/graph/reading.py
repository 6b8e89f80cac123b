"""Following layers: what a convolution, a linear layer, an embedding or a norm reads and writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..layers import Weight
from .arithmetic import column, joined
from .effects import Needed, Norm, Product
from .numbers import BatchNorm
from .tracing import Follower, FunctionCall, Handler, words
from .units import NO_UNIT, core_of

_CONVOLUTIONS = words("conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d")
_SPATIAL = words("""
max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d lp_pool1d lp_pool2d interpolate upsample
upsample_nearest upsample_bilinear grid_sample""")


def product(follower: Follower, call: FunctionCall) -> Any:
    """A conv, transposed conv or linear layer."""
    values = follower.values(call.argument(0, "input"), call)
    weight = follower.weight(call.argument(1, "weight"))
    dim = -1 if call.name == "linear" else -1 - int(call.name[-2])
    if weight is None or (weight.kind == "linear") != (call.name == "linear"):
        return unknown_weight(follower, call)
    read = column(follower, values, dim, f"layer {weight.name!r}")
    if read is None:
        follower.network.unfollowed[weight.name] = "its channels lie along another dimension than the layer reads"
        return follower.set_all(call.result)
    outputs = _outputs(follower, weight, call.argument(1, "weight"), follower.units.of(read))
    written = follower.units.values(outputs)
    follower.add(Product(weight.name, written, read))
    bias_axis(follower, call.argument(2, "bias"), outputs)
    shape = [1] * call.result.ndim
    shape[dim] = -1
    return follower.set(call.result, torch.from_numpy(written).view(shape).expand(call.result.shape))


def unknown_weight(follower: Follower, call: FunctionCall) -> Any:
    """A layer that computes with something else than a parameter of its own."""
    for tensor in call.tensors:
        follower.fix(follower.values(tensor, call), f"{call.name} computes with a weight that is no layer's parameter")
    name = follower.module_name()
    if name:
        follower.network.unfollowed[name] = f"{call.name} computes with a weight that is no layer's own parameter"
    return follower.set_all(call.result)


def parameter_name(follower: Follower, weight: Weight) -> str:
    """A weight's parameter by its name in the whole model."""
    owner = follower.names[weight.module]
    return f"{owner}.{weight.parameter}" if owner else weight.parameter


def _outputs(follower: Follower, weight: Weight, tensor: torch.Tensor, read: np.ndarray) -> np.ndarray:
    """The units of the outputs (N,), laid on the axes of the weight, as are those of its inputs `read` (C,)."""
    name, transposed, groups = parameter_name(follower, weight), weight.kind == "transposed", weight.groups
    width = len(read) // groups
    filters = tensor.shape[1] * groups if transposed else tensor.shape[0]
    if groups > 1 and width == 1:  # depthwise: each filter goes with its one input
        outputs = read.repeat(filters // groups)
        follower.network.axis(name, 0, read if transposed else outputs)
        return outputs
    if groups == 1:
        follower.network.axis(name, 0 if transposed else 1, read)
        return follower.network.axis(name, 1 if transposed else 0, follower.units.new(filters))
    rows = read.reshape(groups, width)
    for row in rows[1:]:
        follower.units.unite(rows[0], row)
    follower.units.fix(rows[:, (rows == NO_UNIT).any(axis=0)], "a grouped convolution reads it beside fixed channels")
    own = follower.units.new(filters // groups)
    tiled = np.tile(own, groups)
    follower.network.axis(name, 0 if transposed else 1, np.tile(rows[0], groups) if transposed else rows[0])
    axis = follower.network.axis(name, 1 if transposed else 0, own if transposed else tiled)
    return np.tile(axis, groups) if transposed else axis


def bias_axis(follower: Follower, tensor: Any, units: np.ndarray) -> None:
    """A bias, scale or statistic that has one number a channel loses what the channels lose."""
    name = follower.named.get(id(tensor)) if isinstance(tensor, torch.Tensor) else None
    if name is not None and tensor.shape == units.shape:
        follower.network.axis(name, 0, units)
    elif isinstance(tensor, torch.Tensor) and tensor.numel() > 1:
        follower.units.fix(units, "it has a bias that is no parameter")


def embedding(follower: Follower, call: FunctionCall) -> Any:
    """An embedding: the columns of its table are its outputs."""
    weight = follower.weight(call.argument(1, "weight"))
    if weight is None:
        return unknown_weight(follower, call)
    for tensor in call.tensors[:1]:
        follower.fix(follower.values(tensor, call), "it chooses the rows of an embedding")
    table = call.argument(1, "weight")
    units = follower.network.axis(parameter_name(follower, weight), 1, follower.units.new(table.shape[1]))
    written = follower.units.values(units)
    follower.add(Product(weight.name, written, None))
    return follower.set(call.result, torch.from_numpy(written).expand(call.result.shape))


def batch_norm(follower: Follower, call: FunctionCall) -> Any:
    """A batch norm: each channel on its own."""
    values = follower.values(call.argument(0, "input"), call)
    read = column(follower, values, 1, "a batch norm")
    name = follower.module_name(BatchNorm)
    if read is None or name is None:
        return follower.set(call.result, follower.opaque(values))
    units = follower.units.of(read)
    written = follower.units.values(units)
    follower.add(Norm(name, written, read))
    follower.network.norms[name] = units
    for place, own in ((1, "running_mean"), (2, "running_var"), (3, "weight"), (4, "bias")):
        bias_axis(follower, call.argument(place, own), units)
    shape = [1] * values.ndim
    shape[1] = -1
    return follower.set(call.result, torch.from_numpy(written).view(shape).expand(values.shape))


def instance_norm(follower: Follower, call: FunctionCall) -> Any:
    """An instance norm: each channel on its own, and its shift where the channel is 0."""
    values = follower.values(call.argument(0, "input"), call)
    read = column(follower, values, 1, "an instance norm")
    if read is not None:
        for place, own in ((1, "running_mean"), (2, "running_var"), (3, "weight"), (4, "bias")):
            bias_axis(follower, call.argument(place, own), follower.units.of(read))
    return follower.set(call.result, follower.opaque(values))


def layer_norm(follower: Follower, call: FunctionCall) -> Any:
    """A norm over the last dimensions: where those are the channels, their mean and variance hang on each of them."""
    values = follower.values(call.argument(0, "input"), call)
    count = len(call.argument(1, "normalized_shape"))
    if any(d >= values.ndim - count for d in follower.dims(values)):
        follower.fix(values, f"{call.name} takes its statistics over the channels")
    return follower.set(call.result, follower.opaque(values))


def group_norm(follower: Follower, call: FunctionCall) -> Any:
    """Statistics over several channels."""
    values = follower.values(call.argument(0, "input"), call)
    follower.fix(values, f"{call.name} takes its statistics over the channels")
    return follower.set(call.result, follower.opaque(values))


def spatial(follower: Follower, call: FunctionCall) -> Any:
    """Pooling and interpolation: (B, C, ...) to (B, C, ...), or without the batch; each channel on its own."""
    tensor = call.argument(0, "input")
    values = follower.values(tensor, call)
    results = call.result if isinstance(call.result, tuple) else (call.result,)
    kernel = int(call.name[-2]) if call.name[-1] == "d" else tensor.ndim - 2
    first = tensor.ndim - kernel
    if any(d >= first for d in follower.dims(values)):
        follower.fix(values, f"{call.name} works along the channels")
        return follower.set_all(call.result)
    left = core_of(joined(follower, values, range(first, tensor.ndim)))
    for result in results:
        follower.set(result, left.expand(result.shape))
    return call.result


def prelu(follower: Follower, call: FunctionCall) -> Any:
    """A ReLU with a slope a channel: 0 stays 0."""
    tensor, slope = call.argument(0, "input"), call.argument(1, "weight")
    values = follower.values(tensor, call)
    if slope.numel() > 1:
        read = column(follower, values, 1, "a PReLU")
        if read is not None:
            bias_axis(follower, slope, follower.units.of(read))
    return follower.set(call.result, values)


def attention_product(follower: Follower, call: FunctionCall) -> Any:
    """scaled_dot_product_attention: queries meet keys, and the values' features are the output's."""
    query, key, value = (follower.values(call.argument(i, n), call) for i, n in enumerate(("query", "key", "value")))
    pairs = [column(follower, v, -1, "attention") for v in (query, key, value)]
    for values in (query, key):
        if call.kwargs.get("scale") is None:
            follower.fix(values, "the scale of attention follows from a head's width")
    if pairs[0] is not None and pairs[1] is not None:
        follower.units.unite(follower.units.of(pairs[0]), follower.units.of(pairs[1]))
        follower.add(Needed(pairs[0], pairs[1]))
    if pairs[2] is None:
        return follower.set_all(call.result)
    return follower.set(call.result, torch.from_numpy(pairs[2]).expand(call.result.shape))


def matmul(follower: Follower, call: FunctionCall) -> Any:
    """A product of two activations: what is summed over meets its counterpart, the rest goes on."""
    tensors = call.tensors
    if call.name == "__rmatmul__":
        tensors = tensors[::-1]
    if len(tensors) != 2 or min(t.ndim for t in tensors) < 2:
        return follower.unknown(follower, call)
    first, second = (follower.values(t, call) for t in tensors)
    outer = [v for v, d in ((first, first.ndim - 1), (second, second.ndim - 2)) if set(follower.dims(v)) - {d}]
    if len(outer) == 2:
        for values in outer:
            follower.fix(values, "channels are multiplied by channels")
        return follower.set_all(call.result)
    inner = [
        None if any(v is o for o in outer) else column(follower, v, d, "a product")
        for v, d in ((first, -1), (second, -2))
    ]
    own = [follower.units.of(i) if i is not None else np.zeros(first.shape[-1], np.int64) for i in inner]
    follower.units.unite(*own)
    lone = (own[0] == NO_UNIT) ^ (own[1] == NO_UNIT)
    follower.units.fix(np.maximum(*own)[lone], "it is summed up with numbers that are not the network's own")
    if inner[0] is not None and inner[1] is not None:
        follower.add(Needed(inner[0], inner[1]))
    return _outer_values(follower, call, first, second, outer)


def _outer_values(follower: Follower, call: FunctionCall, first: Any, second: Any, outer: list[Any]) -> Any:
    """What is not summed over keeps its place: rows of the first, columns of the second, and their batches."""
    if not outer:
        return follower.set_all(call.result)
    left = outer[0] is first
    values = joined(follower, outer[0], [outer[0].ndim - (1 if left else 2)])
    return follower.set(call.result, core_of(values).expand(call.result.shape))


def handlers() -> dict[str, Handler]:
    """By the names of the functions."""
    table: dict[str, Handler] = dict.fromkeys([*_CONVOLUTIONS, "linear"], product) | dict.fromkeys(_SPATIAL, spatial)
    table |= dict.fromkeys(["layer_norm", "rms_norm"], layer_norm)
    table |= dict.fromkeys(["group_norm", "local_response_norm"], group_norm)
    table |= {"embedding": embedding, "batch_norm": batch_norm, "instance_norm": instance_norm, "prelu": prelu}
    table |= dict.fromkeys(["matmul", "bmm", "mm", "__matmul__", "__rmatmul__"], matmul)
    return table | {"scaled_dot_product_attention": attention_product}
