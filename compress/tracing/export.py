"""A torch model's calls by `torch.export`: its graph of ATen operations, on shapes alone or on real numbers."""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from torch.export import ExportedProgram

from ..lowering.calls import Call, Value, bound, flat_values, mapped, operation
from ..lowering.constants import facts_of
from ..turns import TURNS
from .composite import Parts, is_composite, value_of
from .memory import holds_tensors, rewritten, storage_of
from .wrappers import ProgramModules

if TYPE_CHECKING:
    from torch import nn
    from torch.fx import Node

Visit = Callable[[Call], None]
Describe = Callable[[list[Any]], tuple[str, bool, bool]]


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
            with suppress(NotImplementedError):  # what torch.export made has the one mode that it was traced in
                model.eval()
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


class ExportedCalls:
    """The calls of a model that `torch.export` can trace. Raises NotExportedError for others."""

    name = "torch.export"

    def __init__(self, model: nn.Module | ExportedProgram, inputs: tuple[Any, ...]) -> None:
        import torch

        self.given: tuple[Any, ...] | None = None  # the inputs of a program that was traced by somebody else
        if isinstance(model, ExportedProgram):
            self.program: ExportedProgram = model
            self.describe: Describe = ProgramModules(model).describe
            self.given = inputs  # its sizes may be open
            self._check()
            return
        self.describe = partial(_innermost, model, {module: name for name, module in model.named_modules()})
        try:
            with TURNS.trace(), evaluated(model):
                self.program = torch.export.export(model, inputs, strict=False)
        except Exception as error:  # whatever the tracer meets in a user's model; the hooks try next
            raise NotExportedError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
        modules = ProgramModules(self.program)
        if not modules.kinds.keys() <= {name for name, _ in model.named_modules(remove_duplicate=False)}:
            self.describe = modules.describe  # of a model that was a program before, which has its old names
        self._check()

    def _check(self) -> None:
        from torch.fx.experimental.symbolic_shapes import has_free_unbacked_symbols

        for node in self.program.graph.nodes:
            if node.op == "get_attr" or (node.op == "call_function" and "higher_order" in type(node.target).__module__):
                raise NotExportedError(f"its graph holds {node.target}")
            function = node.op == "call_function" and node.target is not operator.getitem
            if function and not hasattr(node.target, "_schema") and holds_tensors(node.meta.get("val")):
                raise NotExportedError(f"its graph holds {getattr(node.target, '__name__', node.target)}")
            if self.given is None and has_free_unbacked_symbols(node.meta.get("val")):
                raise NotExportedError(f"the size of what {node.name} makes depends on the numbers")

    def run(self, visit: Visit, inputs: tuple[Any, ...] | None = None) -> list[Value]:
        """Hand every call to `visit`, in the order in which they run, and return what the model returns.

        With `inputs`, of the shapes that the model was traced with, the calls carry real numbers.
        """
        import torch

        with torch.no_grad():
            return _Player(self, visit, inputs or self.given).play()


class _Player:
    """Walks the graph once; with real numbers it computes each node and forgets it after its last use."""

    def __init__(self, traced: ExportedCalls, visit: Visit, inputs: tuple[Any, ...] | None) -> None:
        self.describe, self.program, self.visit = traced.describe, traced.program, visit
        self.real = inputs is not None
        self.known: dict[Node, Any] = {}
        self.sharing: dict[int, list[Node]] = {}  # by memory, the nodes whose tensors lie in it
        for node in self.program.graph.nodes:
            memory = storage_of(node.meta.get("val"))
            if memory is not None:
                self.sharing.setdefault(memory, []).append(node)
        self.written = {storage_of(node.meta.get("val")) for node in self.program.graph.nodes if _writes(node)}
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
                yield self._value(node.name, self._own(node, given) if self.real else result)
            else:
                facts = {"parameter": spec.target or "", "trained": spec.kind.name == "PARAMETER"}
                given = self._own(node, tensors[spec.target]) if self.real else result
                yield self._value(node.name, given, constant=True, **facts)

    def _own(self, node: Node, given: Any) -> Any:
        """A tensor of the user's, or a copy of one that the program writes into."""
        memory = storage_of(node.meta.get("val"))
        return given.clone() if memory is not None and memory in self.written else given

    def _value(self, name: str, result: Any, **facts: Any) -> Any:
        """Tensors as Values, within lists and tuples too; anything else as it is."""
        import torch

        if isinstance(result, torch.Tensor):
            return value_of(name, result, self.real, **facts)
        if isinstance(result, list | tuple):
            return [self._value(f"{name}:{i}", item, **facts) for i, item in enumerate(result)]
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
        if hasattr(node.target, "_schema") and is_composite(node.target) and read:
            return self._taken_apart(node, arguments, keywords)
        result = self._computed(node, arguments, keywords) if self.real else node.meta.get("val")
        if not hasattr(node.target, "_schema"):
            return result
        op = operation(node.target)
        written = self._value(node.name, result, **facts_of(op, read, result))
        outputs = tuple(flat_values([written]))
        if outputs:
            path, leaf, weighted = self._module(node)
            self.visit(Call(op, path, bound(node.target, arguments, keywords), outputs, leaf, weighted))
            if _writes(node) and not outputs[0].constant:
                self._written(node, outputs[0], path)
        return written

    def _written(self, node: Node, value: Value, path: str) -> None:
        """All other tensors in the memory of one that was written hold something new."""
        memory = storage_of(node.meta.get("val"))
        for other in self.sharing.get(memory, []) if memory is not None else []:
            old = self.known.get(other)
            if isinstance(old, Value):
                call = rewritten(old, value, path)
                self.visit(call)
                self.known[other] = call.output

    def _taken_apart(self, node: Node, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """The parts of an operation that torch makes of others, on real numbers or on the shapes of the graph."""
        import torch
        from torch.utils._pytree import tree_leaves

        shapes: dict[str, torch.Tensor] = {}
        for used in node.all_input_nodes:
            tensors = [t for t in tree_leaves(used.meta.get("val")) if isinstance(t, torch.Tensor)]
            names = [value.name for value in flat_values([self.known[used]])]
            shapes |= dict(zip(names, tensors, strict=False))

        def tensor_of(value: Value) -> torch.Tensor:
            return value.tensor if self.real and value.tensor is not None else shapes[value.name]

        parts = Parts(node.name, self._module(node), self.real, self.visit)
        return parts.run(node.target, arguments, keywords, tensor_of)

    def _computed(self, node: Node, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        assert callable(node.target)
        real = mapped(arguments, lambda value: value.tensor, Value)
        return node.target(*real, **{k: mapped(v, lambda value: value.tensor, Value) for k, v in keywords.items()})

    def _module(self, node: Node) -> tuple[str, bool, bool]:
        """What `describe` says of the innermost module around a node."""
        return self.describe(list((node.meta.get("nn_module_stack") or {}).values()))


def _writes(node: Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and bool(schema.is_mutable)


def _innermost(model: nn.Module, names: Mapping[nn.Module, str], stack: list[Any]) -> tuple[str, bool, bool]:
    """A module that stands at several places has its first name at all of them."""
    path = re.sub(r"@\d+", "", stack[-1][0]) if stack else ""
    return describe(model, names.get(model.get_submodule(path), path))


def describe(model: nn.Module, path: str) -> tuple[str, bool, bool]:
    """A module's path, whether it is one of torch's own without children, and whether it has a weight of its own.

    What makes a parametrized weight is no child, and the class is the one before torch put its own in the way.
    """
    from torch.nn.utils.parametrize import type_before_parametrizations

    module = model.get_submodule(path)
    childless = all(name == "parametrizations" for name, _ in module.named_children())
    own = type_before_parametrizations(module).__module__.startswith(("torch.nn", "torch.ao.nn"))
    return path, childless and own, childless and hasattr(module, "weight")
