"""One node of an ONNX model as the lowerings want it: attributes, inputs and outputs, and the calls that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, helper

from accelsim.errors import FileFormatError
from compress.lowering.calls import Call, Value

from .codes import code_of, less_zero_point
from .files import label
from .names import Names, module_path
from .values import Code, Known

if TYPE_CHECKING:
    import torch

Builder = Callable[["Node"], "list[Call] | None"]
SIZES = ("strides", "dilations", "kernel_shape", "group")  # attributes that are 1 or more


@dataclass(frozen=True, eq=False)
class CodedValue(Value):
    """A value that a file stores quantized: `tensor` then holds its integers, the zero point subtracted."""

    code: Code | None = None
    known: Known | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class NodeCall(Call):
    """A node as an ATen operation, with the node itself: what cannot be lowered is told by its name and its MACs."""

    node: Node | None = field(default=None, repr=False)
    reason: str = ""


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
    def operation(self) -> str:
        """The operator, with its domain where that is not ONNX's."""
        own = self.proto.domain in ("", "ai.onnx")
        return self.proto.op_type if own else f"{self.proto.domain}::{self.proto.op_type}"

    @property
    def runs(self) -> bool:
        """Whether the model is computed, so that its activations have numbers."""
        return self.real and any(k is not None and not k.constant and k.numbers is not None for k in self.given)

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
        return self.coded(known, known.code, known.integers)

    def quantized_value(self, index: int, scale: int | None, zero: int | None, axis: int = 0) -> CodedValue:
        """An operand of an integer operator: the integers, the zero point subtracted, one a slice along `axis`."""
        known, points = self.known(index), self.optional(zero)
        code = code_of(known, self.optional(scale), points)
        return self.coded(known, code, lambda: less_zero_point(known, points, axis))

    def optional(self, index: int | None) -> Known | None:
        """An input, None where the node lacks it."""
        return self.known(index) if index is not None and self.has(index) else None

    def coded(self, known: Known, code: Code | None, integers: Callable[[], np.ndarray] | None) -> CodedValue:
        """A value that stands for integers; what makes them is asked for where real numbers are."""
        source = known.numbers if integers is None else integers
        tensor = _tensor(source()) if self.real and known.numbers is not None and source is not None else None
        integer_value = Known(known.name, known.type, known.constant, numbers=integers, maker=known.maker)
        return CodedValue(known.name, known.shape(), known.constant, known.parameter, tensor, code, integer_value)

    def real_value(self, index: int) -> Value:
        """An input with its real numbers where they are asked for."""
        known = self.known(index)
        tensor = _tensor(known.array()) if self.real and known.numbers is not None else None
        return Value(known.name, known.shape(), known.constant, known.parameter, tensor)

    def first(self) -> Value:
        """The first that the node writes."""
        return Value(self.outputs[0].name, self.outputs[0].shape())

    def written(self) -> tuple[Value, ...]:
        """All that the node writes."""
        return tuple(Value(known.name, known.shape()) for known in self.outputs)

    def call(self, op: str, arguments: Mapping[str, Any], outputs: Sequence[Value] | None = None) -> Call:
        """The node as an ATen operation."""
        leaf = self.names.is_leaf(self.module)
        return NodeCall(op, self.module, arguments, tuple(outputs or self.written()), leaf, node=self)

    def layer(
        self, op: str, weight: Value, arguments: Mapping[str, Any], outputs: Sequence[Value] | None = None
    ) -> Call:
        """The node as an ATen operation that is called after its weight."""
        name = self.names.layer(self.proto, weight.parameter)
        return NodeCall(op, name, arguments, tuple(outputs or self.written()), True, True, self)


def _tensor(array: np.ndarray) -> torch.Tensor:
    """A torch tensor of real numbers, or of integers."""
    import torch

    kind = np.int32 if np.issubdtype(array.dtype, np.integer) else np.float32
    if array.dtype == bool:
        return torch.from_numpy(np.ascontiguousarray(array))
    return torch.from_numpy(np.array(array, kind))
