"""A torch model's calls as it runs: every ATen operation by a dispatch mode, its module by hooks.

For models that `torch.export` cannot trace: control flow that depends on data, Python objects as inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from weakref import ref

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from accelsim.errors import TraceError

from ..lowering.calls import Call, Value, bound, flat_values, joined, mapped, operation
from ..lowering.constants import facts_of
from ..turns import TURNS
from .composite import value_of
from .export import describe, evaluated
from .memory import loose_tensors, rewritten, storage_of, written_arguments

Visit = Callable[[Call], None]


class HookedCalls:
    """The calls of a model that runs on `inputs`. Raises TraceError, where it runs, if the model does not."""

    name = "hooks"

    def __init__(self, model: nn.Module, inputs: tuple[Any, ...], title: str) -> None:
        self.model, self.inputs, self.title = model, inputs, title

    def run(self, visit: Visit, inputs: tuple[Any, ...] | None = None) -> list[Value]:
        """Run the model, hand every call to `visit`, and return what the model returns. Calls carry real numbers."""
        recorder = _Recorder(self.model, visit)
        given = inputs or self.inputs
        try:
            with TURNS.trace(), evaluated(self.model), recorder.hooked(given), _functions_seen_by(recorder), recorder:
                result = self.model(*given)
        except TraceError:
            raise
        except Exception as error:  # whatever a user's model raises
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            raise TraceError(f"model {self.title!r} does not run on the example input: {reason}") from error
        return [recorder.value(tensor) for tensor in tree_leaves(result) if isinstance(tensor, torch.Tensor)]


@contextmanager
def _functions_seen_by(recorder: _Recorder) -> Iterator[None]:
    """Attention layers as their separate products; the fused function between them and padding as one operation."""
    fast, attend, pad = (
        torch.backends.mha.get_fastpath_enabled(),
        functional.scaled_dot_product_attention,
        functional.pad,
    )
    torch.backends.mha.set_fastpath_enabled(False)
    functional.scaled_dot_product_attention = partial(
        recorder.whole, torch.ops.aten.scaled_dot_product_attention.default
    )
    functional.pad = partial(recorder.whole, torch.ops.aten.pad.default)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        functional.scaled_dot_product_attention, functional.pad = attend, pad


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own base class has no types
    """Sees every operation below autograd, and recurrent layers, which torch takes apart step by step, as a whole."""

    def __init__(self, model: nn.Module, visit: Visit) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.model, self.visit = model, visit
        self.modules: list[str] = []
        self.count, self.quiet = 0, 0
        self.known: Any = WeakIdKeyDictionary()
        self.sharing: dict[int, list[ref[torch.Tensor]]] = {}  # by memory, the tensors that lie in it
        self.lasting: set[int] = set()  # the memories that are the user's: parameters, buffers and inputs
        self.saved: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}  # of those that were written, what was there
        named = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
        named += loose_tensors(model).items()
        for name, tensor in reversed(named):  # of a tensor with several names the first counts
            trained = isinstance(tensor, nn.Parameter)
            self._know(tensor, value_of(name, tensor, True, constant=True, parameter=name, trained=trained))
            self._keep(tensor)

    def _given(self, argument: torch.Tensor | torch.ScriptObject) -> Value:
        """What is known of an argument: a tensor, or the object in which parameters are packed."""
        if isinstance(argument, torch.Tensor):
            return self.value(argument)
        path = self.modules[-1] if self.modules else ""
        return Value(f"packed:{path}", (), True, joined(path, "packed parameters"), packed=argument, trained=True)

    def value(self, tensor: torch.Tensor, constant: bool = False) -> Value:
        """What is known of a tensor; one seen for the first time is an input of the model, a number a constant."""
        known_value: Value | None = self.known.get(tensor)
        if known_value is not None:
            return known_value
        trained = isinstance(tensor, nn.Parameter)  # of a layer that the model holds in a list of Python's, say
        return self._made(tensor, constant=constant or trained or not tensor.dim(), trained=trained)

    def _made(self, tensor: torch.Tensor, **facts: Any) -> Value:
        self.count += 1
        value = value_of(f"t{self.count}", tensor, True, **facts)
        self._know(tensor, value)
        return value

    def _know(self, tensor: torch.Tensor, value: Value) -> None:
        memory = storage_of(tensor)
        if memory is not None and tensor not in self.known:
            self.sharing.setdefault(memory, []).append(ref(tensor))
        self.known[tensor] = value

    def _keep(self, tensor: torch.Tensor) -> None:
        memory = storage_of(tensor)
        if memory is not None:
            self.lasting.add(memory)

    def _save(self, tensor: torch.Tensor) -> None:
        """Keep what is in a memory of the user's before it is overwritten."""
        memory = storage_of(tensor)
        if memory in self.lasting and memory not in self.saved:
            whole = torch.empty(0, dtype=tensor.dtype, device=tensor.device).set_(tensor.untyped_storage())
            self.saved[memory] = whole, whole.clone()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for tensor in written_arguments(func, args, kwargs or {}):
            self._save(tensor)
        result = func(*args, **(kwargs or {}))
        if not self.quiet:
            self._record(func, args, kwargs or {}, result)
        return result

    def _record(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        kinds = (torch.Tensor, torch.ScriptObject)
        arguments = mapped(list(args), self._given, kinds)
        keywords = {key: mapped(item, self._given, kinds) for key, item in kwargs.items()}
        read = list(flat_values([arguments, list(keywords.values())]))
        op = operation(func)
        facts = facts_of(op, read, result)
        written = [t for t in tree_leaves(result) if isinstance(t, torch.Tensor)]
        outputs = tuple(self._made(tensor, **facts) for tensor in written)
        if outputs:
            path, leaf, weighted = describe(self.model, self.modules[-1] if self.modules else "")
            self.visit(Call(op, path, bound(func, arguments, keywords), outputs, leaf, weighted))
            for tensor in written_arguments(func, args, kwargs):
                self._written(tensor, path)

    def _written(self, tensor: torch.Tensor, path: str) -> None:
        """All other tensors in the memory of one that was written hold something new."""
        value = self.known.get(tensor)
        memory = storage_of(tensor)
        if memory is None or value is None or value.constant:
            return
        alive = [other for one in self.sharing.get(memory, []) if (other := one()) is not None]
        for other in alive:
            if other is not tensor and storage_of(other) == memory:
                call = rewritten(self.known[other], value, path)
                self.visit(call)
                self.known[other] = call.output
        self.sharing[memory] = [ref(other) for other in alive]

    def whole(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """Run an operation that torch would take apart, and record it as one."""
        self.quiet += 1
        result = func(*args, **kwargs)
        if self.quiet == 1:
            self._record(func, args, kwargs, result)
        self.quiet -= 1
        return result

    @contextmanager
    def hooked(self, inputs: tuple[Any, ...]) -> Iterator[None]:
        """Hooks on every module while the model runs: they say which one is innermost. What the model writes into its
        buffers and inputs is taken back at the end."""
        for tensor in tree_leaves(inputs):
            if isinstance(tensor, torch.Tensor):
                self._keep(tensor)
                self._made(tensor)
        handles = []
        for name, module in self.model.named_modules():
            handles.append(module.register_forward_pre_hook(self._enter(name), prepend=True))
            handles.append(module.register_forward_hook(self._leave, with_kwargs=True, always_call=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            for whole, before in self.saved.values():
                whole.copy_(before)

    def _enter(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any) -> None:
            self.modules.append(name)
            self.quiet += isinstance(module, nn.RNNBase | nn.RNNCellBase)

        return hook

    def _leave(self, module: nn.Module, inputs: Any, keywords: Any, output: Any) -> None:
        if isinstance(module, nn.RNNBase | nn.RNNCellBase):
            self.quiet -= 1
            if output is not None and not self.quiet:
                self._recurrent(module, inputs, keywords, output)
        self.modules.pop()

    def _recurrent(self, module: Any, inputs: Any, keywords: Any, output: Any) -> None:
        """A recurrent module as the one operation that it is."""
        name, path = self._kind(module), self.modules[-1]
        given, state = (*inputs, *keywords.values(), None)[:2]
        if isinstance(given, PackedSequence):
            raise TraceError(f"module {path or 'layer'!r} takes a packed sequence; only padded ones can be lowered")
        starts = self._starts(module, given, state, output)
        values = {"input": self.value(given), "hx": starts}
        if isinstance(module, nn.RNNCellBase):
            names = {"w_ih": "weight_ih", "w_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}
            values |= {key: mapped(getattr(module, own), self.value, torch.Tensor) for key, own in names.items()}
        else:
            values |= {key: getattr(module, key) for key in ("num_layers", "bidirectional", "batch_first")}
            values |= {"has_biases": module.bias, "params": [self.value(p) for p in module._flat_weights]}
        outputs = tuple(self._made(t) for t in tree_leaves(output))
        self.quiet += 1  # what a lowering computes of the layer's numbers is not the model's
        self.visit(Call(name, path, values, outputs, leaf=True))
        self.quiet -= 1

    def _kind(self, module: Any) -> str:
        if isinstance(module, nn.LSTM | nn.LSTMCell):
            return "lstm_cell" if isinstance(module, nn.RNNCellBase) else "lstm"
        if isinstance(module, nn.GRU | nn.GRUCell):
            return "gru_cell" if isinstance(module, nn.RNNCellBase) else "gru"
        return f"rnn_{module.nonlinearity}" + ("_cell" if isinstance(module, nn.RNNCellBase) else "")

    def _starts(self, module: Any, given: torch.Tensor, state: Any, output: Any) -> Any:
        """The states before the first step: those given, else zeros of the shapes that the last ones have."""
        if state is None:
            last = output[1] if isinstance(module, nn.RNNBase) else output
            state = mapped(last, torch.zeros_like, torch.Tensor)
        return mapped(state, lambda tensor: self.value(tensor, constant=True), torch.Tensor)
