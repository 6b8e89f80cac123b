"""An ONNX model's calls, node by node, on shapes alone or on real numbers: what `Assembly` makes a workload of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, TypeProto, ValueInfoProto

from accelsim.errors import FileFormatError, MissingFileError, TraceError

from ..lowering.calls import Call, Value
from .files import Tensors, check_names, label, opsets, outer_names, read_model, short
from .names import Names
from .nodes import Node, code_of, less_zero_point
from .operators import FREE, OPERATORS
from .values import Known, computed, inferred, side, tensor_type

Visit = Callable[[Call], None]
ORT = "com.microsoft"  # the domain of ONNX Runtime's own operators
OF_SHAPES = frozenset({"Shape", "Size", "RandomNormalLike", "RandomUniformLike", "EyeLike"})
KEEPS_CODE = frozenset(
    {"Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Slice", "Expand", "Dropout"}
)
NOT_COMPUTED = frozenset({"ImageDecoder", "RegexFullMatch", "StringNormalizer", "TfIdfVectorizer"})
SAME_SHAPE = frozenset({"FastGelu", "QuickGelu", "Gelu", "QLinearSigmoid", "QLinearLeakyRelu", "QuantizeLinear",
                        "DequantizeLinear"})  # fmt: skip


class OnnxCalls:
    """The calls of an .onnx file, for inputs whose first dimension, where it is open, is `batch`.

    `dimensions` gives the sizes of other open ones by their names. FileFormatError, beginning with the file's name,
    where the file is broken or a size that a layer needs stays open.
    """

    def __init__(self, path: Path, batch: int, dimensions: Mapping[str, int]) -> None:
        self.path, self.where = path, f"model {str(path)!r}"
        self.model = read_model(path)
        check_names(self.model, self.where)
        self.versions = opsets(self.model)
        self.tensors = Tensors(path.parent, self.where)
        graph = self.model.graph
        for tensor in graph.initializer:
            self.tensors.check(tensor)
        self.stored = {tensor.name for tensor in graph.initializer}
        self.sizes = dict(dimensions)
        self.inputs = {v.name: self._fixed(v, batch) for v in graph.input if v.name not in self.stored}
        self.declared = {v.name: v.type for v in (*graph.value_info, *graph.output)}
        self.types: dict[str, TypeProto] = {}
        self.padded: dict[str, list[int]] = {}

    def _fixed(self, value: ValueInfoProto, batch: int) -> TypeProto:
        """An input's type with its open sizes set."""
        tensor = value.type.tensor_type
        if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
            raise FileFormatError(f"{self.where}: input {value.name[:80]!r} has no shape; a tensor's is expected")
        sides = [side(d) for d in tensor.shape.dim]
        if sides and not isinstance(sides[0], int):
            self.sizes.setdefault(sides[0] or "", batch)
            sides[0] = self.sizes[sides[0]] if sides[0] else batch
        elif sides and batch not in (1, sides[0]):
            raise FileFormatError(f"{self.where}: input {value.name[:80]!r} is for a batch of {sides[0]}, not {batch}")
        sides = [self.sizes.get(s, s) if isinstance(s, str) else s for s in sides]
        for axis, size in enumerate(sides):
            if not isinstance(size, int) or size < 1:
                raise FileFormatError(
                    f"{self.where}: dimension {axis} of input {value.name[:80]!r} is {size or 'open'!r:.60}; give its "
                    f"size with dimensions={{{size or 'name'!r:.60}: ...}}"
                )
        return tensor_type(tensor.elem_type, sides)

    def run(self, visit: Visit, inputs: Mapping[str, np.ndarray] | None = None, weights: bool = False) -> list[Value]:
        """Hand every call to `visit`, in order, and return what the model returns.

        With `weights` the calls carry the numbers of constants, with `inputs` those of all tensors.
        """
        return _Walk(self, visit, inputs, weights or inputs is not None).play()


class _Walk:
    """Walks the graph once; with real numbers it computes each node and forgets them after their last use."""

    def __init__(self, model: OnnxCalls, visit: Visit, inputs: Mapping[str, np.ndarray] | None, real: bool) -> None:
        self.model, self.visit, self.inputs, self.real = model, visit, inputs, real
        self.graph: GraphProto = model.model.graph
        self.names = Names(self.graph.node)
        self.known: dict[str, Known] = {}
        self.last = {name: index for index, node in enumerate(self.graph.node) for name in outer_names(node)}

    def play(self) -> list[Value]:
        """All nodes in order; the values of the outputs."""
        try:
            self._begin(self.graph)
            for index, node in enumerate(self.graph.node):
                self._node(node)
                self._forget(node, index)
            return [_soft(self.known[value.name]) for value in self.graph.output]
        except MissingFileError:
            raise
        except (FileFormatError, TraceError) as error:
            text = str(error)
            begun = text if text.startswith(self.model.where) else f"{self.model.where}: {text}"
            raise FileFormatError(begun) from error

    def _begin(self, graph: GraphProto) -> None:
        for tensor in graph.initializer:
            self.model.tensors.check(tensor)
            kind = tensor_type(tensor.data_type, list(tensor.dims))
            numbers = partial(self.model.tensors.array, tensor)
            self.known[tensor.name] = Known(tensor.name, kind, True, tensor.name, numbers, maker="the file")
        for name, kind in self.model.inputs.items() if graph is self.graph else ():
            given = None if self.inputs is None else partial(self.inputs.__getitem__, name)
            self.known[name] = Known(name, kind, numbers=given)

    def _forget(self, node: NodeProto, index: int) -> None:
        """Let go of computed numbers that no later node reads."""
        for name in (*node.input, *node.output):
            known = self.known.get(name)
            if known is not None and not known.constant and self.last.get(name, index) <= index:
                known.numbers = known.integers = known._kept = None

    def _node(self, node: NodeProto) -> None:
        if node.op_type == "If" and node.domain in ("", "ai.onnx"):
            self._branch(node)
            return
        if any(a.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for a in node.attribute):
            raise TraceError(f"{label(node)} is control flow; a model without can be lowered")
        for name in node.input:
            if name and name not in self.known:
                raise FileFormatError(f"{label(node)} reads {name[:80]!r}, which nothing makes")
        given = {name: self.known[name] for name in node.input if name}
        outputs = self._outputs(node, given)
        self.known |= {known.name: known for known in outputs}
        self._number(node, given, outputs)
        self._code(node, given, outputs)
        if not all(known.constant for known in outputs):
            self._call(node, outputs)

    def _branch(self, node: NodeProto) -> None:
        """The branch that a constant condition takes, as if it stood there."""
        condition = self.known.get(node.input[0]) if node.input else None
        if condition is None or not condition.constant or condition.numbers is None:
            raise TraceError(f"{label(node)} is control flow that depends on data; a model without can be lowered")
        wanted = "then_branch" if bool(condition.array().reshape(-1)[0]) else "else_branch"
        taken = next((a.g for a in node.attribute if a.name == wanted), GraphProto())
        self._begin(taken)
        for inner in taken.node:
            self._node(inner)
        if len(taken.output) != len(node.output) or any(v.name not in self.known for v in taken.output):
            raise FileFormatError(f"{label(node)} has a branch that does not make its {len(node.output)} outputs")
        for name, value in zip(node.output, taken.output, strict=True):
            self.known[name] = self.known[value.name]

    def _outputs(self, node: NodeProto, given: Mapping[str, Known]) -> list[Known]:
        """What the node writes, with the types that shape inference, or else the file, gives them."""
        names = [name for name in node.output if name]
        if not all(name in self.model.types for name in names):
            domain = "" if node.domain == "ai.onnx" else node.domain
            result = dict(inferred(node, given, self.model.versions)) if domain == "" else {}
            if not result or not all(_is_whole(result.get(n)) for n in names):
                whole = {n: t for n, t in result.items() if _is_whole(t)}
                result |= self._guessed(node, names) | whole
            self.model.types |= result
        constant = all(known.constant for known in given.values()) or node.op_type in OF_SHAPES
        parameter = next((k.parameter for k in given.values() if k.parameter), "") if constant else ""
        maker = label(node)
        return [Known(n, self.model.types.get(n), constant, parameter, maker=maker) for n in names]

    def _guessed(self, node: NodeProto, names: Sequence[str]) -> dict[str, TypeProto]:
        """Types where ONNX infers none: those that the file declares, or those of operators that keep a shape."""
        result = {}
        for name in names:
            declared = self.model.declared.get(name)
            if declared is not None and declared.tensor_type.HasField("shape"):
                sides = [side(d) for d in declared.tensor_type.shape.dim]
                sides = [self.model.sizes.get(s, s) if isinstance(s, str) else s for s in sides]
                result[name] = tensor_type(declared.tensor_type.elem_type, sides)
        if node.domain == ORT and names and names[0] not in result:
            guess = _shape_of_ort(node, self.known)
            result |= {} if guess is None else {names[0]: guess}
        return result

    def _number(self, node: NodeProto, given: Mapping[str, Known], outputs: Sequence[Known]) -> None:
        """Numbers of constants, computed when asked for, and, where the model runs on real ones, of all at once."""
        if node.op_type in NOT_COMPUTED:
            return
        if node.op_type in ("Shape", "Size") and outputs and not all(k.constant for k in given.values()):
            whole = given[node.input[0]].known_shape() if node.input and node.input[0] in given else None
            if whole is not None:
                outputs[0].numbers = partial(_sized, node, whole)
            return
        if all(known.constant for known in given.values()):
            for place, known in enumerate(outputs):
                known.numbers = partial(self._computed, node, given, outputs, place)
        elif self.inputs is not None:
            result = self._compute(node, given, outputs)
            for known, array in zip(outputs, result, strict=True):
                known.numbers = partial(_same, array)

    def _computed(
        self, node: NodeProto, given: Mapping[str, Known], outputs: Sequence[Known], place: int
    ) -> np.ndarray:
        return self._compute(node, given, outputs)[place]

    def _compute(self, node: NodeProto, given: Mapping[str, Known], outputs: Sequence[Known]) -> list[np.ndarray]:
        return computed(node, {n: k.array() for n, k in given.items()}, self.model.versions, outputs)

    def _code(self, node: NodeProto, given: Mapping[str, Known], outputs: Sequence[Known]) -> None:
        """The integers behind a dequantized tensor, also after its elements were only put in another order."""
        if not outputs or not node.input or node.input[0] not in given:
            return
        source, written = given[node.input[0]], outputs[0]
        if node.op_type == "DequantizeLinear":
            scale, zero = ((given.get(node.input[i]) if i < len(node.input) else None) for i in (1, 2))
            written.code = code_of(source, scale, zero)
            axis, block = (
                (next((a.i for a in node.attribute if a.name == n), d)) for n, d in (("axis", 1), ("block_size", 0))
            )
            if written.code is not None and source.numbers is not None:
                written.integers = _lazily(partial(less_zero_point, source, zero, axis, block), source.constant)
        elif node.op_type in KEEPS_CODE and source.code is not None and source.integers is not None:
            written.code = source.code
            others = {n: k for n, k in given.items() if n != source.name}
            written.integers = _lazily(
                partial(self._reordered, node, source.integers, others, written), source.constant
            )
        elif node.op_type in KEEPS_CODE and source.code is not None:
            written.code = source.code

    def _reordered(self, node: NodeProto, integers: Any, others: Mapping[str, Known], written: Known) -> np.ndarray:
        arrays = {node.input[0]: integers(), **{n: k.array() for n, k in others.items()}}
        return computed(node, arrays, self.model.versions, [written])[0]

    def _call(self, node: NodeProto, outputs: list[Known]) -> None:
        given = [self.known[name] if name else None for name in node.input]
        whole = Node(node, given, outputs, self.model.versions.get("", 0), self.names, self.real, self.model.padded)
        build = OPERATORS.get(node.op_type) if node.domain in ("", "ai.onnx", ORT) else None
        try:
            calls = None if build is None or node.op_type in FREE else build(whole)
            for call in calls or [_plain_call(whole)]:
                self.visit(call)
        except (FileFormatError, MissingFileError, TraceError):
            raise
        except (IndexError, KeyError, ValueError, TypeError, ArithmeticError, AssertionError, AttributeError) as error:
            # a node with attributes or ranks that its operator does not have; no lowering looks for each of them
            raise FileFormatError(f"{label(node)} is malformed: {short(error)}") from error


def _plain_call(node: Node) -> Call:
    """A node that costs nothing, or is only named: its activations, and the parameters of foreign operators."""
    foreign = node.proto.domain not in ("", "ai.onnx") or node.proto.op_type in ("DeformConv", *OPERATORS)
    free = node.proto.op_type in FREE
    read = [k for k in node.given if k is not None and (not k.constant or (foreign and not free))]
    op = node.proto.op_type if node.proto.domain in ("", "ai.onnx") else f"{node.proto.domain}::{node.proto.op_type}"
    values = [_soft(known) for known in read]
    return node.call("identity" if free else op, {"given": values}, [_soft(known) for known in node.outputs])


def _soft(known: Known) -> Value:
    """A value of which the shape does not matter; only floating constants of several numbers count as parameters."""
    shape = known.known_shape() or ()
    own_parameter = known.parameter if known.kind in (1, 10, 11, 16) and len(shape) > 1 else ""
    return Value(known.name, shape, known.constant, own_parameter)


def _is_whole(kind: TypeProto | None) -> bool:
    return kind is not None and Known("", kind).known_shape() is not None


def _same(array: np.ndarray) -> np.ndarray:
    return array


def _lazily(integers: Callable[[], np.ndarray], lazy: bool) -> Callable[[], np.ndarray]:
    """Integers of constants when asked for; of activations at once, whose numbers are forgotten soon."""
    return integers if lazy else partial(_same, integers())


def _sized(node: NodeProto, shape: tuple[int, ...]) -> np.ndarray:
    """What `Shape` and `Size` say of a tensor."""
    if node.op_type == "Size":
        return np.array(np.prod(shape, dtype=np.int64))
    ends = {a.name: a.i for a in node.attribute}
    return np.array(shape, np.int64)[ends.get("start", 0) : ends.get("end", len(shape))]


def _shape_of_ort(node: NodeProto, known: Mapping[str, Known]) -> TypeProto | None:
    """The output of those of ONNX Runtime's operators that are lowered here."""
    shapes = [known[n].known_shape() if n in known else None for n in node.input]
    kind = known[node.input[0]].kind if node.input and node.input[0] in known else 0
    first = shapes[0] if shapes else None
    if first is None:
        return None
    if node.op_type in SAME_SHAPE:
        return tensor_type(kind, first)
    if node.op_type in ("QLinearAdd", "QLinearMul") and len(shapes) > 3 and shapes[3] is not None:
        return tensor_type(kind, np.broadcast_shapes(first, shapes[3]))
    if node.op_type == "QLinearGlobalAveragePool" and len(first) > 2:
        return tensor_type(kind, (*first[:2], *[1] * (len(first) - 2)))
    return None
