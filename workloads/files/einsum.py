"""Loop nests as other tools describe layers: dimensions, and which of them index each operand. They become GEMMs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from accelsim.errors import TraceError
from accelsim.trace.conv import ConvGeometry
from accelsim.trace.gemm import GemmTrace

Term = tuple[str, int]  # a dimension and what its index is multiplied with
Axis = tuple[Term, ...]  # of an operand: the sum of its terms
WINDOWS_LIMIT = 2  # axes that a filter slides along


@dataclass(frozen=True)
class Einsum:
    """ofmap += ifmap · weight over all `sizes`; the axes say which dimensions index each operand.

    >>> axes = {"weight": ((("N", 1),), (("K", 1),)), "ifmap": ((("M", 1),), (("K", 1),))}
    >>> product = Einsum("fc", {"M": 2, "N": 3, "K": 4}, ofmap=((("M", 1),), (("N", 1),)), **axes)
    >>> product.macs, product.lowered().shape
    (24, Shape(M=2, N=3, K=4))
    """

    name: str
    sizes: Mapping[str, int]
    weight: tuple[Axis, ...]
    ifmap: tuple[Axis, ...]
    ofmap: tuple[Axis, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates: one for each point of the nest."""
        return prod(self.sizes.values())

    def lowered(self, padding: Mapping[str, int] | None = None, **settings: Any) -> GemmTrace:
        """The layer as a shape: dimensions of all operands are groups, those of ifmap and ofmap pixels, those of weight
        and ofmap filters, those of both inputs the reduction.

        An ifmap axis that sums two dimensions is one that a filter slides along; `padding` says how many of its
        elements on each side are padding, by the dimension of the filter's. `settings` are a trace's. Raises TraceError
        for a nest that is no GEMM and no convolution of up to two axes.
        """
        groups, rows, filters, reduction = self._kinds()
        windows = [self._window(axis, rows, reduction) for axis in self.ifmap if len(axis) > 1]
        if len(windows) > WINDOWS_LIMIT:
            raise TraceError(f"layer {self.name!r} slides its filter along {len(windows)} axes; two at most are run")
        inside = {dim for window in windows for dim in (window.pixel, window.tap)}
        count = {"N": self._size(filters), "groups": self._size(groups), **settings}
        batch, channels = self._size(rows - inside), self._size(reduction - inside)
        if not windows:
            return GemmTrace(self.name, M=batch, K=channels, operation="mac", pruned=False, **count)
        geometry = self._geometry(windows, batch, channels, padding or {})
        return GemmTrace(self.name, conv=geometry, operation="mac", pruned=False, **count)

    def _kinds(self) -> tuple[set[str], set[str], set[str], set[str]]:
        """Dimensions of groups, rows (pixels and batch), filters and reduction."""
        weight, ifmap, ofmap = map(_dimensions, (self.weight, self.ifmap, self.ofmap))
        used = weight | ifmap | ofmap
        sized = {dim for dim, size in self.sizes.items() if size > 1}
        unknown = sorted(used - set(self.sizes))
        if unknown:
            raise TraceError(f"layer {self.name!r} has no size of dimension {unknown[0]!r}")
        alone = sorted((weight - ifmap - ofmap) | (ifmap - weight - ofmap) | (ofmap - weight - ifmap) | (sized - used))
        lost = [dim for dim in alone if dim in sized]
        if lost:
            raise TraceError(f"dimension {lost[0]!r} of layer {self.name!r} is in no two operands; this is no GEMM")
        return weight & ifmap & ofmap, (ifmap & ofmap) - weight, (weight & ofmap) - ifmap, (weight & ifmap) - ofmap

    def _size(self, dims: Iterable[str]) -> int:
        return prod(self.sizes[dim] for dim in dims)

    def _window(self, axis: Axis, rows: set[str], reduction: set[str]) -> _Window:
        pixels = [term for term in axis if term[0] in rows]
        taps = [term for term in axis if term[0] in reduction]
        if len(axis) != 2 or len(pixels) != 1 or len(taps) != 1:
            raise TraceError(
                f"an axis of layer {self.name!r} sums {', '.join(dim for dim, _ in axis)}; one of the ofmap's "
                "dimensions and one of the filter's are expected"
            )
        (pixel, stride), (tap, dilation) = pixels[0], taps[0]
        return _Window(pixel, tap, stride, dilation)

    def _geometry(self, windows: list[_Window], batch: int, channels: int, padding: Mapping[str, int]) -> ConvGeometry:
        """Two axes, of which the first is 1 high where there is one alone."""
        given = windows if len(windows) == WINDOWS_LIMIT else [_Window("", "", 1, 1), *windows]
        sizes = {"": 1, **self.sizes}
        pads = [padding.get(window.tap, 0) for window in given]
        high, wide = (
            (sizes[w.pixel] - 1) * w.stride + (sizes[w.tap] - 1) * w.dilation + 1 - 2 * pad
            for w, pad in zip(given, pads, strict=True)
        )
        first, second = given
        return ConvGeometry(
            batch, channels, high, wide,
            (sizes[first.tap], sizes[second.tap]), (first.stride, second.stride), (pads[0], pads[1]),
            (first.dilation, second.dilation),
        )  # fmt: skip


@dataclass(frozen=True)
class _Window:
    """An axis that a filter slides along: the ofmap's dimension and the filter's, with stride and dilation."""

    pixel: str
    tap: str
    stride: int
    dilation: int


def _dimensions(axes: tuple[Axis, ...]) -> set[str]:
    return {dim for axis in axes for dim, _ in axis}
