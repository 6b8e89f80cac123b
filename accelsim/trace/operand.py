"""Where an operand's integers come from: an array, a seeded random pattern, or the im2col view of an ifmap."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import TraceError
from .conv import ConvGeometry, Pair

Ints = NDArray[np.integer]
ACTIVATION_LIMIT_BYTES = 64 * 2**20


def smallest_dtype(bits: int) -> np.dtype[np.signedinteger]:
    """The narrowest signed integer dtype that holds `bits` bits of two's complement."""
    return np.dtype(
        next(t for t, width in ((np.int8, 8), (np.int16, 16), (np.int32, 32), (np.int64, 64)) if bits <= width)
    )


def code_range(bits: int, signed: bool) -> Pair:
    """Two's complement, one bit being −1 and +1; or unsigned, from 0 to 2^bits − 1.

    >>> code_range(2, True), code_range(1, True), code_range(2, False)
    ((-2, 1), (-1, 1), (0, 3))
    """
    if not signed:
        return 0, 2**bits - 1
    return (-1, 1) if bits == 1 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def integer_array(values: object, what: str, ndim: int) -> Ints:
    """`values` as an integer array with `ndim` axes, none of them empty; TraceError says what is wrong."""
    array = np.asarray(values)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise TraceError(f"{what} holds {array[at]} at {at}; finite integers are expected")
    if array.dtype.kind not in "iu":
        raise TraceError(f"{what} has type {array.dtype}; integers as the hardware sees them are expected")
    if array.ndim != ndim or 0 in array.shape:
        raise TraceError(f"{what} has shape {array.shape}; {ndim} axes, none of them empty, are expected")
    return array


def read_only(array: Ints) -> Ints:
    """A view of `array` that cannot be written to; the array itself stays as it is."""
    view = array.view()
    view.flags.writeable = False
    return view


def extent_of(array: Ints) -> Pair:
    """The least and the greatest value of an array that is not empty."""
    return int(array.min()), int(array.max())


def check_range(array: Ints, what: str, low: int, high: int) -> None:
    """Raise TraceError unless every value of `array` lies in low..high."""
    check_extent(extent_of(array), what, low, high)


def check_extent(extent: Pair, what: str, low: int, high: int) -> None:
    """Raise TraceError unless the least and the greatest value, `extent`, lie in low..high."""
    least, most = extent
    if least < low or most > high:
        wrong = least if least < low else most
        raise TraceError(f"{what} holds {wrong}; its format allows {low} to {high}")


@dataclass(frozen=True, eq=False)
class ArrayOperand:
    """Integers at hand, (rows, columns), as a read-only view: an array of the caller's stays writeable for him.

    What a trace checks of them (`extent`, `distinct_nonzeros`, `row_extents`) is computed once and stays with them,
    so that a copy of a trace with another name or format does not look at every value again.

    >>> operand = ArrayOperand(np.array([[3, -4, 0]]))
    >>> operand.extent, operand.distinct_nonzeros
    ((-4, 3), 2)
    """

    values: Ints

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", read_only(self.values))

    def __reduce__(self) -> tuple[type[ArrayOperand], tuple[Ints]]:
        """Pickled and copied by its values, so that what comes back is read-only too."""
        return ArrayOperand, (self.values,)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.values.shape[0])

    @property
    def columns(self) -> int:
        """The number of columns."""
        return int(self.values.shape[1])

    @cached_property
    def extent(self) -> Pair:
        """The least and the greatest value."""
        return extent_of(self.values)

    @cached_property
    def distinct_nonzeros(self) -> int:
        """How many different values there are beside 0."""
        return int(np.count_nonzero(np.unique(self.values)))

    @cached_property
    def row_extents(self) -> tuple[Ints, Ints]:
        """The least and the greatest value of each row, (rows,) both."""
        return self.values.min(axis=1), self.values.max(axis=1)

    def whole(self) -> Ints:
        """All of it, (rows, columns)."""
        return self.values

    def tile(self, r0: int, r1: int, c0: int, c1: int) -> Ints:
        """Rows r0..r1−1 and columns c0..c1−1."""
        return self.values[r0:r1, c0:c1]


@dataclass(frozen=True)
class Pattern:
    """A random operand: density of nonzeros, seed, and how they are distributed.

    `bernoulli`: each element by itself. `blocked`: whole runs of 16 along k. `n:m` (as "2:4"): exactly n of every m
    along k. The nonzeros are uniform over the format's nonzero values.
    """

    density: float = 1.0
    seed: int = 0
    distribution: str = "bernoulli"

    def __post_init__(self) -> None:
        if not 0 <= self.density <= 1:
            raise TraceError(f"density is {self.density}; 0 to 1 is expected")
        if self.distribution not in {"bernoulli", "blocked"}:
            self.group()

    def fitted(
        self, rows: int, columns: int, bits: int, coding: str, *, signed: bool = True, zero_point: int = 0
    ) -> PatternOperand:
        """The pattern as an operand, (rows, columns), of this number format."""
        return PatternOperand(rows, columns, bits, coding, self, signed, zero_point)

    def group(self) -> tuple[int, int]:
        """(n, m) of an n:m distribution; TraceError where it is none."""
        n, _, m = self.distribution.partition(":")
        if not (n.isdigit() and m.isdigit() and 0 < int(n) <= int(m)):
            raise TraceError(
                f"distribution is {self.distribution!r}; bernoulli, blocked or n:m with 0 < n <= m is expected"
            )
        return int(n), int(m)

    def mask(self, rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Where the nonzeros are, (rows, columns)."""
        if self.distribution == "bernoulli":
            return rng.random((rows, columns), dtype=np.float32) < self.density
        if self.distribution == "blocked":
            blocks = rng.random((rows, -(-columns // 16))) < self.density
            return np.repeat(blocks, 16, axis=1)[:, :columns]
        n, m = self.group()
        rank = rng.random((rows, -(-columns // m), m)).argsort(axis=2).argsort(axis=2)
        return (rank < n).reshape(rows, -1)[:, :columns]


@dataclass(frozen=True, eq=False)
class PatternOperand:
    """Seeded random integers of a format, made when first looked at, (rows, columns); read-only as an array's are.

    A trace makes it of a Pattern, in its own size and number format (`PatternOperand.fitted`).
    """

    rows: int
    columns: int
    bits: int
    coding: str
    pattern: Pattern
    signed: bool = True
    zero_point: int = 0

    def __reduce__(self) -> tuple[type[PatternOperand], tuple[int, int, int, str, Pattern, bool, int]]:
        """Pickled and copied as the pattern that it is; its integers are drawn again."""
        own = self.rows, self.columns, self.bits, self.coding, self.pattern, self.signed, self.zero_point
        return PatternOperand, own

    @cached_property
    def _values(self) -> Ints:
        rng = np.random.default_rng(self.pattern.seed)
        mask = self.pattern.mask(self.rows, self.columns, rng)
        values = np.zeros(mask.shape, smallest_dtype(self.storage_bits))
        values[mask] = self._nonzeros(int(mask.sum()), rng)
        return read_only(values)

    def fitted(
        self, rows: int, columns: int, bits: int, coding: str, *, signed: bool = True, zero_point: int = 0
    ) -> PatternOperand:
        """The same pattern in another size or format: this very operand, its integers with it, where nothing changes.

        >>> operand = PatternOperand(4, 8, 8, "uniform", Pattern(0.5))
        >>> operand.fitted(4, 8, 8, "uniform") is operand, operand.fitted(4, 8, 2, "ternary").bits
        (True, 2)
        """
        own = self.rows, self.columns, self.bits, self.coding, self.signed, self.zero_point
        if own == (rows, columns, bits, coding, signed, zero_point):
            return self
        return PatternOperand(rows, columns, bits, coding, self.pattern, signed, zero_point)

    @property
    def storage_bits(self) -> int:
        """Bits of two's complement that hold every value."""
        if self.coding == "pow2":
            return int(2 ** (self.bits - 1))
        return max(2, self.bits) if self.signed and not self.zero_point else self.bits + 1

    def _nonzeros(self, count: int, rng: np.random.Generator) -> Ints:
        if not self.signed or self.zero_point:
            low, high = (bound - self.zero_point for bound in code_range(self.bits, self.signed))
            drawn = rng.integers(low, high, count)  # from 0 up they stand for one more
            return drawn + (drawn >= 0)
        sign = rng.integers(0, 2, count) * 2 - 1
        if self.bits == 1 or self.coding in {"binary", "ternary"}:
            return sign
        if self.coding == "pow2":
            return sign << rng.integers(0, 2 ** (self.bits - 1) - 1, count)
        top = 2 ** (self.bits - 1)
        drawn = rng.integers(1, 2 * top, count)  # 1..top−1 stand for themselves, the rest for −top..−1
        return np.where(drawn < top, drawn, drawn - 2 * top)

    def whole(self) -> Ints:
        """All of it, (rows, columns)."""
        return self._values

    def tile(self, r0: int, r1: int, c0: int, c1: int) -> Ints:
        """Rows r0..r1−1 and columns c0..c1−1."""
        return self._values[r0:r1, c0:c1]


@dataclass(frozen=True, eq=False)
class Im2colOperand:
    """The im2col matrix of one group's ifmap (B, C, H, W), gathered part by part."""

    ifmap: Ints
    geometry: ConvGeometry

    def whole(self) -> Ints:
        """All of it, (M, K); TraceError above 64 MiB."""
        size = self.geometry.M * self.geometry.K * self.ifmap.itemsize
        if size > ACTIVATION_LIMIT_BYTES:
            raise TraceError(
                f"the im2col matrix has {size} bytes, over {ACTIVATION_LIMIT_BYTES}; ask for activation_tile(...)"
            )
        return self.tile(0, self.geometry.M, 0, self.geometry.K)

    def tile(self, r0: int, r1: int, c0: int, c1: int) -> Ints:
        """Rows (pixels) r0..r1−1 and columns (k) c0..c1−1."""
        return self.geometry.gather(self.ifmap, r0, r1, c0, c1)


StoredOperand = ArrayOperand | PatternOperand  # what a trace holds; im2col matrices are made of it
