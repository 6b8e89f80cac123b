"""Convolution geometry: how output pixels and filter taps of an im2col GEMM map to ifmap elements."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..errors import MappingError, TraceError
from ..validation import INTEGERS

Ints = NDArray[np.integer]
Pair = tuple[int, int]
SIDE_LIMIT = 2**20  # of an ifmap
MARK_LIMIT = 2**31  # positions to mark one by one


def as_pair(value: int | Pair, what: str, least: int) -> Pair:
    """(vertical, horizontal) from one integer or two, each at least `least`; TraceError otherwise."""
    pair = (value, value) if isinstance(value, INTEGERS) else tuple(value)
    if len(pair) != 2 or any(int(v) != v or v < least for v in pair):
        raise TraceError(f"{what} is {value!r}; an integer or a pair of at least {least} is expected")
    return int(pair[0]), int(pair[1])


@dataclass(frozen=True)
class ConvGeometry:
    """One group of a convolution as the GEMM O[M,N] = X[M,K] · W[N,K]ᵀ with X never held whole.

    k = (c·R + r)·S + s and m = (b·OH + oy)·OW + ox. `columns` lists the k that remain where column pruning removed
    the others; the GEMM's K is then their number. Sizes are elements; a padded position is no element.
    """

    batch: int
    channels: int
    height: int
    width: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    columns: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for field in ("batch", "channels", "height", "width"):
            if not 1 <= getattr(self, field) <= SIDE_LIMIT:
                raise TraceError(f"conv {field} is {getattr(self, field)}; 1 to {SIDE_LIMIT} is expected")
        for field, least in (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            object.__setattr__(self, field, as_pair(getattr(self, field), f"conv {field}", least))
        if min(self.out_height, self.out_width) < 1:
            raise TraceError(
                f"a {self.kernel[0]}x{self.kernel[1]} kernel with dilation {self.dilation} does not fit the "
                f"{self.height}x{self.width} ifmap with padding {self.padding}"
            )
        if self.columns is not None:
            self._check_columns(self.columns)

    def _check_columns(self, columns: tuple[int, ...]) -> None:
        inside = all(0 <= k < self.taps * self.channels for k in columns)
        if not columns or not inside or any(a >= b for a, b in pairwise(columns)):
            raise TraceError(f"conv columns must rise within 0..{self.taps * self.channels - 1} and not be empty")

    @cached_property
    def out_height(self) -> int:
        """Rows of the ofmap, as PyTorch rounds them."""
        return self._out(0, self.height)

    @cached_property
    def out_width(self) -> int:
        """Columns of the ofmap, as PyTorch rounds them."""
        return self._out(1, self.width)

    def _out(self, axis: int, size: int) -> int:
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        return (size + 2 * self.padding[axis] - reach) // self.stride[axis] + 1

    @property
    def taps(self) -> int:
        """Filter positions of one channel, R·S."""
        return self.kernel[0] * self.kernel[1]

    @property
    def M(self) -> int:
        """Output pixels of the batch."""
        return self.batch * self.out_height * self.out_width

    @property
    def K(self) -> int:
        """Reduction length: the remaining columns, or channels·R·S."""
        return len(self.columns) if self.columns is not None else self.channels * self.taps

    def full_k(self, k0: int, k1: int) -> Ints:
        """The k of the uncompressed im2col matrix behind the GEMM's k0..k1−1."""
        return np.asarray(self.columns[k0:k1]) if self.columns is not None else np.arange(k0, k1)

    def gather(self, ifmap: Ints, m0: int, m1: int, k0: int, k1: int) -> Ints:
        """The (m1−m0, k1−k0) part of the im2col matrix of `ifmap` (B, C, H, W); padded positions are 0."""
        image, pixel = np.divmod(np.arange(m0, m1), self.out_height * self.out_width)
        oy, ox = np.divmod(pixel, self.out_width)
        channel, tap = np.divmod(self.full_k(k0, k1), self.taps)
        r, s = np.divmod(tap, self.kernel[1])
        y = (oy * self.stride[0] - self.padding[0])[:, None] + (r * self.dilation[0])[None]
        x = (ox * self.stride[1] - self.padding[1])[:, None] + (s * self.dilation[1])[None]
        inside = (y >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
        values = ifmap[image[:, None], channel[None], np.where(inside, y, 0), np.where(inside, x, 0)]
        return np.where(inside, values, 0).astype(ifmap.dtype, copy=False)

    def valid(self, m0: int, m1: int, k0: int, k1: int) -> NDArray[np.bool_]:
        """Where the part of the im2col matrix holds an ifmap element and not padding."""
        ones = np.broadcast_to(np.int8(1), (self.batch, self.channels, self.height, self.width))
        return np.asarray(self.gather(ones, m0, m1, k0, k1) != 0)

    def column_sums(self, ifmap: Ints) -> Ints:
        """Σ over all m of every im2col column, (K,): with a 0/1 ifmap, the nonzeros a column holds."""
        sums = np.zeros((self.channels, self.taps), np.int64)
        for tap in range(self.taps):
            ys, xs = self._window(tap)
            sums[:, tap] = ifmap[:, :, ys, xs].sum(axis=(0, 2, 3), dtype=np.int64)
        flat = sums.reshape(-1)
        return flat if self.columns is None else flat[list(self.columns)]

    def _window(self, tap: int) -> tuple[slice, slice]:
        """The ifmap rows and columns that one tap reads for the whole ofmap."""
        r, s = divmod(tap, self.kernel[1])
        return self.reads(0, self.height, r, (0, self.out_height)), self.reads(1, self.width, s, (0, self.out_width))

    def reads(self, axis: int, size: int, tap: int, span: Pair) -> slice:
        """The positions along an axis (0 vertical, 1 horizontal) that row or column `tap` of the kernel reads."""
        step, offset = self.stride[axis], tap * self.dilation[axis] - self.padding[axis]
        first = max(span[0], -(offset // step))  # the first output that reads at or after position 0
        last = min(span[1] - 1, (size - 1 - offset) // step)
        if last < first:
            return slice(0, 0)
        return slice(first * step + offset, last * step + offset + 1, step)

    def touched(self, m0: int, m1: int, k0: int, k1: int) -> int:
        """Distinct ifmap elements that a tile reads, halo included and padding left out."""
        return int(self.touched_by_tile(m0, m1, m1 - m0, k0, k1)[0])

    def touched_by_tile(self, m0: int, m1: int, step: int, k0: int, k1: int) -> Ints:
        """The same for each run of `step` output pixels of m0..m1−1, (⌈(m1−m0)/step⌉,)."""
        kinds = _tap_sets(self, k0, k1)
        counts = [n * _positions(self, m0, m1, step, taps) for taps, n in kinds.items()]
        return np.asarray(np.sum(counts, axis=0, dtype=np.int64))


def conv_geometry(
    name: str,
    *,
    weight: tuple[int, ...],
    ifmap: tuple[int, ...],
    groups: int,
    stride: int | Pair,
    padding: int | Pair,
    dilation: int | Pair,
) -> ConvGeometry:
    """The geometry of one group, from the weight's shape (N, C/groups, R, S) and the ifmap's (B, C, H, W).

    Raises TraceError, which names the layer, where they and `groups` do not fit.
    """
    filters, channels, *kernel = weight
    if len(ifmap) != 4 or ifmap[1] != channels * groups or filters % groups:
        raise TraceError(
            f"conv {name!r}: weight {(filters, channels, *kernel)}, ifmap {ifmap} and {groups} groups do not fit; "
            "(N, C/groups, R, S), (B, C, H, W) and a divisor of N and C are expected"
        )
    pairs = (as_pair(stride, "stride", 1), as_pair(padding, "padding", 0), as_pair(dilation, "dilation", 1))
    return ConvGeometry(ifmap[0], channels, ifmap[2], ifmap[3], (kernel[0], kernel[1]), *pairs)


@lru_cache(maxsize=1 << 16)
def _tap_sets(conv: ConvGeometry, k0: int, k1: int) -> Counter[tuple[int, ...]]:
    """How many channels read with which set of taps, for k0..k1−1."""
    if conv.columns is None and k0 % conv.taps == 0 and k1 % conv.taps == 0:
        return Counter({tuple(range(conv.taps)): (k1 - k0) // conv.taps})
    taps: dict[int, list[int]] = {}
    for k in conv.full_k(k0, k1).tolist():
        taps.setdefault(k // conv.taps, []).append(k % conv.taps)
    return Counter(tuple(t) for t in taps.values())


@lru_cache(maxsize=1 << 14)
def _positions(conv: ConvGeometry, m0: int, m1: int, step: int, taps: tuple[int, ...]) -> Ints:
    """Distinct (image, y, x) that the taps read, by run of `step` output pixels."""
    if len(taps) == conv.taps:
        starts = range(m0, m1, step)
        return np.array([_window_positions(conv, start, min(start + step, m1)) for start in starts], np.int64)
    if (m1 - m0) * len(taps) > MARK_LIMIT:
        raise MappingError(f"a convolution of {m1 - m0} output pixels is too large to be cut within a channel")
    from .conv_kernels import count_positions

    out, size = (conv.out_height, conv.out_width), (conv.height, conv.width)
    marks = np.array(taps, np.int64)
    return count_positions(m0, m1, step, out, size, conv.kernel[1], conv.stride, conv.padding, conv.dilation, marks)


def _window_positions(conv: ConvGeometry, m0: int, m1: int) -> int:
    """Distinct (image, y, x) that whole windows read for output pixels m0..m1−1; whole images are equal."""
    area = conv.out_height * conv.out_width
    first, last = m0 // area, (m1 - 1) // area
    if first == last:
        return _touched_in_image(conv, m0 - first * area, m1 - first * area)
    ends = _touched_in_image(conv, m0 - first * area, area) + _touched_in_image(conv, 0, m1 - last * area)
    return ends + (last - first - 1) * (_touched_in_image(conv, 0, area) if last - first > 1 else 0)


@lru_cache(maxsize=1 << 16)
def _touched_in_image(conv: ConvGeometry, p0: int, p1: int) -> int:
    """The same within one image, for its output pixels p0..p1−1."""
    parts = rectangles(p0, p1, conv.out_width)
    if len(parts) == 1:
        return _read_count(conv, 0, conv.height, parts[0][0]) * _read_count(conv, 1, conv.width, parts[0][1])
    rows = sum(_read_mask(conv, 0, conv.height, part[0]) << i for i, part in enumerate(parts))
    columns = [_read_mask(conv, 1, conv.width, part[1]) for part in parts]
    total = 0
    for flags, count in enumerate(np.bincount(rows).tolist()):
        union = np.zeros(conv.width, np.int64)
        for i, column in enumerate(columns):
            union |= column * (flags >> i & 1)
        total += count * int(union.sum())
    return total


def _read_mask(conv: ConvGeometry, axis: int, size: int, span: Pair) -> Ints:
    """1 at the positions along an axis that any tap reads for outputs span[0]..span[1]−1, else 0."""
    mask = np.zeros(size, np.int64)
    for tap in range(conv.kernel[axis]):
        mask[conv.reads(axis, size, tap, span)] = 1
    return mask


def _read_count(conv: ConvGeometry, axis: int, size: int, span: Pair) -> int:
    """How many positions along an axis any tap reads; in closed form where windows are solid and touch."""
    step, kernel = conv.stride[axis], conv.kernel[axis]
    if conv.dilation[axis] > 1 or step > kernel:
        return int(_read_mask(conv, axis, size, span).sum())
    first, last = (output * step - conv.padding[axis] for output in (span[0], span[1] - 1))
    return max(0, min(size, last + kernel) - max(0, first))


def rectangles(p0: int, p1: int, width: int) -> list[tuple[Pair, Pair]]:
    """Row-major pixels p0..p1−1 as (rows, columns) rectangles: a head, whole rows, a tail."""
    top, left = divmod(p0, width)
    bottom, right = divmod(p1, width)
    if top == bottom:
        return [((top, top + 1), (left, right))]
    head = [((top, top + 1), (left, width))] if left else []
    body = [((top + bool(left), bottom), (0, width))] if bottom > top + bool(left) else []
    tail = [((bottom, bottom + 1), (0, right))] if right else []
    return head + body + tail
