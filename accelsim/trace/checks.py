"""From what a caller gives to the fields of a trace: what was left out is worked out, and all is checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import TraceError
from .conv import ConvGeometry
from .number_format import NumberFormat, in_float
from .operand import ArrayOperand, Pattern, PatternOperand, StoredOperand, integer_array
from .shape import Shape, dense_sizes, gemm_sizes, plane_shape, positive

OPERATIONS = ("any", "mac", "l1")
RECURRENT = ("lstm", "gru", "rnn")  # kinds whose runs are time steps
Given = StoredOperand | Pattern | None  # an operand as a trace takes it, once integers are checked
Fields = Mapping[str, Any]


def checked_fields(given: Fields) -> dict[str, Any]:
    """The fields of a GemmTrace, and its number format, from those that were given; None stands for what was not.

    Operands that were checked before, those of a trace that is copied, are taken as they are. Raises TraceError where
    shapes, values or bits contradict each other.
    """
    name, groups, conv, kind = (given[key] for key in ("name", "groups", "conv", "kind"))
    if not isinstance(name, str) or not name:
        raise TraceError(f"a trace's name is {name!r}; a text that is not empty is expected")
    weight = _weight(given["weight_operand"], name)
    activation = _activation(given["activation_operand"], conv, groups, name)
    steps = positive(given["repeat"], name, "repeat") if kind in RECURRENT else 1
    sizes = gemm_sizes(name, groups, (given["M"], given["N"], given["K"]), weight, activation, conv, steps)
    number_format = _number_format(given, groups * sizes.N)
    values = {
        "M": sizes.M, "N": sizes.N, "K": sizes.K,
        "weight_bits": int(number_format.weight_bits), "activation_bits": int(number_format.activation_bits),
        "filter_bits": number_format.filter_bits, "number_format": number_format,
        "weight_signed": bool(number_format.weight_signed), "activation_signed": bool(number_format.activation_signed),
        "activation_zero_point": int(number_format.activation_zero_point),
        "codebook_bits": number_format.codebook_bits, "float_format": number_format.float_format,
        "kind": kind or ("conv" if conv else "linear"), "repeat": positive(given["repeat"], name, "repeat"),
        "dense_shape": dense_sizes(given["dense_shape"], sizes, name), "dense_groups": given["dense_groups"] or groups,
        "operation": _operation(given["operation"], name), "pruned": _pruned(given["pruned"], name),
        "weight_operand": _weight_in_format(weight, groups, sizes, number_format, name),
        "activation_operand": _activation_in_format(activation, groups, sizes, number_format, conv, steps, name),
    }  # fmt: skip
    _check_attention(values, name)
    dense = values["dense_groups"] * values["dense_shape"].N * values["dense_shape"].K
    _check_pruned(values["pruned"], dense, groups * sizes.N * sizes.K, name)
    return values


def has_weights(kind: str) -> bool:
    """Whether the second operand of a layer of this kind is weights; that of an attention GEMM is an activation."""
    return kind != "attention"


def _operation(operation: Any, name: str) -> str:
    if operation not in OPERATIONS:
        raise TraceError(f"operation of trace {name!r} is {operation!r}; one of {', '.join(OPERATIONS)} is expected")
    return str(operation)


def _pruned(pruned: Any, name: str) -> bool:
    if not isinstance(pruned, bool | np.bool_):
        raise TraceError(f"pruned of trace {name!r} is {pruned!r:.60}; True or False is expected")
    return bool(pruned)


def _check_pruned(pruned: bool, dense: int, now: int, name: str) -> None:
    """A layer that has fewer weights than it had was pruned by somebody."""
    if not pruned and now < dense:
        raise TraceError(
            f"pruned of trace {name!r} is False, and it has {now} weights of the {dense} of its dense shape; "
            "pruned=True is expected"
        )


def _weight(weight: Any, name: str) -> Given:
    """Integers (groups·N, K) become an operand."""
    if weight is None or isinstance(weight, (ArrayOperand, PatternOperand, Pattern)):  # the tuple is faster
        return weight
    return ArrayOperand(integer_array(weight, f"weight of {name!r}", 2))


def _activation(activation: Any, conv: ConvGeometry | None, groups: int, name: str) -> Given:
    """Integers (M, groups·K), or a conv's ifmap (B, C, H, W), a matrix (B·C, H·W) then, become an operand."""
    if activation is None or isinstance(activation, PatternOperand | Pattern):
        return activation
    if isinstance(activation, ArrayOperand):
        if conv is not None:
            _check_ifmap(activation.values.shape, plane_shape(conv, groups), name)
        return activation
    values = integer_array(activation, f"activation of {name!r}", 2 if conv is None else 4)
    if conv is None:
        return ArrayOperand(values)
    _check_ifmap(values.shape, (conv.batch, conv.channels * groups, conv.height, conv.width), name)
    return ArrayOperand(values.reshape(plane_shape(conv, groups)))


def _check_ifmap(shape: tuple[int, ...], expected: tuple[int, ...], name: str) -> None:
    if shape != expected:
        raise TraceError(f"ifmap of {name!r} has shape {shape}; {expected} is expected")


def _number_format(given: Fields, rows: int) -> NumberFormat:
    """Weights have, where nobody says it, as many bits as the widest of the `rows` filters, or 8.

    A floating-point format, fp32 where none is named, says all itself.
    """
    if given["weight_coding"] == "float":
        return in_float(given["float_format"] or "fp32")
    widths, bits = _filter_widths(given["filter_bits"], rows, given["name"]), given["weight_bits"]
    if bits is None:
        bits = 8 if widths is None else max(widths)
    codes = given["weight_signed"], given["activation_signed"], given["activation_zero_point"]
    return NumberFormat(
        bits, given["activation_bits"], given["weight_coding"], given["codebook_bits"], widths, *codes,
        given["float_format"],
    )  # fmt: skip


def _filter_widths(given: Any, rows: int, name: str) -> tuple[int, ...] | None:
    """Bits of each filter of all groups, or None where they are equal."""
    if given is None:
        return None
    bits = integer_array(given, f"filter_bits of {name!r}", 1)
    if len(bits) != rows:
        raise TraceError(f"filter_bits of {name!r} are {len(bits)}; {rows} are expected, one a filter of all groups")
    return tuple(bits.tolist())


def _weight_in_format(
    weight: Given, groups: int, sizes: Shape, number_format: NumberFormat, name: str
) -> StoredOperand | None:
    """Integers that the format can hold, or random ones drawn in it."""
    if isinstance(weight, ArrayOperand):
        number_format.check_weight(weight, name)
        return weight
    if weight is None:
        return None
    if number_format.filter_bits is not None:
        raise TraceError(f"filter_bits of {name!r} come with random weights; integers or none are expected")
    bits, coding, signed = number_format.weight_bits, number_format.weight_coding, number_format.weight_signed
    return weight.fitted(groups * sizes.N, sizes.K, bits, coding, signed=signed)


def _activation_in_format(
    activation: Given,
    groups: int,
    sizes: Shape,
    number_format: NumberFormat,
    conv: ConvGeometry | None,
    steps: int,
    name: str,
) -> StoredOperand | None:
    """The same for the activation. Random ones have rows for each step, but where they had one step's before."""
    if isinstance(activation, ArrayOperand):
        number_format.check_activation(activation, name)
        return activation
    if activation is None:
        return None
    rows, columns = (sizes.M, groups * sizes.K) if conv is None else plane_shape(conv, groups)
    if isinstance(activation, PatternOperand) and activation.rows == rows:
        steps = 1
    return activation.fitted(
        steps * rows, columns, number_format.activation_bits, "uniform", signed=number_format.activation_signed,
        zero_point=number_format.activation_zero_point,
    )  # fmt: skip


def _check_attention(values: Fields, name: str) -> None:
    weight_bits, activation_bits = values["weight_bits"], values["activation_bits"]
    if not has_weights(values["kind"]) and weight_bits != activation_bits:
        raise TraceError(
            f"weight_bits of attention trace {name!r} is {weight_bits}; its second operand is an activation, so "
            f"{activation_bits} as activation_bits is expected"
        )
