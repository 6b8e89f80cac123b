"""Operations that torch takes apart below autograd, taken apart the same way, so that both tracers see the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ..lowering import FREE, LOWERINGS, SHAPE_ONLY
from ..lowering.calls import Call, Value, bound, flat_values, mapped, operation
from ..lowering.constants import facts_of

ALWAYS = frozenset({"einsum"})  # has a lowering for one kind of equation; torch knows them all
PADDED = "padding"  # the overload of a convolution that pads by a word, of which torch makes numbers and a pad
Where = tuple[str, bool, bool]  # module, leaf and weighted of a Call


def is_composite(target: Any) -> bool:
    """Whether an operation without a lowering of its own is made of others, and not a kernel."""
    op = operation(target)
    if op.startswith("conv") and target._schema.overload_name == PADDED:
        return True
    if op in FREE or op in SHAPE_ONLY or (op in LOWERINGS and op not in ALWAYS):
        return False
    return bool(target.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd))


def value_of(name: str, tensor: torch.Tensor, real: bool, **facts: Any) -> Value:
    """What is known of a tensor; its numbers only where they are `real`."""
    kind, layout = (str(what).removeprefix("torch.") for what in (tensor.dtype, tensor.layout))
    known: dict[str, Any] = {"dtype": kind, "layout": layout, "tensor": tensor.detach() if real else None}
    return Value(name, tuple(map(int, tensor.shape)), **(known | facts))


class Parts(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own base class has no types
    """Sees the operations below autograd that one composite operation becomes, and hands them to `visit` as calls."""

    def __init__(self, name: str, where: Where, real: bool, visit: Callable[[Call], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.name, self.where, self.real, self.visit = name, where, real, visit
        self.known: dict[int, tuple[Value, torch.Tensor]] = {}  # with the tensors, so that no id is used again

    def run(self, target: Any, arguments: Any, keywords: Any, tensors: Callable[[Value], torch.Tensor]) -> Any:
        """What the operation returns for these values, `tensors` being what stands for each."""

        def given(value: Value) -> torch.Tensor:
            tensor = tensors(value)
            self.known[id(tensor)] = value, tensor
            return tensor

        inputs = mapped(arguments, given, Value)
        options = {key: mapped(item, given, Value) for key, item in keywords.items()}
        with ExitStack() as stack:
            fake = next((t.fake_mode for _, t in self.known.values() if hasattr(t, "fake_mode")), None)
            if fake is not None:
                stack.enter_context(fake)
            stack.enter_context(self)
            result = target(*inputs, **options)
        return mapped(result, self._value, torch.Tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        arguments = mapped(list(args), self._value, torch.Tensor)
        keywords = {key: mapped(item, self._value, torch.Tensor) for key, item in (kwargs or {}).items()}
        op, read = operation(func), list(flat_values([arguments, list(keywords.values())]))
        facts = facts_of(op, read, result)

        def written(tensor: torch.Tensor) -> Value:
            value = value_of(f"{self.name}:{len(self.known)}", tensor, self.real, **facts)
            self.known[id(tensor)] = value, tensor
            return value

        outputs = tuple(flat_values([mapped(result, written, torch.Tensor)]))
        if outputs:
            path, leaf, weighted = self.where
            self.visit(Call(op, path, bound(func, arguments, keywords), outputs, leaf, weighted))
        return result

    def _value(self, tensor: torch.Tensor) -> Value:
        known = self.known.get(id(tensor))
        return known[0] if known else value_of(f"{self.name}:constant", tensor, self.real, constant=True)
