"""Where a layer's filters lie in what views of its output make: on which axis, and in which order.

A batch norm behind a permutation scales the layer's filters in another order than its own, or something that is no
filter at all. Each axis of a tensor is kept as the factors that views have split and merged, so that the order at any
place is known without numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..lowering import Gemm, Item
from ..lowering.calls import Call, Value

_KEEP = """
    contiguous clone alias detach dropout feature_dropout alpha_dropout native_dropout to type_as lift_fresh
    lift_fresh_copy copy
"""
_VIEWS = """
    view reshape flatten unflatten squeeze unsqueeze ravel view_as reshape_as _reshape_alias squeeze_copy atleast_2d
"""
KEEP = frozenset(_KEEP.split())
"""Operations that leave every element where it is."""
VIEWS = frozenset(_VIEWS.split())
"""Operations that give the elements other axes, in the same order."""


@dataclass(frozen=True)
class Factor:
    """A part of an axis: its size, and how many filters its neighbours are apart (0: they belong to one filter)."""

    size: int
    step: int


Axis = tuple[Factor, ...]
Layout = tuple[Axis, ...]


class FilterOrders:
    """Follows the filters of each layer through views, permutations and channel shuffles of its output."""

    def __init__(self) -> None:
        self._layouts: dict[str, Layout] = {}

    def wrote(self, item: Item) -> None:
        """A layer's output holds its filters on one axis; an elementwise operator leaves them where they are."""
        if isinstance(item, Gemm):
            layout = _written(item)
        else:
            same = len(item.reads) == 1 and item.reads[0].shape == item.writes.shape
            layout = self._layouts.get(item.reads[0].name) if same else None
        self._note(item.writes, layout)

    def moved(self, call: Call) -> None:
        """A free operation: its output is its input seen in another way."""
        read = call.activations()
        layout = self._layouts.get(read[0].name) if len(read) == 1 and len(call.outputs) == 1 else None
        if layout is not None:
            self._note(call.output, _seen(layout, call))

    def order(self, item: Item, call: Call) -> np.ndarray | None:
        """Of each constant that a batch norm or a bias has a channel: the filter it works on. None if it is not so."""
        layout = self._layouts.get(item.reads[0].name) if len(item.reads) == 1 else None
        axes = {1} if call.op == "batch_norm" else _constant_axes(call)
        if layout is None or len(axes) > 1 or max(axes, default=0) >= len(layout):
            return None
        axis = next(iter(axes), len(layout) - 1)
        others = (f for i, other in enumerate(layout) if i != axis for f in other)
        if any(f.step for f in others) or not all(f.step for f in layout[axis]):
            return None
        result = np.zeros(1, np.int64)
        for factor in layout[axis]:
            result = (result[:, None] + np.arange(factor.size) * factor.step).reshape(-1)
        return result

    def _note(self, value: Value, layout: Layout | None) -> None:
        if layout is not None and [_size(axis) for axis in layout] == list(value.shape):
            self._layouts[value.name] = layout


def _size(axis: Axis) -> int:
    return math.prod(factor.size for factor in axis)


def _written(item: Gemm) -> Layout | None:
    """The layout of a layer's own output: channels first for convolutions, last for others."""
    shape, filters = item.writes.shape, item.layer.groups * item.layer.N
    if not item.fold or not shape:
        return None
    axis = len(shape) - 1
    if item.layer.conv is not None:
        axis = 0 if item.unbatched else 1
    if shape[axis] != filters:
        return None
    return tuple(_axis(size, 1 if i == axis else 0) for i, size in enumerate(shape))


def _axis(size: int, step: int) -> Axis:
    return (Factor(size, step),) if size > 1 else ()


def _seen(layout: Layout, call: Call) -> Layout | None:
    """The layout of a free operation's output; None where the operation is none that is followed."""
    if call.op in KEEP:
        return layout
    if call.op in VIEWS:
        return _reshaped(layout, call.output.shape)
    if call.op in {"channel_shuffle", "native_channel_shuffle"}:
        return _shuffled(layout, int(call.arguments["groups"]))
    order = _permutation(call, len(layout))
    return None if order is None else tuple(layout[i] for i in order)


def _permutation(call: Call, rank: int) -> list[int] | None:
    """Which axis each axis of the output was."""
    given = call.arguments
    if call.op == "permute":
        return [int(i) % rank for i in given["dims"]] if len(given["dims"]) == rank else None
    order = list(range(rank))
    if call.op in {"numpy_T"} or (call.op == "t" and rank <= 2):
        return order[::-1]
    if call.op in {"transpose", "swapaxes", "swapdims", "mT"}:
        one, two = _pair(given, rank)
        order[one], order[two] = two, one
        return order
    if call.op in {"movedim", "moveaxis"}:
        return _moved(given, rank)
    return None


def _pair(given: Any, rank: int) -> tuple[int, int]:
    """The two axes that change places, the last two where none are named."""
    named = [given[key] for key in ("dim0", "dim1", "axis0", "axis1") if isinstance(given.get(key), int)] or [-2, -1]
    return named[0] % rank, named[1] % rank


def _moved(given: Any, rank: int) -> list[int]:
    """The order that moving axes from `source` to `destination` leaves."""
    source, destination = (
        [int(i) % rank for i in (given[key] if isinstance(given[key], list | tuple) else [given[key]])]
        for key in ("source", "destination")
    )
    rest = iter([i for i in range(rank) if i not in source])
    there = dict(zip(destination, source, strict=True))
    return [there[i] if i in there else next(rest) for i in range(rank)]


def _shuffled(layout: Layout, groups: int) -> Layout | None:
    """Channels (groups, C / groups) become (C / groups, groups)."""
    channels = _size(layout[1])
    split = _split(layout[1], (groups, channels // groups))
    return None if split is None else (layout[0], split[1] + split[0], *layout[2:])


def _reshaped(layout: Layout, shape: Sequence[int]) -> Layout | None:
    return _split(tuple(factor for axis in layout for factor in axis), shape)


def _split(factors: Axis, sizes: Sequence[int]) -> Layout | None:
    """The factors, in their order, as axes of these sizes; None where an axis would begin within one unevenly."""
    rest, result = list(factors), []
    for size in sizes:
        axis: list[Factor] = []
        while size > 1:
            if not rest:
                return None
            first = rest.pop(0)
            if size % first.size and first.size % size:
                return None
            taken = math.gcd(size, first.size)
            inner = first.size // taken
            axis.append(Factor(taken, first.step * inner))
            if inner > 1:
                rest.insert(0, Factor(inner, first.step))
            size //= taken
        result.append(tuple(axis))
    return None if rest else tuple(result)


def _constant_axes(call: Call) -> set[int]:
    """The axes of the output along which an operation's constants differ."""
    axes: set[int] = set()
    for value in call.values():
        if value.constant:
            first = len(call.output.shape) - len(value.shape)
            axes |= {first + i for i, size in enumerate(value.shape) if size > 1}
    return axes
