"""What an ONNX model's layers and operators are called: as the framework that wrote the file called them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from onnx import NodeProto

_WEIGHT = re.compile(r"^(?P<layer>.+?)[._/](weight|kernel|W)(_quantized|_q|_int8|_scale|:0|/ReadVariableOp.*)*$")
SILENT = frozenset({"Constant", "Identity", "Cast", "Shape"})  # what exporters write beside a module's operation
LONGEST = 120


class Names:
    """Names of a graph's nodes: the path of the module around each, as torch writes it, and whether it is a leaf.

    torch calls a node "/layer1/layer1.0/conv1/Conv"; its module is then "layer1.0.conv1". A layer is called as the
    owner of its weight, else as its module, else by its operator and a number.
    """

    def __init__(self, nodes: Iterable[NodeProto]) -> None:
        self._kinds: dict[str, set[str]] = {}
        for node in nodes:
            if node.op_type not in SILENT:
                self._kinds.setdefault(module_path(node), set()).add(node.op_type)
        self._holders = {prefix for path in self._kinds for prefix in _prefixes(path)}
        self._layers: dict[str, str] = {}
        self._count: dict[str, int] = {}

    def is_leaf(self, path: str) -> bool:
        """Whether a module is one operation: no other lies within, and it has nodes of one kind."""
        return bool(path) and path not in self._holders and len(self._kinds.get(path, ())) <= 1

    def layer(self, node: NodeProto, parameter: str) -> str:
        """The name of the layer with this weight: the same for the same weight, and for no other."""
        key = parameter or next(name for name in node.output if name)
        if key not in self._layers:
            name = self._proposed(node, parameter)
            while name in self._layers.values():
                name = self._numbered(node, f"{name}.")
            self._layers[key] = name
        return self._layers[key]

    def _proposed(self, node: NodeProto, parameter: str) -> str:
        matched = _WEIGHT.match(parameter)
        name = matched["layer"].replace("/", ".") if matched else module_path(node)
        return name[:LONGEST] or self._numbered(node)

    def _numbered(self, node: NodeProto, before: str = "") -> str:
        kind = node.op_type.lower()
        self._count[kind] = self._count.get(kind, 0) + 1
        return f"{before}{kind}{self._count[kind]}"


def module_path(node: NodeProto) -> str:
    """The dotted path of the module that a node's name speaks of, "" where it speaks of none."""
    parts = [part for part in node.name.split("/") if part]
    kind = re.escape(node.op_type)
    if parts and re.fullmatch(rf"(node_)?{kind}(_\d+)?", parts[-1], re.IGNORECASE):
        parts.pop()
    path: list[str] = []
    for part in parts:
        if path and part.startswith(f"{path[-1]}."):
            path.pop()
        path.append(part)
    return ".".join(path)[:LONGEST]


def _prefixes(path: str) -> Iterator[str]:
    while "." in path:
        path = path.rpartition(".")[0]
        yield path
