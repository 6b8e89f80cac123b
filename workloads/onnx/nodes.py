"""One node of an ONNX model as the lowerings want it: attributes, inputs and outputs, and the calls that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, helper

from accelsim.errors import FileFormatError

from ..lowering.calls import Call, Value
from .files import label
from .names import Names, module_path
from .values import INTEGERS, Code, Known

if TYPE_CHECKING:
    import torch

SIZES = ("strides", "dilations", "kernel_shape", "group")  # attributes that are 1 or more


@dataclass(frozen=True, eq=False)
class CodedValue(Value):
    """A value that a file stores quantized: `tensor` then holds its integers, the zero point subtracted."""

    code: Code | None = None
    known: Known | None = field(default=None, repr=False)


@dataclass(eq=False)
class Node:
    """A node with what is known of its inputs and outputs. `real`: calls carry all numbers that there are."""

    proto: NodeProto
    given: list[Known | None]
    outputs: list[Known]
    opset: int
    names: Names
    real: bool
    padded: dict[str, list[int]]

    def __post_init__(self) -> None:
        self.attributes = {a.name: a for a in self.proto.attribute}
        self.module = module_path(self.proto)

    def attribute(self, name: str, otherwise: Any = None) -> Any:
        """An attribute's value: a number, a text, a list."""
        result = self.attributes.get(name)
        if result is None:
            return otherwise
        value = helper.get_attribute_value(result)
        if name in SIZES and (min(value, default=1) if isinstance(value, Sequence) else value) < 1:
            raise FileFormatError(f"{name} of {self.label} is {value}; 1 or more is expected")
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    @property
    def label(self) -> str:
        """The node as messages name it."""
        return label(self.proto)

    def has(self, index: int) -> bool:
        """Whether the node has this input."""
        return index < len(self.given) and self.given[index] is not None

    def known(self, index: int) -> Known:
        """An input; FileFormatError where the node lacks it."""
        result = self.given[index] if index < len(self.given) else None
        if result is None:
            raise FileFormatError(f"{self.label} lacks its input {index}")
        return result

    def numbers(self, index: int) -> np.ndarray | None:
        """The numbers of a constant input, None where there is no such input or it is no constant."""
        if not self.has(index) or not self.known(index).constant:
            return None
        return self.known(index).array()

    def value(self, index: int) -> Value:
        """An input's shape."""
        known = self.known(index)
        return Value(known.name, known.shape(), known.constant, known.parameter)

    def layer_value(self, index: int) -> CodedValue:
        """A layer's operand: with the integers that the file stores, else, where they are asked for, real numbers."""
        known = self.known(index)
        return self._coded(known, known.code, known.integers)

    def quantized_value(self, index: int, scale: int | None, zero: int | None) -> CodedValue:
        """An operand of an integer operator: the integers, the zero point subtracted."""
        known = self.known(index)
        code = code_of(known, self._given(scale), self._given(zero))
        points = self._given(zero)
        return self._coded(known, code, lambda: less_zero_point(known, points, 0))

    def _given(self, index: int | None) -> Known | None:
        return self.known(index) if index is not None and self.has(index) else None

    def _coded(self, known: Known, code: Code | None, integers: Callable[[], np.ndarray] | None) -> CodedValue:
        source = known.numbers if integers is None else integers
        tensor = _tensor(source()) if self.real and known.numbers is not None and source is not None else None
        integer_value = Known(known.name, known.type, known.constant, numbers=integers, maker=known.maker)
        return CodedValue(known.name, known.shape(), known.constant, known.parameter, tensor, code, integer_value)

    def real_value(self, index: int) -> Value:
        """An input with its real numbers where they are asked for."""
        known = self.known(index)
        tensor = _tensor(known.array()) if self.real and known.numbers is not None else None
        return Value(known.name, known.shape(), known.constant, known.parameter, tensor)

    def written(self) -> tuple[Value, ...]:
        """All that the node writes."""
        return tuple(Value(known.name, known.shape()) for known in self.outputs)

    def call(self, op: str, arguments: Mapping[str, Any], outputs: Sequence[Value] | None = None) -> Call:
        """The node as an ATen operation."""
        return Call(op, self.module, arguments, tuple(outputs or self.written()), self.names.is_leaf(self.module))

    def layer(
        self, op: str, weight: Value, arguments: Mapping[str, Any], outputs: Sequence[Value] | None = None
    ) -> Call:
        """The node as an ATen operation that is called after its weight."""
        name = self.names.layer(self.proto, weight.parameter)
        return Call(op, name, arguments, tuple(outputs or self.written()), True, True)


def code_of(known: Known, scale: Known | None, zero: Known | None) -> Code | None:
    """The code of an integer tensor; None where its type is no quantized one."""
    if known.kind not in INTEGERS:
        return None
    least, most, bits = INTEGERS[known.kind]
    return Code(bits, least, most, _plain(scale), _plain(zero))


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


def _tensor(array: np.ndarray) -> torch.Tensor:
    """A torch tensor of real numbers, or of integers."""
    import torch

    kind = np.int32 if np.issubdtype(array.dtype, np.integer) else np.float32
    if array.dtype == bool:
        return torch.from_numpy(np.ascontiguousarray(array))
    return torch.from_numpy(np.array(array, kind))
