"""Where a layer's output channels go: the chain of channel-wise operations from a layer to the layers that read it."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn import functional

from ..layers import Layer

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d

# Operations that work on each channel alone and turn a channel of zeros into zeros.
_MODULES = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Hardtanh, nn.Hardswish, nn.SiLU, nn.GELU, nn.Tanh, nn.Identity, nn.Dropout,
    nn.Dropout2d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d,
)  # fmt: skip
_FUNCTIONS = (
    functional.relu, functional.relu6, functional.max_pool2d, functional.avg_pool2d, functional.adaptive_avg_pool2d,
    functional.dropout, functional.leaky_relu, functional.silu, functional.gelu, torch.relu, torch.tanh,
)  # fmt: skip
_METHODS = ("relu", "tanh", "contiguous")
_VIEWS = ("view", "reshape", torch.reshape)
_RESHAPES = (*_VIEWS, "flatten", torch.flatten)


@dataclass
class Consumer:
    """A layer that reads the channels; each channel is `features` of its inputs, past the batch norms `norms`."""

    layer: str
    features: int
    norms: tuple[str, ...]


@dataclass
class Flow:
    """One producing layer, the batch norms behind it and all the layers that read it."""

    producer: str
    norms: set[str] = field(default_factory=set)
    consumers: list[Consumer] = field(default_factory=list)


_ONE_TRACE = Lock()  # two at a time would each put back the other's replacement of Module.__call__


class _Leaves(fx.Tracer):
    """Traces into the user's own modules only; torch's, and parametrized ones of theirs, stay whole.

    torch.fx traces by replacing the call of every module of the process, so that models which run in other threads
    meanwhile come by here: they are called as ever.
    """

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        if not any(m is known for known in self.root.modules()):
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, (Layer, BatchNorm, *_MODULES)) or super().is_leaf_module(m, module_qualified_name)


def flows(model: nn.Module, example_input: torch.Tensor) -> list[Flow]:
    """The flow of each layer whose output reaches only conv and linear layers, through channel-wise operations.

    Layers of which anything else uses the output (an addition, a concatenation, the result of the network) are left
    out, as are layers with groups and those that run more than once. Empty where torch.fx cannot trace the model.
    """
    graph = _traced(model, example_input)
    if graph is None:
        return []
    modules = dict(model.named_modules())
    calls = [node.target for node in graph.nodes if node.op == "call_module"]
    once = {target for target in calls if calls.count(target) == 1}
    followed = []
    for node in graph.nodes:
        if node.op == "call_module" and node.target in once and _plain(modules[node.target]):
            flow = Flow(node.target)
            if _follow(node, 1, (), flow, modules, once) and flow.consumers:
                followed.append(flow)
    return followed


def _traced(model: nn.Module, example_input: torch.Tensor) -> fx.Graph | None:
    """The model's graph with a shape on each node, or None. A refusal to trace can be any exception of the model's."""
    training = {module: module.training for module in model.modules()}
    try:
        with _ONE_TRACE:
            graph = _Leaves().trace(model.eval())
        with torch.no_grad():
            ShapeProp(fx.GraphModule(model, graph)).propagate(example_input)
    except Exception:  # the model's own code runs here; whatever stops it, such a model is left alone
        return None
    finally:
        for module, was in training.items():  # a user may have set some of them apart
            module.training = was
    return graph


def _plain(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)


def _follow(
    node: fx.Node, features: int, norms: tuple[str, ...], flow: Flow, modules: dict[str, nn.Module], once: set[Any]
) -> bool:
    """Add what reads `node` to the flow; False where something other than the operations above reads it."""
    for user in node.users:
        module = modules.get(str(user.target)) if user.op == "call_module" else None
        if module is not None and user.target not in once and not isinstance(module, _MODULES):
            return False
        if isinstance(module, Layer):
            if not _plain(module) or (isinstance(module, nn.Linear) and len(_shape(node)) != 2):
                return False
            flow.consumers.append(Consumer(str(user.target), features, norms))
        elif isinstance(module, BatchNorm):
            if features != 1:
                return False
            flow.norms.add(str(user.target))
            if not _follow(user, features, (*norms, str(user.target)), flow, modules, once):
                return False
        elif _flattens(user, module):
            if not _follow(user, features * _size(node), norms, flow, modules, once):
                return False
        elif _is_batch_size(user):
            continue
        elif not (_channelwise(user, module) and _follow(user, features, norms, flow, modules, once)):
            return False
    return bool(node.users)


def _shape(node: fx.Node) -> torch.Size:
    shape: torch.Size = node.meta["tensor_meta"].shape
    return shape


def _size(node: fx.Node) -> int:
    """How many positions a channel of the node has."""
    return int(torch.Size(_shape(node)[2:]).numel())


def _channelwise(node: fx.Node, module: nn.Module | None) -> bool:
    if node.op == "call_module":
        return isinstance(module, _MODULES)
    known = _FUNCTIONS if node.op == "call_function" else _METHODS if node.op == "call_method" else ()
    return node.target in known


def _flattens(node: fx.Node, module: nn.Module | None) -> bool:
    """Is the result (B, C · positions)? A flatten, or a view or reshape with the batch's size first."""
    if not (isinstance(module, nn.Flatten) or node.target in _RESHAPES):
        return False
    source = node.args[0]
    if not isinstance(source, fx.Node) or len(_shape(node)) != 2:
        return False
    return _shape(node)[0] == _shape(source)[0] and _follows_batch(node)


def _follows_batch(node: fx.Node) -> bool:
    """No fixed feature count in a view: it must still fit when channels leave."""
    if node.target not in _VIEWS:
        return True
    sizes: Any = node.args[1:] if len(node.args) > 2 else node.args[1]
    return isinstance(sizes, tuple | list) and sizes[-1] == -1


def _is_batch_size(node: fx.Node) -> bool:
    """x.size(0) or x.shape[0]: knows nothing of the channels."""
    if node.op == "call_method" and node.target == "size":
        return node.args[1:] == (0,)
    if node.op == "call_function" and node.target is getattr and node.args[1] == "shape":
        return all(u.target is operator.getitem and u.args[1] == 0 for u in node.users)
    return False
