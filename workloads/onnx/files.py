"""ONNX files read safely: sizes, opsets and declared tensors are checked before anything is made of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, inliner, numpy_helper

from accelsim.errors import FileFormatError, MissingFileError
from accelsim.files import read_bytes

from .sparse import write_out

FILE_LIMIT_BYTES = 2**31  # protobuf's own
OLDEST_OPSET = 7  # before it, operators broadcast by attributes of their own
NODE_LIMIT = 2**17  # after all functions are written out
SIDE_LIMIT = 2**40  # of one dimension
NARROW_BITS: Mapping[int, int] = {
    TensorProto.INT4: 4, TensorProto.UINT4: 4, TensorProto.FLOAT4E2M1: 4, TensorProto.INT2: 2, TensorProto.UINT2: 2,
}  # fmt: skip


def read_model(path: Path) -> ModelProto:
    """The model of an .onnx file, its local functions written out. MissingFileError or FileFormatError, in one line."""
    where = f"model {str(path)!r}"
    content = read_bytes(path, "model", FILE_LIMIT_BYTES)
    try:
        model: ModelProto = ModelProto.FromString(content)
    except (DecodeError, RecursionError) as error:
        raise FileFormatError(f"{where} is no ONNX model: {short(error)}") from error
    if not model.graph.node:
        raise FileFormatError(f"{where} holds no graph with nodes; an ONNX model is expected")
    _check_texts(model.graph, where)
    _check_opsets(model, where)
    _name_plainly(model.graph)
    for function in model.functions:
        _name_plainly(function)
    write_out(model, where)
    if not model.functions:
        return model
    _check_functions(model, where)
    try:
        inlined: ModelProto = inliner.inline_local_functions(model)
    except Exception as error:  # whatever the library meets in a broken function
        raise FileFormatError(f"{where}: its functions cannot be written out: {short(error)}") from error
    return inlined


def _name_plainly(graph: GraphProto | FunctionProto) -> None:
    """Write ONNX's own domain, which has two names, as "" in every node."""
    for node in graph.node:
        if node.domain == "ai.onnx":
            node.domain = ""
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                _name_plainly(inner)


def short(error: BaseException) -> str:
    """An error's text in one line of at most 160 characters."""
    return " ".join(str(error).split())[:160] or type(error).__name__


def opsets(model: ModelProto) -> dict[str, int]:
    """The version of each domain, that of ONNX itself under ""."""
    return {"" if entry.domain == "ai.onnx" else entry.domain: entry.version for entry in model.opset_import}


def _check_texts(graph: GraphProto, where: str) -> None:
    """Refuse names that are no text; protobuf hands those out as bytes."""
    texts: list[Any] = [t.name for t in graph.initializer]
    for value in (*graph.input, *graph.output, *graph.value_info):
        texts += [value.name, *(d.dim_param for d in value.type.tensor_type.shape.dim)]
    for node in graph.node:
        texts += [node.op_type, node.name, node.domain, *node.input, *node.output, *(a.name for a in node.attribute)]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _check_texts(inner, where)
    wrong = next((text for text in texts if not isinstance(text, str)), None)
    if wrong is not None:
        raise FileFormatError(f"{where} is no ONNX model: {wrong[:40]!r} in it is no UTF-8 text")


def _check_opsets(model: ModelProto, where: str) -> None:
    newest = onnx.defs.onnx_opset_version()
    version = opsets(model).get("")
    if version is None:
        raise FileFormatError(f"{where} names no opset of ONNX; {OLDEST_OPSET} to {newest} is expected")
    if not OLDEST_OPSET <= version <= newest:
        raise FileFormatError(f"{where} is of opset {version}; {OLDEST_OPSET} to {newest} is expected")


def _check_functions(model: ModelProto, where: str) -> None:
    """Refuse functions that call themselves and those that grow without bound."""
    for function in model.functions:
        _check_texts(GraphProto(node=function.node), where)
    bodies = {(f.domain, f.name): list(f.node) for f in model.functions}
    if len(bodies) < len(model.functions):
        raise FileFormatError(f"{where} defines a function twice; each needs its own name")
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: list[NodeProto], open_calls: tuple[tuple[str, str], ...]) -> int:
        total = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            if key in open_calls or len(open_calls) > 100:
                raise FileFormatError(f"{where}: function {node.op_type!r:.80} calls itself; none may")
            if key in bodies and key not in sizes:
                sizes[key] = size(bodies[key], (*open_calls, key))
            total += sizes.get(key, 1)
        return total

    if size(list(model.graph.node), ()) > NODE_LIMIT:
        raise FileFormatError(f"{where} has more than {NODE_LIMIT} nodes when its functions are written out")


class Tensors:
    """The stored tensors of a model: what they declare, checked, and their numbers, read when asked for.

    External data lie in files within the model's folder; any other place is refused.
    """

    def __init__(self, folder: Path, where: str) -> None:
        self.folder, self.where = folder, where

    def check(self, tensor: TensorProto) -> None:
        """FileFormatError where a tensor's shape or type cannot be, or where it holds less than it declares."""
        name = f"{self.where}: tensor {tensor.name[:80]!r}"
        if any(not 0 <= side <= SIDE_LIMIT for side in tensor.dims):
            raise FileFormatError(f"{name} has shape {list(tensor.dims)}; sides from 0 to {SIDE_LIMIT} are expected")
        if tensor.data_type not in TensorProto.DataType.values() or tensor.data_type == TensorProto.UNDEFINED:
            raise FileFormatError(f"{name} has type {tensor.data_type}; a type of ONNX is expected")
        if tensor.data_location == TensorProto.EXTERNAL:
            self._external(tensor)
            return
        expected, stored_count = math.prod(tensor.dims), _held(tensor)
        if stored_count is not None and stored_count != expected:
            raise FileFormatError(
                f"{name} of shape {list(tensor.dims)} holds {stored_count} numbers; {expected} are expected"
            )

    def array(self, tensor: TensorProto) -> np.ndarray:
        """A tensor's numbers. FileFormatError where they cannot be read."""
        self.check(tensor)
        whole = tensor
        if tensor.data_location == TensorProto.EXTERNAL:
            whole = TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type)
            whole.raw_data = self._read(tensor)
            self.check(whole)
        try:
            return np.asarray(numpy_helper.to_array(whole))
        except (ValueError, TypeError, KeyError) as error:
            raise FileFormatError(f"{self.where}: tensor {tensor.name[:80]!r}: {short(error)}") from error

    def _external(self, tensor: TensorProto) -> tuple[Path, int, int]:
        """The file of external data, where the tensor begins in it, and its bytes."""
        entries = {entry.key: entry.value for entry in tensor.external_data}
        name, place = f"{self.where}: tensor {tensor.name[:80]!r}", entries.get("location", "")
        path = Path(place)
        if not place or path.is_absolute() or ".." in path.parts or "\\" in place or "\0" in place:
            raise FileFormatError(f"{name} lies in {place[:80]!r}; a file within the model's folder is expected")
        bits = _bits(tensor)
        length = -(-math.prod(tensor.dims) * bits // 8)
        offset, given = entries.get("offset", "0"), entries.get("length", str(length))
        if not offset.isdecimal() or len(offset) > 18 or given != str(length) or bits == 0:
            raise FileFormatError(f"{name} takes {given[:20]} bytes at {offset[:20]!r}; {length} are expected")
        return self.folder / path, int(offset), length

    def _read(self, tensor: TensorProto) -> bytes:
        path, offset, length = self._external(tensor)
        name = f"{self.where}: tensor {tensor.name[:80]!r}"
        if not path.is_file():
            raise MissingFileError(f"{name} lies in {str(path)!r}, which is not there")
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise FileFormatError(f"{name} lies outside of the model's folder by a link; a file within is expected")
        if path.stat().st_size < offset + length:
            raise FileFormatError(f"{name} ends after its file {str(path)!r}, which may be cut")
        try:
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise MissingFileError(f"{name} lies in {str(path)!r}, which cannot be read: {error.strerror}") from error


def _bits(tensor: TensorProto) -> int:
    """Bits of one element; 0 for texts."""
    if tensor.data_type == TensorProto.STRING:
        return 0
    narrow = NARROW_BITS.get(tensor.data_type)
    return narrow or 8 * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize


def _held(tensor: TensorProto) -> int | None:
    """Numbers that a tensor really holds, None where several share an entry of a list."""
    bits = _bits(tensor)
    if tensor.HasField("raw_data"):
        if bits in (0, 2, 4):
            whole = math.prod(tensor.dims)
            return whole if bits and len(tensor.raw_data) == -(-whole * bits // 8) else -1
        return len(tensor.raw_data) * 8 // bits if len(tensor.raw_data) * 8 % bits == 0 else -1
    if tensor.data_type in NARROW_BITS:
        return None
    numbers = getattr(tensor, onnx.helper.tensor_dtype_to_field(tensor.data_type))
    pairs = tensor.data_type in (TensorProto.COMPLEX64, TensorProto.COMPLEX128)
    return len(numbers) // 2 if pairs else len(numbers)


def check_names(model: ModelProto, where: str) -> None:
    """FileFormatError where two values of the main graph have one name, or where a node reads what nothing made yet."""
    graph = model.graph
    stored = [tensor.name for tensor in graph.initializer]
    given = [value.name for value in graph.input if value.name not in set(stored)]
    produced = [name for node in graph.node for name in node.output if name]
    twice = next((name for name, count in Counter(stored + given + produced).items() if count > 1), None)
    if twice is not None:
        raise FileFormatError(f"{where}: value {twice[:80]!r} is made more than once; each needs its own name")
    later, known = set(produced), {"", *stored, *given}
    for node in graph.node:
        _check_inputs(node, known, later, where)
        known.update(node.output)
    for value in graph.output:
        if value.name not in known:
            raise FileFormatError(f"{where}: output {value.name[:80]!r} is made by no node")


def _check_inputs(node: NodeProto, known: set[str], later: set[str], where: str) -> None:
    name = next((name for name in node.input if name not in known), None)
    if name is not None:
        reason = (
            "which a later node makes: nodes out of order or in a cycle" if name in later else "which nothing makes"
        )
        raise FileFormatError(f"{where}: {label(node)} reads {name[:80]!r}, {reason}")


def label(node: NodeProto) -> str:
    """A node as messages name it."""
    kind = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}"
    return f"node {(node.name or ', '.join(node.output))[:80]!r} ({kind[:80]})"


def attribute(node: NodeProto, name: str, otherwise: Any = None) -> Any:
    """The value of a node's attribute: a number, a text, a list."""
    stored = next((a for a in node.attribute if a.name == name), None)
    value = otherwise if stored is None else onnx.helper.get_attribute_value(stored)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def outer_names(node: NodeProto) -> Iterator[str]:
    """All names that a node reads, those of its subgraphs included."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from outer_names(inner)
            yield from (value.name for value in graph.output)
