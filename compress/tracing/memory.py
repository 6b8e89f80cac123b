"""Tensors that lie in the same memory: what is written into a view is read through all the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map_only

from ..lowering.calls import Call, Value, joined

REWRITTEN = "as_strided"  # the free operation that gives the other views of a written memory their new contents


def storage_of(tensor: Any) -> int | None:
    """What tensors in the same memory have in common; None for what has none, as sparse tensors.

    >>> whole = torch.zeros(4)
    >>> storage_of(whole[1:]) == storage_of(whole), storage_of(whole + 1) == storage_of(whole)
    (True, False)
    """
    if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
        return None
    try:
        storage = tensor.untyped_storage()
    except (NotImplementedError, RuntimeError):  # tensors of other libraries, and torch's of opaque formats
        return None
    return int(storage._cdata)


def holds_tensors(given: Any) -> bool:
    """Whether there is a tensor among these arguments or results."""
    return any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves(given))


def loose_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """The tensors that modules hold as plain attributes, neither parameters nor buffers, by name.

    >>> layer = nn.Linear(2, 2)
    >>> layer.table = torch.ones(3)
    >>> list(loose_tensors(layer))
    ['table']
    """
    held = [(name, key, value) for name, module in model.named_modules() for key, value in vars(module).items()]
    return {joined(name, key): value for name, key, value in held if isinstance(value, torch.Tensor)}


def written_arguments(func: Any, args: Any, kwargs: Any) -> Iterator[torch.Tensor]:
    """The tensors that an operation changes in place, by its schema."""
    if not func._schema.is_mutable:
        return
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            given = args[place] if place < len(args) else kwargs.get(argument.name)
            yield from (leaf for leaf in tree_leaves(given) if isinstance(leaf, torch.Tensor))


def rewritten(old: Value, written: Value, module: str) -> Call:
    """The free call whose output stands for `old` from now on: part of its memory is what was `written`.

    It depends on the model's input then, even where it is a constant that somebody fills (a cache of keys, a result
    that is put together step by step).
    """
    name = f"{written.name}:{old.name}"
    new = replace(old, name=name, constant=False, parameter="", trained=False, copies=1)
    return Call(REWRITTEN, module, {"self": old, "src": written}, (new,))


def fresh(example: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same inputs in memory of their own, for models that write into theirs."""
    copied: tuple[Any, ...] = tree_map_only(torch.Tensor, torch.clone, example)
    return copied


@contextmanager
def buffers_kept(model: nn.Module) -> Iterator[None]:
    """What a model writes into its buffers meanwhile (a count of its runs, a cache) is taken back."""
    before = {name: (buffer._version, buffer.clone()) for name, buffer in model.named_buffers()}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                version, kept = before.get(name, (buffer._version, buffer))
                if buffer._version != version:
                    buffer.copy_(kept)
