"""From what a caller gives to what a trace holds: operands, and sizes that agree."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelsim.errors import TraceError
from accelsim.trace.conv import ConvGeometry, Pair
from accelsim.trace.operand import ArrayOperand, Operand, PatternOperand, integer_array

SIZE_LIMIT = 2**62
OPERATIONS = ("any", "mac", "l1")
Shape = tuple[int, int, int]


def known_operation(operation: Any, name: str) -> str:
    """`operation` if it is one of OPERATIONS, else TraceError."""
    if operation not in OPERATIONS:
        raise TraceError(f"operation of trace {name!r} is {operation!r}; one of {', '.join(OPERATIONS)} is expected")
    return str(operation)


def filter_widths(given: Any, rows: int, name: str) -> tuple[int, ...] | None:
    """`filter_bits` of a trace as integers, one a filter of all groups, or TraceError."""
    if given is None:
        return None
    bits = integer_array(given, f"filter_bits of {name!r}", 1)
    if len(bits) != rows:
        raise TraceError(f"filter_bits of {name!r} are {len(bits)}; {rows} are expected, one a filter of all groups")
    return tuple(bits.tolist())


def positive(value: Any, name: str, field: str) -> int:
    """An integer from 1 to 2^62, or TraceError that names the field."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not 1 <= value <= SIZE_LIMIT:
        raise TraceError(f"{field} of trace {name!r} is {value!r}; an integer from 1 to 2^62 is expected")
    return int(value)


def plane_shape(conv: ConvGeometry, groups: int) -> Pair:
    """A conv's ifmap as a matrix: (B·C of all groups, H·W)."""
    return conv.batch * conv.channels * groups, conv.height * conv.width


def weight_operand(weight: Any, name: str) -> Operand | None:
    """What a trace holds for `weight`: an array (groups·N, K), a pattern, or None."""
    if weight is None or isinstance(weight, PatternOperand | ArrayOperand):
        return weight
    return ArrayOperand(integer_array(weight, f"weight of {name!r}", 2))


def activation_operand(
    activation: Any, conv: ConvGeometry | None, groups: int, name: str
) -> ArrayOperand | PatternOperand | None:
    """What a trace holds for `activation`: (M, groups·K), a conv's ifmap as a matrix, a pattern, or None."""
    if activation is None or isinstance(activation, PatternOperand | ArrayOperand):
        return activation
    values = integer_array(activation, f"activation of {name!r}", 2 if conv is None else 4)
    if conv is None:
        return ArrayOperand(values)
    expected = (conv.batch, conv.channels * groups, conv.height, conv.width)
    if values.shape != expected:
        raise TraceError(f"ifmap of {name!r} has shape {values.shape}; {expected} is expected")
    return ArrayOperand(values.reshape(plane_shape(conv, groups)))


def gemm_sizes(
    name: str,
    groups: int,
    given: tuple[int | None, int | None, int | None],
    weight: Operand | None,
    activation: ArrayOperand | PatternOperand | None,
    conv: ConvGeometry | None,
    steps: int = 1,
) -> Shape:
    """M, N, K from what is given; TraceError where two sources disagree or none tells.

    The activation may hold M rows for each of `steps` where M is given.
    """
    positive(groups, name, "groups")
    found: list[list[int]] = [
        [] if size is None else [positive(size, name, d)] for d, size in zip("MNK", given, strict=True)
    ]
    if conv is not None:
        found[0].append(conv.M)
        found[2].append(conv.K)
    if weight is not None:
        rows, columns = operand_shape(weight)
        found[1].append(rows // groups if rows % groups == 0 else -1)
        found[2].append(columns)
    if activation is not None and conv is None:
        rows, columns = operand_shape(activation)
        found[0].append(rows // steps if found[0] and rows == steps * found[0][0] else rows)
        found[2].append(columns // groups if columns % groups == 0 else -1)
    for dimension, sizes in zip("MNK", found, strict=True):
        if len(set(sizes)) != 1 or sizes[0] < 1:
            told = sorted(set(sizes)) or "missing"
            raise TraceError(f"{dimension} of trace {name!r} is {told} for {groups} groups; one size is expected")
    return found[0][0], found[1][0], found[2][0]


def operand_shape(operand: Operand) -> Pair:
    """(rows, columns), without making a pattern's values."""
    if isinstance(operand, PatternOperand):
        return operand.rows, operand.columns
    rows, columns = operand.whole().shape
    return rows, columns
