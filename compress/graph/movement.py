"""Following what moves elements and changes none: views, permutations, concatenations, slices, shuffles, padding.

The function itself runs on the array of values, so that its own rules decide where each goes. Units must stay a
rectangle: where a view or a concatenation lays them along two dimensions, those at one place of the other dimension
become one unit, so that every row keeps as many.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_map

from .arithmetic import pair
from .extents import Extent
from .tracing import Follower, FunctionCall, Handler, tensors_in, words
from .units import FIXED, NO_UNIT, ZERO

_PLAIN = words("""
transpose permute t .T .mT .H .mH movedim moveaxis swapaxes swapdims squeeze unsqueeze flatten repeat tile
repeat_interleave flip ravel rot90 atleast_2d atleast_3d""")
_SIZED = words("view reshape unflatten expand broadcast_to view_as reshape_as expand_as")
_JOINED = words("cat concat concatenate stack hstack vstack dstack")
_FIXED_PLACES = words("select narrow index_select tensor_split unbind roll gather take_along_dim masked_select")

_BY_INDEX = words("index_select gather take_along_dim masked_select repeat_interleave")
_COPYING = {"view": torch.Tensor.reshape, "view_as": torch.Tensor.reshape_as}  # values lie otherwise in memory


def moved(follower: Follower, call: FunctionCall) -> Any:
    """What the function makes of the values; the result's tensors get them."""
    return _finish(follower, call, _on_values(follower, call), None)


def _on_values(follower: Follower, call: FunctionCall) -> list[torch.Tensor]:
    def swapped(argument: Any) -> Any:
        if call.name in _BY_INDEX and argument is not call.tensors[0]:
            return _index(argument)
        return follower.values(argument, call) if isinstance(argument, torch.Tensor) else argument

    args, kwargs = tree_map(swapped, call.args), tree_map(swapped, call.kwargs)
    func = _COPYING.get(call.name, call.func)
    return tensors_in(func(*args, **kwargs))


def _index(argument: Any) -> Any:
    """An index where the values lie."""
    return argument.detach().cpu() if isinstance(argument, torch.Tensor) else argument


def _finish(follower: Follower, call: FunctionCall, values: list[torch.Tensor], free: int | None) -> Any:
    for tensor, moved_values in zip(tensors_in(call.result), values, strict=True):
        rectangle(follower, moved_values, free)
        follower.set(tensor, moved_values)
    return call.result


def rectangle(follower: Follower, values: torch.Tensor, free: int | None) -> None:
    """Where units vary along several dimensions: tie those at one place of `free`; fix them where it is none."""
    units = follower.unit_map(values)
    dims = follower.dims(values)
    if len(dims) < 2:
        return
    if free is None or free not in dims:
        follower.fix(values, "its channels lie along several dimensions")
        return
    rows = np.moveaxis(units, free, -1).reshape(-1, units.shape[free])
    tie(follower, list(rows))


def tie(follower: Follower, rows: list[np.ndarray]) -> None:
    """The units at one place of all rows become one; they are fixed where a row has none there."""
    for row in rows[1:]:
        follower.units.unite(rows[0], row)
    together = np.stack(rows)
    mixed = (together == NO_UNIT).any(axis=0)
    follower.units.fix(together[:, mixed], "it lies beside channels that are not the network's own")


def sized(follower: Follower, call: FunctionCall) -> Any:
    """A view to given sizes: what is computed from a shape follows, what the code names stays."""
    if any(isinstance(a, torch.dtype) for a in call.args):
        return follower.unknown(follower, call)
    result = _on_values(follower, call)[0]
    dims = follower.dims(result)
    literal = _literal_dims(follower, call, result, dims)
    loose = [d for d in dims if d not in literal]
    if dims and not loose:
        follower.fix(result, f"{call.name} to a size that the code fixes")
    return _finish(follower, call, [result], loose[-1] if loose else dims[-1] if dims else None)


def _literal_dims(follower: Follower, call: FunctionCall, result: torch.Tensor, dims: list[int]) -> set[int]:
    """Those of `dims` whose sizes in the result stay: numbers in the code, or those of other channels."""
    if call.name.endswith("_as"):
        return set()
    given = list(call.args[1:]) or list(call.kwargs.values())
    start = 0
    if call.name == "unflatten":
        start, given = int(call.argument(1, "dim")) % call.tensors[0].ndim, [call.argument(2, "sizes")]
    sizes = given[0] if given and isinstance(given[0], tuple | list) else given
    by_dim = {start + place: size for place, size in enumerate(sizes)}
    return {d for d in dims if d in by_dim and by_dim[d] != -1 and not _is_own(follower, by_dim[d], result)}


def _is_own(follower: Follower, size: Any, values: torch.Tensor) -> bool:
    """Is a size computed from how many channels these values have? Those of others that it comes from are fixed."""
    if not isinstance(size, Extent) or size.units is None:
        return False
    theirs = set(follower.units.roots(size.units).tolist()) - {NO_UNIT}
    if theirs == set(np.unique(follower.unit_map(values)).tolist()) - {NO_UNIT}:
        return True
    follower.units.fix(size.units, "the code takes their number for the size of something else")
    return False


def concatenated(follower: Follower, call: FunctionCall) -> Any:
    """Concatenation and stacking: where channels lie along another dimension they go together."""
    before = [d for tensor in call.tensors for d in follower.dims(follower.values(tensor, call))]
    result = _on_values(follower, call)[0]
    own = int(call.argument(1, "dim", call.kwargs.get("axis", 0))) % result.ndim
    shift = [d + (call.name == "stack" and d >= own) for d in before]
    others = [d for d in shift if d != own]
    return _finish(follower, call, [result], others[0] if others else None)


def at_fixed_places(follower: Follower, call: FunctionCall) -> Any:
    """Parts at places that the code names: nothing may leave where they are counted along the channels."""
    values = follower.values(call.tensors[0], call)
    dim = call.argument(1, "dim", call.kwargs.get("axis", 0))
    if not isinstance(dim, int) or dim % max(values.ndim, 1) in follower.dims(values):
        follower.fix(values, f"{call.name} counts along the channels")
    if call.name == "masked_select":
        return follower.set_all(call.result)
    return moved(follower, call)


def divided(follower: Follower, call: FunctionCall) -> Any:
    """chunk and split: equal parts lose the same channels."""
    values = follower.values(call.tensors[0], call)
    dim = int(call.argument(2, "dim", 0)) % values.ndim
    if dim in follower.dims(values):
        sizes = [part.shape[dim] for part in tensors_in(call.result)]
        given = call.argument(1, "split_size_or_sections", call.kwargs.get("split_size", 0))
        computed = call.name == "chunk" or all(_is_own(follower, s, values) for s in _as_list(given))
        _cut_at(follower, values, dim, sizes if computed else None, call.name)
    return moved(follower, call)


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


def _cut_at(follower: Follower, values: torch.Tensor, dim: int, sizes: list[int] | None, what: str) -> None:
    """Tie equal parts; fix all where they are unequal or, `sizes` None, counted in the code."""
    if sizes is None or len(set(sizes)) > 1:
        follower.fix(values, f"{what} at places that the code fixes")
        return
    units = np.moveaxis(follower.unit_map(values), dim, -1).reshape(-1, sum(sizes))
    tie(follower, np.split(units[0], len(sizes)))


def indexed(follower: Follower, call: FunctionCall) -> Any:
    """Square brackets: along the channels only whole slices, or equal parts that are computed from the shape."""
    values = follower.values(call.tensors[0], call)
    index = call.args[1]
    if isinstance(index, list) or any(isinstance(i, torch.Tensor) and i.dtype == torch.bool for i in _as_list(index)):
        index = (index,) if not isinstance(index, tuple) else index
    for dim, item in _by_dim(index, values.ndim):
        if dim in follower.dims(values):
            _check_index(follower, values, dim, item)
    if follower.tracked(call.tensors[0]) or any(follower.dims(values)):
        return _finish(follower, call, [call.func(values, tree_map(_index, call.args[1]))], None)
    return follower.set_all(call.result)


def _by_dim(index: Any, ndim: int) -> list[tuple[int, Any]]:
    """Each item of an index with the dimension that it is for."""
    items = [i for i in (index if isinstance(index, tuple) else (index,)) if i is not None]
    spans = [i.ndim if isinstance(i, torch.Tensor) and i.dtype == torch.bool else 1 for i in items]
    place, pairs = 0, []
    for item, span in zip(items, spans, strict=True):
        if item is Ellipsis:
            place += ndim - sum(s for i, s in zip(items, spans, strict=True) if i is not Ellipsis)
            continue
        pairs += [(place + d, item) for d in range(span)]
        place += span
    return pairs


def _check_index(follower: Follower, values: torch.Tensor, dim: int, item: Any) -> None:
    size = values.shape[dim]
    if not isinstance(item, slice):
        follower.fix(values, "the code picks channels by their places")
        return
    start, stop, step = item.indices(size)
    if (start, stop, step) == (0, size, 1):
        return
    bounds = [b for b in (item.start, item.stop) if b not in (None, 0)]
    computed = step == 1 and all(_is_own(follower, b, values) for b in bounds)
    edges = sorted({0, start, stop, size})
    sizes = [high - low for low, high in pairwise(edges)]
    _cut_at(follower, values, dim, sizes if computed else None, "sliced")


def gated(follower: Follower, call: FunctionCall) -> Any:
    """A gated linear unit: the first half times the sigmoid of the second, which lose the same channels."""
    tensor = call.tensors[0]
    values, dim = follower.values(tensor, call), int(call.argument(1, "dim", -1)) % tensor.ndim
    if dim in follower.dims(values):
        _cut_at(follower, values, dim, [tensor.shape[dim] // 2] * 2, "glu")
    first, second = torch.chunk(values, 2, dim)
    return follower.set(call.result, pair(follower, first, follower.opaque(second), either=True))


def shuffled(follower: Follower, call: FunctionCall) -> Any:
    """channel_shuffle: every group keeps as many channels."""
    tensor, groups = call.tensors[0], int(call.argument(1, "groups"))
    values = follower.values(tensor, call)
    units = np.broadcast_to(follower.unit_map(values), (1, *tensor.shape[1:2], *[1] * (tensor.ndim - 2))).ravel()
    tie(follower, np.split(units, groups))
    return moved(follower, call)


def pixel_shuffled(follower: Follower, call: FunctionCall) -> Any:
    """pixel_shuffle: the channels that become one channel's pixels go together."""
    result = _on_values(follower, call)[0]
    return _finish(follower, call, [result], result.ndim - 3)


def padded(follower: Follower, call: FunctionCall) -> Any:
    """Padding: zeros beside the channels are no unit's; beside the pixels they are the channels' own."""
    tensor, pads = call.tensors[0], [int(p) for p in call.argument(1, "pad")]
    mode, number = call.argument(2, "mode", "constant"), call.argument(3, "value")
    values = follower.values(tensor, call)
    along = follower.dims(values)
    if number:
        values = follower.opaque(values)
    for dim in range(tensor.ndim):
        low, high = (*pads, *[0] * (2 * tensor.ndim))[2 * (tensor.ndim - 1 - dim) :][:2]
        if dim not in along:
            values = values.narrow(dim, 0, 1)
            values = values.expand([*values.shape[:dim], call.result.shape[dim], *values.shape[dim + 1 :]])
        elif low or high:
            if mode != "constant" or min(low, high) < 0:
                follower.fix(values, "padded along the channels")
                return follower.set_all(call.result)
            zeros = [0] * (2 * (tensor.ndim - 1 - dim))
            values = call.func(values, [*zeros, low, high], value=FIXED if number else ZERO)
    return follower.set(call.result, values)


def handlers() -> dict[str, Handler]:
    """By the names of the functions."""
    table: dict[str, Handler] = dict.fromkeys(_PLAIN, moved) | dict.fromkeys(_SIZED, sized)
    table |= dict.fromkeys(_JOINED, concatenated) | dict.fromkeys(_FIXED_PLACES, at_fixed_places)
    table |= dict.fromkeys(["chunk", "split"], divided) | dict.fromkeys(["pixel_shuffle"], pixel_shuffled)
    table |= {"pixel_unshuffle": moved, "channel_shuffle": shuffled, "native_channel_shuffle": shuffled}
    return table | {"pad": padded, "__getitem__": indexed, "glu": gated}
