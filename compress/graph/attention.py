"""Following attention layers: a head is its rows of queries, keys and values and its columns of the output."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .arithmetic import column
from .effects import Heads, Product
from .reading import bias_axis, parameter_name, unknown_weight
from .tracing import Follower, FunctionCall, Handler
from .units import NO_UNIT


def attention(follower: Follower, call: FunctionCall) -> Any:
    """nn.MultiheadAttention with one projection of queries, keys and values."""
    plain = call.argument(7, "bias_k") is None and not call.argument(9, "add_zero_attn")
    if not plain or call.kwargs.get("use_separate_proj_weight"):
        return _give_up(follower, call)
    own = ((5, "in_proj_weight"), (6, "in_proj_bias"), (11, "out_proj_weight"), (12, "out_proj_bias"))
    return _followed(follower, call, int(call.argument(4, "num_heads")), *(call.argument(*at) for at in own))


def narrowed(follower: Follower, call: FunctionCall) -> Any:
    """The same with fewer heads, as an earlier shrinking left it."""
    return _followed(follower, call, int(call.args[3]), *call.args[4:8])


def _followed(
    follower: Follower, call: FunctionCall, heads: int, in_weight: Any, in_bias: Any, out_weight: Any, out_bias: Any
) -> Any:
    weight, out = follower.weight(in_weight), follower.weight(out_weight)
    if weight is None or out is None:
        return _give_up(follower, call)
    read = [column(follower, follower.values(call.args[i], call), -1, "attention") for i in range(3)]
    if any(r is None for r in read):
        return follower.set_all(call.result)
    units = [follower.units.of(r) for r in read if r is not None]
    for other in units[1:]:
        follower.units.unite(units[0], other)
        follower.units.fix(
            np.maximum(other, units[0])[(other == NO_UNIT) ^ (units[0] == NO_UNIT)], "attention reads it"
        )
    name = parameter_name(follower, weight)
    own = follower.units.new(heads).repeat(in_weight.shape[0] // 3 // heads)
    rows = follower.network.axis(name, 0, np.tile(own, 3))
    follower.network.axis(name, 1, units[0])
    bias_axis(follower, in_bias, rows)
    inner = _heads(follower, weight.name, heads, read, rows[: len(own)])
    outputs = follower.network.axis(parameter_name(follower, out), 0, follower.units.new(len(out_weight)))
    follower.network.axis(parameter_name(follower, out), 1, own)
    bias_axis(follower, out_bias, outputs)
    written = follower.units.values(outputs)
    follower.add(Product(out.name, written, inner))
    result, scores = call.result
    follower.set(result, torch.from_numpy(written).expand(result.shape))
    if scores is not None:
        follower.watch(follower.set_all(scores), own, "attention's weights are used, whose number of heads counts")
    return call.result


def _heads(follower: Follower, name: str, heads: int, read: list[Any], own: np.ndarray) -> np.ndarray:
    """What the heads write, (heads · width,)."""
    projected = [follower.units.values(own) for _ in range(3)]
    follower.add(InProjection(name, np.concatenate(projected), None, tuple(read)))
    inner = follower.units.values(own).reshape(heads, -1)
    query, key, value = (part.reshape(heads, -1) for part in projected)
    follower.add(Heads(inner, value, np.stack([query, key])))
    return inner.ravel()


class InProjection(Product):
    """Queries, keys and values from one weight, each third with an input of its own."""

    def __init__(self, layer: str, outputs: np.ndarray, inputs: None, sources: tuple[np.ndarray, ...]) -> None:
        super().__init__(layer, outputs, inputs)
        self.sources = sources

    def forward(self, zero: np.ndarray, numbers: Any) -> None:
        """As of three linear layers."""
        used, shifted = numbers.used(self.layer), numbers.shifted(self.layer, len(self.outputs))
        zero[self.outputs] = ~(used & ~self._sources(zero)).any(axis=1) & ~shifted

    def backward(self, live: np.ndarray, zero: np.ndarray, numbers: Any, through: bool) -> None:
        """As of three linear layers."""
        used = numbers.used(self.layer)
        if through:
            used = used & live[self.outputs][:, None]
        for source, rows in zip(self.sources, np.split(used, 3), strict=True):
            np.logical_or.at(live, source, rows.any(axis=0))

    def _sources(self, array: np.ndarray) -> np.ndarray:
        third = len(self.outputs) // 3
        return np.concatenate([np.broadcast_to(array[s], (third, len(s))) for s in self.sources])

    def silent(self, zero: np.ndarray, numbers: Any) -> np.ndarray:
        """What each row reads that is always 0."""
        return self._sources(zero)

    @property
    def reads(self) -> np.ndarray:
        """The values of the queries' input, for the table of groups."""
        return self.sources[0]


def _give_up(follower: Follower, call: FunctionCall) -> Any:
    name = follower.module_name()
    result = unknown_weight(follower, call)
    if name is not None:
        reason = "attention with separate projections, bias_k, add_zero_attn or weights of others"
        follower.network.unfollowed[name] = reason
    return result


def handlers() -> dict[str, Handler]:
    """By the names of the functions."""
    return {"multi_head_attention_forward": attention, "narrow_attention": narrowed}
