"""Following a network: it runs once on its example, and every function of torch that it calls is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from ..layers import Weight, weights
from .effects import Constant, Effect, Opaque, Sink
from .network import Network
from .units import FIXED, ZERO, Units, core_of, reduced, varying

_MARK = "_accelsim_mark"  # attribute of a tensor


class NotFollowedError(Exception):
    """The network cannot be followed at all; the message says why."""


@dataclass
class Mark:
    """What one run knows of a tensor: which value each element is, and whether the tensor hangs on the model's input.

    `watched` are units that must stay if anything reads the tensor, and why.
    """

    run: object
    values: torch.Tensor  # int64 in the tensor's shape
    depends: bool
    watched: tuple[np.ndarray, str] | None = None


@dataclass(frozen=True)
class FunctionCall:
    """One call of a torch function by the model."""

    name: str
    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any
    before: dict[int, torch.Tensor]  # the values of its arguments, by id, before it ran: it may change them in place

    def argument(self, place: int, name: str, default: Any = None) -> Any:
        """An argument by its place or its name."""
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)

    @property
    def tensors(self) -> list[torch.Tensor]:
        """All tensors among the arguments."""
        return tensors_in((self.args, self.kwargs))


Handler = Callable[["Follower", FunctionCall], Any]


class Follower(TorchFunctionMode):
    """Sees every call, and hands those on values to the handler of the function's name. One thread's own."""

    def __init__(self, model: nn.Module, handlers: dict[str, Handler], unknown: Handler) -> None:
        super().__init__()
        self.model, self.handlers, self.unknown = model, handlers, unknown
        self.network, self.run = Network(), object()
        self.modules: list[nn.Module] = []
        self.quiet, self.depends = 0, True
        self.retained: list[torch.Tensor] = []  # so that no other tensor gets the same id
        self.weights: dict[int, Weight] = {id(w.weight): w for w in weights(model).values() if not w.constrained}
        self.named = {id(t): name for name, t in [*model.named_buffers(), *model.named_parameters()]}
        self.names = {module: name for name, module in model.named_modules()}
        self.given_state = False  # does the recurrent layer that runs start from a state that the model hands in?
        self._constants: dict[int, torch.Tensor] = {}

    @property
    def units(self) -> Units:
        """The network's units."""
        return self.network.units

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.quiet:
            return func(*args, **kwargs)
        given = tensors_in((args, kwargs))
        before = {id(t): mark.values for t in given if (mark := self.mark(t)) is not None}
        self.read(given)
        self.depends = any(self.tracked(t) for t in given)
        call = FunctionCall(_name(func), func, args, kwargs, func(*args, **kwargs), before)
        return self.handlers.get(call.name, self.unknown)(self, call)

    def values(self, tensor: torch.Tensor, call: FunctionCall | None = None) -> torch.Tensor:
        """The values of a tensor's elements, those before the call where it is one of the call's arguments."""
        mark = self.mark(tensor)
        known = call.before.get(id(tensor)) if call is not None else mark.values if mark is not None else None
        if known is not None:
            return known
        if id(tensor) in self.named and id(tensor) not in self.weights:
            return self._constant(tensor)
        return torch.full((1,) * tensor.ndim, FIXED).expand(tensor.shape)

    def tracked(self, tensor: torch.Tensor) -> bool:
        """Does the tensor depend on the network's input?"""
        mark = self.mark(tensor)
        return mark is not None and mark.depends

    def mark(self, tensor: torch.Tensor) -> Mark | None:
        """What this run knows of a tensor; marks of earlier runs count for nothing."""
        mark = getattr(tensor, _MARK, None)
        return mark if isinstance(mark, Mark) and mark.run is self.run else None

    def _constant(self, tensor: torch.Tensor) -> torch.Tensor:
        """The values of a parameter or buffer that is no layer's: units along its last dimension."""
        if id(tensor) not in self._constants:
            wide = [d for d, size in enumerate(tensor.shape) if size > 1]
            if not wide:
                return torch.full((1,) * tensor.ndim, FIXED).expand(tensor.shape)
            units = self.units.new(tensor.shape[wide[-1]])
            self.network.axis(self.named[id(tensor)], wide[-1], units)
            values = self.units.values(units)
            if len(wide) == 1:
                self.add(Constant(self.named[id(tensor)], values))
            shape = [1] * tensor.ndim
            shape[wide[-1]] = -1
            self._constants[id(tensor)] = torch.from_numpy(values).view(shape).expand(tensor.shape)
        return self._constants[id(tensor)]

    def set(self, tensor: Any, values: torch.Tensor) -> Any:
        """Say which values a tensor has."""
        if id(tensor) not in self.named:  # a parameter stays what it is
            setattr(tensor, _MARK, Mark(self.run, reduced(values), self.depends))
        return tensor

    def watch(self, tensor: torch.Tensor, units: np.ndarray, reason: str) -> None:
        """Fix these units where anything reads the tensor."""
        mark = self.mark(tensor)
        assert mark is not None
        mark.watched = (units, reason)

    def read(self, tensors: list[torch.Tensor]) -> None:
        """Something reads these tensors: the model's own code or whoever takes its output."""
        for tensor in tensors:
            mark = self.mark(tensor)
            if mark is not None and mark.watched is not None:
                self.units.fix(*mark.watched)

    def set_all(self, result: Any, value: int = FIXED) -> Any:
        """All tensors of a result are of no unit."""
        for leaf in tensors_in(result):
            self.set(leaf, torch.full((1,) * leaf.ndim, value).expand(leaf.shape))
        return result

    def add(self, effect: Effect) -> None:
        """Add an effect to the network."""
        self.network.effects.append(effect)

    def fix(self, values: torch.Tensor | np.ndarray, reason: str) -> None:
        """These values go where nothing may leave."""
        core = np.unique(core_of(values).numpy() if isinstance(values, torch.Tensor) else values)
        core = core[(core != FIXED) & (core != ZERO)]
        if core.size:
            self.units.fix(self.units.of(core), reason)
            self.add(Sink(core))

    def opaque(self, values: torch.Tensor) -> torch.Tensor:
        """Other values of the same units, which are not 0 where these are."""
        core = core_of(values)
        distinct, places = np.unique(core.numpy(), return_inverse=True)
        fresh = self.units.values(self.units.of(distinct))
        self.add(Opaque(fresh, distinct))
        return torch.from_numpy(fresh[places.reshape(core.shape)]).expand(values.shape)

    def unit_map(self, values: torch.Tensor) -> np.ndarray:
        """The units of an array of values, of size 1 along the dimensions in which it does not vary."""
        return np.asarray(self.units.of(core_of(values)))

    def dims(self, values: torch.Tensor) -> list[int]:
        """The dimensions along which the units vary."""
        return varying(self.unit_map(values))

    def module_name(self, kind: Any = nn.Module) -> str | None:
        """The name of the innermost module that runs, where it is of this kind."""
        module = self.modules[-1] if self.modules else None
        return self.names.get(module) if isinstance(module, kind) else None

    def module_reason(self, module: nn.Module) -> str | None:
        """Why nothing of a module is followed, where that was said of the whole module or one around it."""
        name = self.names[module]
        while name not in self.network.unfollowed:
            if not name:
                return None
            name = name.rpartition(".")[0]
        return self.network.unfollowed[name]

    def weight(self, tensor: torch.Tensor | None) -> Weight | None:
        """Whose weight a tensor is."""
        return None if tensor is None else self.weights.get(id(tensor))

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Hooks on every module while the model runs: which one is innermost, and what its rules make of a weight."""
        handles = []
        try:
            for module in self.model.modules():
                if isinstance(module, torch.jit.ScriptModule):
                    raise NotFollowedError(f"module {self.names[module]!r} is TorchScript")
                handles.append(module.register_forward_pre_hook(self._enter, with_kwargs=True))
                handles.append(module.register_forward_hook(self._leave, always_call=True))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, module: nn.Module, inputs: Any, keywords: Any) -> None:
        self.modules.append(module)
        self.given_state = (inputs[1] if len(inputs) > 1 else keywords.get("hx")) is not None
        self.quiet += isinstance(module, ParametrizationList)

    def _leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self.modules.pop()
        if isinstance(module, ParametrizationList):
            self.quiet -= 1
            self._constrained(self.names[module], output)
        elif not self.quiet and any(self.tracked(t) for t in tensors_in(inputs)) and self._hidden(output):
            name = self.names[module] or type(module).__name__
            raise NotFollowedError(f"module {name!r} computes by something else than torch's functions")

    def _hidden(self, output: Any) -> bool:
        """Is there a tensor that no function which was seen has made?"""
        return any(self.mark(t) is None and id(t) not in self.named for t in tensors_in(output))

    def _constrained(self, name: str, output: torch.Tensor) -> None:
        """A tensor that rules made of a parameter stands for it."""
        owner, _, own = name.partition("parametrizations.")
        parameter = f"{owner}{own}"
        module = self.model.get_submodule(owner.rstrip("."))
        self.retained.append(output)
        self.named[id(output)] = parameter
        for weight in weights(module).values():
            if weight.module is module and weight.parameter == own:
                self.weights[id(output)] = Weight(
                    _renamed(owner, weight), module, weight.kind, own, weight.bias_parameter
                )


def words(text: str) -> list[str]:
    """Names that stand in a text."""
    return text.split()


def tensors_in(tree: Any) -> list[torch.Tensor]:
    """All tensors in nested lists, tuples and dicts."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _renamed(owner: str, weight: Weight) -> str:
    """The weight's name in the whole model: it was looked up in its module alone."""
    return (owner + weight.name).rstrip(".")


def _name(func: Any) -> str:
    name: str = getattr(func, "__name__", type(func).__name__)
    if name == "__get__":
        name = f".{getattr(func.__self__, '__name__', '')}"
    return name if name.startswith("__") else name.rstrip("_")
