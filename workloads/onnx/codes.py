"""The integers behind quantized tensors: their codes, their bits, and what keeps them through a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from onnx import NodeProto

from accelsim.errors import FileFormatError

from .computing import computed
from .definitions import QONNX, QUANTIZERS, quantized_bits, quantizer_limits, quantizer_steps
from .files import attribute, label
from .keeping import RETYPES, joined_code, joined_limits, keeps_code
from .values import INTEGERS, Code, Known, held_bits

Numbers = Callable[[], np.ndarray]


def note_code(
    node: NodeProto, given: Mapping[str, Known], outputs: Sequence[Known], versions: Mapping[str, int]
) -> None:
    """Note the integers behind what a node writes, also after elements were only clipped or put in another order."""
    if not outputs or not node.input or node.input[0] not in given:
        return
    source, written = given[node.input[0]], outputs[0]
    operands = [given.get(name) for name in node.input]
    if node.op_type == "DequantizeLinear":
        _dequantized(node, source, operands, written)
    elif node.domain in QONNX and node.op_type in QUANTIZERS:
        _fake_quantized(node, source, operands, written)
    elif node.op_type == "Clip" and source.kind in INTEGERS:
        written.limits = _clipped(source, operands)
    elif node.domain in QONNX and node.op_type == "Trunc":
        written.code = _truncated(node, source, operands)
    elif node.op_type == "Concat":
        _joined(node, operands, written)
    elif keeps_code(node, given, written):
        _handed_on(node, given, outputs, versions)


def _handed_on(
    node: NodeProto, given: Mapping[str, Known], outputs: Sequence[Known], versions: Mapping[str, int]
) -> None:
    """The first input's code and integers, as they are behind each output."""
    source = given[node.input[0]]
    if node.op_type in RETYPES and source.constant and source.code is None:
        source = _as_floats(source)
    others = {n: k for n, k in given.items() if n != source.name}
    for place, written in enumerate(outputs):
        if place and node.op_type != "Split":  # the indices of a MaxPool, the mask of a Dropout
            return
        written.code, written.limits = source.code, source.limits
        if source.code is None or source.integers is None:
            continue
        again = partial(_reordered, node, source.integers, others, outputs, versions, place)
        if node.op_type in RETYPES:
            written.integers = source.integers
        elif written.constant or all(known.numbers is not None for known in others.values()):
            written.integers = _lazily(again, written.constant)


def _as_floats(source: Known) -> Known:
    """A constant of integers as the code that it is when it is cast to floats: under a scale of 1."""
    code = code_of(source, None, None)
    return source if code is None else replace(source, code=replace(code, scale=1.0), integers=source.numbers)


def _joined(node: NodeProto, parts: Sequence[Known | None], written: Known) -> None:
    """`Concat`: activations under different scales have bits in common, and no integers of one scale."""
    written.code, written.limits = joined_code(parts), joined_limits(parts)
    known = [part for part in parts if part is not None]
    alike = all(part.code == known[0].code for part in known)
    lazy = all(part.constant for part in known)
    if written.code is None or not (alike or lazy) or any(part.integers is None for part in known):
        return
    axis = attribute(node, "axis", 1)
    integers = [part.integers for part in known if part.integers is not None]
    written.integers = _lazily(lambda: np.concatenate([numbers() for numbers in integers], axis), lazy)


def _truncated(node: NodeProto, source: Known, operands: Sequence[Known | None]) -> Code | None:
    """QONNX's `Trunc`, whose last setting is the bits that it leaves."""
    last = operands[-1]
    if len(operands) < 5 or last is None or not last.constant or last.numbers is None or not last.array().size:
        return None
    signed = source.code.least < 0 if source.code is not None else bool(attribute(node, "signed", 1))
    whole = 2 ** quantized_bits(node, last.array())
    least, most = (-whole // 2, whole // 2 - 1) if signed else (0, whole - 1)
    return Code(range_bits(least, most), least, most, None, None)


def _dequantized(node: NodeProto, source: Known, operands: Sequence[Known | None], written: Known) -> None:
    """`DequantizeLinear` of any domain: x, its scale, its zero point."""
    scale, zero = (*operands[1:3], None, None)[:2]
    written.code = code_of(source, scale, zero)
    axis, block = attribute(node, "axis", 1), attribute(node, "block_size", 0)
    if written.code is not None and source.numbers is not None:
        written.integers = _lazily(partial(less_zero_point, source, zero, axis, block), source.constant)


def _fake_quantized(node: NodeProto, source: Known, operands: Sequence[Known | None], written: Known) -> None:
    """QONNX's quantizers, whose outputs are real numbers: the integers are those times the scale."""
    others = [known for known in operands[1:] if known is not None]
    if not all(known.constant and known.numbers is not None for known in others):
        return
    wanted = 1 if node.op_type == "BipolarQuant" else 3
    if len(others) != wanted or not all(known.array().size for known in others):
        raise FileFormatError(f"{label(node)} has {len(others)} settings; {wanted} are expected")
    arrays = [known.array() for known in others]
    least, most = quantizer_limits(node, arrays)
    points = _plain(others[1]) if wanted > 1 else 0
    bits = 1 if node.op_type == "BipolarQuant" else range_bits(least, most)
    written.code = Code(bits, least, most, _plain(others[0]), points)
    if source.numbers is not None:
        steps = partial(_steps_less_zero, node, source, arrays)
        written.integers = _lazily(steps, source.constant)


def _steps_less_zero(node: NodeProto, source: Known, arrays: Sequence[np.ndarray]) -> np.ndarray:
    steps = quantizer_steps(node, source.array(), arrays)
    points = np.rint(arrays[1]) if len(arrays) > 1 else 0
    return np.asarray(steps - points).astype(np.int32)


def _clipped(source: Known, operands: Sequence[Known | None]) -> tuple[int, int] | None:
    """The range that a `Clip` of integers leaves: of 4-bit weights in int8, for one."""
    least, most, _ = INTEGERS[source.kind]
    least, most = source.limits or (least, most)
    for place, known in enumerate(operands[1:3]):
        if known is None:
            continue
        if not known.constant or known.numbers is None:
            return source.limits
        bound = int(known.array().reshape(-1)[0])
        least, most = (max(least, bound), most) if place == 0 else (least, min(most, bound))
    return (least, most) if least <= most else source.limits


def range_bits(least: int, most: int) -> int:
    """Bits of a range of integers: of two's complement where it goes below 0.

    >>> range_bits(-8, 7), range_bits(0, 15), range_bits(-1, 1)
    (4, 4, 2)
    """
    return held_bits(least, most) if least < 0 else max(most.bit_length(), 1)


def code_of(known: Known, scale: Known | None, zero: Known | None) -> Code | None:
    """The code of an integer tensor; None where its type is no quantized one."""
    if known.kind not in INTEGERS:
        return None
    least, most, bits = INTEGERS[known.kind]
    if known.limits is not None:
        least, most = known.limits
        bits = range_bits(least, most)
    return Code(bits, least, most, _plain(scale), _plain(zero), computed=zero is not None and not zero.constant)


def less_zero_point(known: Known, zero: Known | None, axis: int, block: int = 0) -> np.ndarray:
    """A tensor's integers with the zero point subtracted: one, one a slice along `axis`, or one a block of it.

    FileFormatError where there are not as many zero points as that takes.
    """
    result = known.array().astype(np.int32)
    if zero is None:
        return result
    points = zero.array().astype(np.int32)
    try:
        return np.asarray(result - _spread(points, result.shape, axis, block))
    except (ValueError, IndexError, ArithmeticError) as error:  # numpy's own, of shapes and of an axis out of range
        raise FileFormatError(
            f"the zero points {points.shape} of {known.name[:80]!r} {result.shape} do not fit along its axis {axis}"
        ) from error


def _spread(points: np.ndarray, shape: tuple[int, ...], axis: int, block: int) -> np.ndarray:
    """Zero points in a shape that numpy can subtract from a tensor of `shape`."""
    if block > 0:
        return np.repeat(points, block, axis).take(range(shape[axis]), axis)
    if points.size == 1:
        return points.reshape(())
    if points.ndim == 1:
        return points.reshape([-1 if a == axis % len(shape) else 1 for a in range(len(shape))])
    return points


def _plain(known: Known | None) -> Any:
    """A constant's numbers as JSON holds them."""
    if known is None or not known.constant or known.numbers is None:
        return None
    result = known.array()
    kind = np.int64 if np.issubdtype(result.dtype, np.integer) or result.dtype.kind == "V" else np.float64
    return result.astype(kind).reshape(-1)[0].item() if result.size == 1 else result.astype(kind).tolist()


def _reordered(
    node: NodeProto,
    integers: Numbers,
    others: Mapping[str, Known],
    outputs: Sequence[Known],
    versions: Mapping[str, int],
    place: int,
) -> np.ndarray:
    arrays = {node.input[0]: integers(), **{n: k.array() for n, k in others.items()}}
    return np.asarray(computed(node, arrays, versions, outputs)[place]).astype(np.int32)


def same(array: np.ndarray) -> np.ndarray:
    """The array, for values whose numbers are there already."""
    return array


def _lazily(integers: Numbers, lazy: bool) -> Numbers:
    """Integers of constants when asked for; of activations at once, whose numbers are forgotten soon."""
    return integers if lazy else partial(same, integers())
