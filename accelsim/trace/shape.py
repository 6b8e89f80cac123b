"""M, N and K of a trace: sizes that agree, from whatever says one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..errors import TraceError
from ..validation import is_integer
from .conv import ConvGeometry, Pair
from .operand import ArrayOperand

SIZE_LIMIT = 2**62


class Shape(NamedTuple):
    """M, N and K of one group: output pixels, filters, and the length of the reduction."""

    M: int
    N: int
    K: int


def positive(value: Any, name: str, field: str) -> int:
    """An integer from 1 to 2^62, or TraceError that names the field."""
    if not is_integer(value, 1, SIZE_LIMIT):
        raise TraceError(f"{field} of trace {name!r} is {value!r}; an integer from 1 to 2^62 is expected")
    return int(value)


def dense_sizes(given: Iterable[Any] | None, otherwise: Shape, name: str) -> Shape:
    """`dense_shape` of a trace, `otherwise` where none is given; TraceError unless it is three sizes."""
    if given is None:
        return otherwise
    sizes = [positive(size, name, "dense_shape") for size in given]
    if len(sizes) != 3:
        raise TraceError(f"dense_shape of trace {name!r} has {len(sizes)} sizes; M, N and K are expected")
    return Shape(*sizes)


def plane_shape(conv: ConvGeometry, groups: int) -> Pair:
    """A conv's ifmap as a matrix: (B·C of all groups, H·W)."""
    return conv.batch * conv.channels * groups, conv.height * conv.width


def gemm_sizes(
    name: str,
    groups: int,
    given: tuple[int | None, int | None, int | None],
    weight: object = None,
    activation: object = None,
    conv: ConvGeometry | None = None,
    steps: int = 1,
) -> Shape:
    """M, N, K from what is given; TraceError where two sources disagree or none says a size.

    The activation may hold M rows for each of `steps` where M is given. Patterns say no size.
    """
    positive(groups, name, "groups")
    sizes: dict[str, list[int]] = {
        d: [] if size is None else [positive(size, name, d)] for d, size in zip("MNK", given, strict=True)
    }
    if conv is not None:
        sizes["M"].append(conv.M)
        sizes["K"].append(conv.K)
    if isinstance(weight, ArrayOperand):
        sizes["N"].append(_share(weight.rows, groups))
        sizes["K"].append(weight.columns)
    if isinstance(activation, ArrayOperand) and conv is None:
        runs = steps if sizes["M"] and activation.rows == steps * sizes["M"][0] else 1
        sizes["M"].append(activation.rows // runs)
        sizes["K"].append(_share(activation.columns, groups))
    return Shape(*(_agreed(name, dimension, groups, values) for dimension, values in sizes.items()))


def _share(size: int, groups: int) -> int:
    """One group's part of a size, −1 where it does not divide."""
    return size // groups if size % groups == 0 else -1


def _agreed(name: str, dimension: str, groups: int, sizes: list[int]) -> int:
    if len(set(sizes)) != 1 or sizes[0] < 1:
        stated = sorted(set(sizes)) or "missing"
        raise TraceError(f"{dimension} of trace {name!r} is {stated} for {groups} groups; one size is expected")
    return sizes[0]
