"""A torch model's calls by `torch.export`: its graph of ATen operations, on shapes alone or on real numbers."""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..lowering import SHAPE_ONLY
from ..lowering.calls import Call, Value, bound, flat_values, mapped, operation

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram
    from torch.fx import Node

Visit = Callable[[Call], None]


class NotExportedError(Exception):
    """`torch.export` cannot trace the model, or its graph holds control flow; the message says what."""


@contextmanager
def evaluated(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode and without gradients; its mode is given back."""
    import torch

    modes = {module: module.training for module in model.modules()}
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's remarks on its own internals say nothing to our user
            model.eval()
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


class ExportedCalls:
    """The calls of a model that `torch.export` can trace. Raises NotExportedError for others."""

    name = "torch.export"

    def __init__(self, model: nn.Module, inputs: tuple[Any, ...]) -> None:
        import torch

        self.model = model
        try:
            with evaluated(model):
                self.program: ExportedProgram = torch.export.export(model, inputs, strict=False)
        except Exception as error:  # whatever the tracer meets in a user's model; the hooks try next
            raise NotExportedError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
        self._check()

    def _check(self) -> None:
        for node in self.program.graph.nodes:
            if node.op == "get_attr" or (node.op == "call_function" and "higher_order" in type(node.target).__module__):
                raise NotExportedError(f"its graph holds {node.target}")

    def run(self, visit: Visit, inputs: tuple[Any, ...] | None = None) -> list[Value]:
        """Hand every call to `visit`, in the order in which they run, and return what the model returns.

        With `inputs`, of the shapes that the model was traced with, the calls carry real numbers.
        """
        import torch

        with torch.no_grad():
            return _Player(self, visit, inputs).play()


class _Player:
    """Walks the graph once; with real numbers it computes each node and forgets it after its last use."""

    def __init__(self, traced: ExportedCalls, visit: Visit, inputs: tuple[Any, ...] | None) -> None:
        self.model, self.program, self.visit = traced.model, traced.program, visit
        self.real = inputs is not None
        self.known: dict[Node, Any] = {}
        self.given = self._placeholders(inputs)
        self.last = {used: node for node in self.program.graph.nodes for used in node.all_input_nodes}

    def play(self) -> list[Value]:
        """All nodes in order; the values of the output node."""
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                self.known[node] = next(self.given)
            elif node.op == "call_function":
                self.known[node] = self._called(node)
            elif node.op == "output":
                return list(flat_values(self._arguments(node.args)))
            for used in node.all_input_nodes:
                if self.last[used] is node:
                    del self.known[used]
        return []

    def _placeholders(self, inputs: tuple[Any, ...] | None) -> Iterator[Any]:
        """What each placeholder stands for, in the order of the graph: parameters, buffers, constants, inputs."""
        from torch.utils._pytree import tree_leaves

        users = iter(tree_leaves((inputs, {}))) if inputs is not None else iter(())
        tensors = {**self.program.constants, **self.program.state_dict}
        nodes = (node for node in self.program.graph.nodes if node.op == "placeholder")
        for node, spec in zip(nodes, self.program.graph_signature.input_specs, strict=True):
            result = node.meta.get("val")
            if spec.kind.name == "USER_INPUT":
                given = next(users, None)
                yield self._value(node.name, given if self.real else result, constant=False)
            else:
                yield self._value(node.name, tensors[spec.target] if self.real else result, True, spec.target)

    def _value(self, name: str, result: Any, constant: bool, parameter: str | None = "") -> Any:
        """Tensors as Values, within lists and tuples too; anything else as it is."""
        import torch

        if isinstance(result, torch.Tensor):
            return Value(name, tuple(map(int, result.shape)), constant, parameter or "", result if self.real else None)
        if isinstance(result, list | tuple):
            return [self._value(f"{name}:{i}", item, constant, parameter) for i, item in enumerate(result)]
        return result

    def _arguments(self, arguments: Any) -> Any:
        from torch.fx import Node

        return mapped(list(arguments) if isinstance(arguments, tuple) else arguments, self.known.__getitem__, Node)

    def _called(self, node: Node) -> Any:
        arguments = self._arguments(node.args)
        if node.target is operator.getitem:
            return arguments[0][arguments[1]]
        keywords = {key: self._arguments(value) for key, value in node.kwargs.items()}
        read = list(flat_values([arguments, list(keywords.values())]))
        result = self._computed(node, arguments, keywords) if self.real else node.meta.get("val")
        if not hasattr(node.target, "_schema"):
            return result
        op = operation(node.target)
        constant = all(value.constant for value in read) or op in SHAPE_ONLY
        parameter = next((v.parameter for v in read if v.parameter), "") if constant else ""
        written = self._value(node.name, result, constant, parameter)
        outputs = tuple(flat_values([written]))
        if outputs:
            path, leaf, weighted = self._module(node)
            self.visit(Call(op, path, bound(node.target, arguments, keywords), outputs, leaf, weighted))
        return written

    def _computed(self, node: Node, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        assert callable(node.target)
        real = mapped(arguments, lambda value: value.tensor, Value)
        return node.target(*real, **{k: mapped(v, lambda value: value.tensor, Value) for k, v in keywords.items()})

    def _module(self, node: Node) -> tuple[str, bool, bool]:
        """What `describe` says of the innermost module around a node."""
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        path = re.sub(r"@\d+", "", stack[-1][0]) if stack else ""
        return describe(self.model, path)


def describe(model: nn.Module, path: str) -> tuple[str, bool, bool]:
    """A module's path, whether it is one of torch's own without children, and whether it has a weight of its own."""
    module = model.get_submodule(path)
    childless = not any(True for _ in module.children())
    own = type(module).__module__.startswith("torch.nn")
    parametrized = "parametrizations" in dict(module.named_children())
    return path, (childless and own) or parametrized, hasattr(module, "weight") and (childless or parametrized)
