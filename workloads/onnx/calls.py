"""An ONNX model's calls, node by node, on shapes alone or on real numbers: what `Assembly` makes a workload of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, TypeProto

from accelsim.errors import FileFormatError, MissingFileError, TraceError
from compress.lowering.calls import Call, Value

from .builders import builder_of, is_free
from .codes import note_code, same
from .computing import computed
from .contrib.shapes import contrib_types
from .dimensions import OpenSizes
from .files import Tensors, check_names, label, opsets, outer_names, read_model, short
from .names import Names
from .nodes import Node, NodeCall
from .values import Known, inferred, tensor_type

Visit = Callable[[Call], None]
OF_SHAPES = frozenset({"Shape", "Size", "RandomNormalLike", "RandomUniformLike", "EyeLike"})
NOT_COMPUTED = frozenset({"ImageDecoder", "RegexFullMatch", "StringNormalizer", "TfIdfVectorizer"})


class OnnxCalls:
    """The calls of an .onnx file, for inputs whose open dimensions have the given sizes.

    Control flow is a call that nothing lowers where the workload may be `partial`. FileFormatError, beginning with the
    file's name, where the file is broken or a size that a layer needs stays open.
    """

    def __init__(self, path: Path, sizes: OpenSizes, partial: bool = False) -> None:
        self.path, self.where, self.partial = path, f"model {str(path)!r}", partial
        self.model = read_model(path)
        check_names(self.model, self.where)
        self.versions = opsets(self.model)
        self.tensors = Tensors(path.parent, self.where)
        graph = self.model.graph
        for tensor in graph.initializer:
            self.tensors.check(tensor)
        self.stored = {tensor.name for tensor in graph.initializer}
        self.sizes = sizes
        self.declared = {v.name: v.type for v in (*graph.value_info, *graph.output)}
        given = [value for value in graph.input if value.name not in self.stored]
        sizes.require_known(given, self.declared.values())
        self.inputs = {value.name: sizes.input_type(value) for value in given}
        self.types: dict[str, TypeProto] = {}
        self.padded: dict[str, list[int]] = {}
        self.lost: set[str] = set()  # outputs of nodes that no call can be built of

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
        else:
            self._plain_node(node)

    def _plain_node(self, node: NodeProto) -> None:
        if _has_body(node) and not self.model.partial:
            raise TraceError(f"{label(node)} is control flow; a model without can be lowered")
        for name in node.input:
            if name and name not in self.known:
                raise FileFormatError(f"{label(node)} reads {name[:80]!r}, which nothing makes")
        given = {name: self.known[name] for name in node.input if name}
        outputs = self._outputs(node, given)
        self.known |= {known.name: known for known in outputs}
        self._number(node, given, outputs)
        note_code(node, given, outputs, self.model.versions)
        if not all(known.constant for known in outputs):
            self._call(node, outputs)

    def _branch(self, node: NodeProto) -> None:
        """The branch that a constant condition takes, as if it stood there."""
        condition = self.known.get(node.input[0]) if node.input else None
        if condition is None or not condition.constant or condition.numbers is None:
            if self.model.partial:
                self._plain_node(node)
                return
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
        constant = constant and not _has_body(node)
        parameter = next((k.parameter for k in given.values() if k.parameter), "") if constant else ""
        maker = label(node)
        return [Known(n, self.model.types.get(n), constant, parameter, maker=maker) for n in names]

    def _guessed(self, node: NodeProto, names: Sequence[str]) -> dict[str, TypeProto]:
        """Types where ONNX infers none: those of other domains' operators, or those that the file declares."""
        result = {}
        for name in names:
            declared = self.model.declared.get(name)
            if declared is not None and declared.tensor_type.HasField("shape"):
                result[name] = self.model.sizes.declared_type(declared)
        return result | contrib_types(node, self.known)

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
                known.numbers = partial(same, array)

    def _computed(
        self, node: NodeProto, given: Mapping[str, Known], outputs: Sequence[Known], place: int
    ) -> np.ndarray:
        return self._compute(node, given, outputs)[place]

    def _compute(self, node: NodeProto, given: Mapping[str, Known], outputs: Sequence[Known]) -> list[np.ndarray]:
        real = frozenset(n for n, k in given.items() if not k.constant)
        return computed(node, {n: k.array() for n, k in given.items()}, self.model.versions, outputs, real)

    def _call(self, node: NodeProto, outputs: list[Known]) -> None:
        given = [self.known[name] if name else None for name in node.input]
        whole = Node(node, given, outputs, self.model.versions.get("", 0), self.names, self.real, self.model.padded)
        build = builder_of(node)
        try:
            try:
                calls = None if build is None else build(whole)
            except TraceError as error:
                calls = [self._lost(whole, error)]
            for call in calls or [_plain_call(whole)]:
                self.visit(call)
        except (FileFormatError, MissingFileError, TraceError):
            raise
        except (IndexError, KeyError, ValueError, TypeError, ArithmeticError, AssertionError, AttributeError) as error:
            # a node with attributes or ranks that its operator does not have; no lowering looks for each of them
            raise FileFormatError(f"{label(node)} is malformed: {short(error)}") from error

    def _lost(self, node: Node, error: TraceError) -> Call:
        """A call that nothing lowers, for a node that has no lowering even where only shapes are asked for."""
        name = node.outputs[0].name
        if self.inputs is not None and name not in self.model.lost:
            raise error
        self.model.lost.add(name)
        return replace(_plain_call(node), reason=str(error))


MOVES: Mapping[str, str] = {  # free operators -> ATen's, which say where a layer's filters are afterwards
    "Transpose": "permute", **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), "view"),
    **dict.fromkeys(("Identity", "Dropout", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear"), "alias"),
    **dict.fromkeys(("Quant", "IntQuant", "BipolarQuant", "FloatQuant", "Trunc"), "alias"),
}  # fmt: skip


def _plain_call(node: Node) -> NodeCall:
    """A node that costs nothing, or is only named: the activations that it reads."""
    values = [_soft(known) for known in node.given if known is not None and not known.constant]
    arguments: dict[str, Any] = {"given": values}
    op = MOVES.get(node.proto.op_type, "identity") if is_free(node.proto) else node.operation
    if op == "permute" and values:
        arguments["dims"] = node.attribute("perm", list(range(len(values[0].shape)))[::-1])
    leaf, written = node.names.is_leaf(node.module), tuple(_soft(known) for known in node.outputs)
    return NodeCall(op, node.module, arguments, written, leaf, node=node)


def _has_body(node: NodeProto) -> bool:
    return any(a.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for a in node.attribute)


def _soft(known: Known) -> Value:
    """A value of which the shape does not matter."""
    return Value(known.name, known.known_shape() or (), known.constant)


def _is_whole(kind: TypeProto | None) -> bool:
    return kind is not None and Known("", kind).known_shape() is not None


def _sized(node: NodeProto, shape: tuple[int, ...]) -> np.ndarray:
    """What `Shape` and `Size` say of a tensor."""
    if node.op_type == "Size":
        return np.array(np.prod(shape, dtype=np.int64))
    ends = {a.name: a.i for a in node.attribute}
    return np.array(shape, np.int64)[ends.get("start", 0) : ends.get("end", len(shape))]
