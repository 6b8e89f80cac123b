"""Models whose weights torch computes anew before each run, as plain ones: masks and norms worked into parameters."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize, prune, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from accelsim.errors import CompressionError


def plain(model: nn.Module) -> nn.Module:
    """`model` itself where all its weights are parameters, else a copy that computes the same and has such weights.

    >>> model = prune.l1_unstructured(nn.Linear(4, 2), "weight", amount=6)
    >>> [name for name, _ in model.named_parameters()], int((plain(model).weight != 0).sum())
    (['bias', 'weight_orig'], 2)
    """
    if not any(weight_hooks(module) or parametrize.is_parametrized(module) for module in model.modules()):
        return model
    return trained_copy(model)


def trained_copy(model: nn.Module) -> nn.Module:
    """A copy of `model`, in its own mode and precision, in which every weight is a parameter: what layers compute with.

    Masks of `torch.nn.utils.prune`, weight and spectral norms of both kinds, and parametrizations of anybody's own are
    worked into plain parameters of the original names.
    """
    copied = copy_of(model)
    modes = {module: module.training for module in copied.modules()}
    copied.eval()  # spectral norms change as they are read in training
    without_hooks(copied)
    for module in list(copied.modules()):
        for name in list(getattr(module, "parametrizations", {})):
            remove_parametrizations(module, name)
    for module in copied.modules():
        module.training = modes.get(module, module.training)
    return copied


def plain_copy(model: nn.Module) -> nn.Module:
    """The same in evaluation mode, and with float32 for half-precision numbers.

    >>> layer = prune.l1_unstructured(nn.Linear(4, 4), "weight", amount=8)
    >>> sorted(plain_copy(layer).state_dict()), int(plain_copy(layer).weight.count_nonzero())
    (['bias', 'weight'], 8)
    """
    copied = trained_copy(model).eval()
    halves = {tensor.dtype for tensor in copied.state_dict().values()} & {torch.float16, torch.bfloat16}
    return copied.float() if halves else copied


def remove_parametrizations(module: nn.Module, name: str) -> None:
    """Put the value that a parametrized tensor has now in its place, as a plain parameter.

    torch keeps the parametrized attribute in a class of the module's own, which copies share: each gets one first.
    """
    kind = type(module)
    own = {key: value for key, value in vars(kind).items() if key not in ("__dict__", "__weakref__")}
    module.__class__ = type(kind.__name__, kind.__bases__, own)
    parametrize.remove_parametrizations(module, name, leave_parametrized=True)
    refresh(module)


def refresh(module: nn.Module) -> None:
    """Recurrent layers hold a list of their weights: keep it at what masks and quantizers make of them.

    While any of them is constrained, the list is made anew before each run.
    """
    if not isinstance(module, nn.RNNBase):
        return
    renewed = getattr(module, "_renewed_weights", None)
    if parametrize.is_parametrized(module) and renewed is None:
        module._renewed_weights = module.register_forward_pre_hook(_renew)
    elif not parametrize.is_parametrized(module) and renewed is not None:
        renewed.remove()
        del module._renewed_weights
    _renew(module, ())


def _renew(module: nn.Module, inputs: Any) -> None:
    assert isinstance(module, nn.RNNBase)
    module._flat_weights = [getattr(module, name, None) for name in module._flat_weights_names]


def copy_of(model: nn.Module) -> nn.Module:
    """A deep copy; tensors that were computed of parameters, which torch does not copy, are detached.

    Compressed sparse ones, which torch does not copy either, are cloned. CompressionError for what cannot be copied.
    """
    try:
        return copy.deepcopy(model, _computed(model))
    except (NotImplementedError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CompressionError(f"the model cannot be copied: {reason}") from error


def _computed(model: nn.Module) -> dict[int, Any]:
    attributes = [value for module in model.modules() for value in vars(module).values()]
    lists = [item for value in attributes if isinstance(value, list) for item in value]
    tensors = [t for t in (*attributes, *lists) if isinstance(t, torch.Tensor) and t.grad_fn is not None]
    dense = torch.strided, torch.sparse_coo
    held = [t for module in model.modules() for t in (*module._parameters.values(), *module._buffers.values())]
    tensors += [t for t in held if t is not None and t.layout not in dense]
    return {id(tensor): tensor.detach().clone() for tensor in tensors}


@torch.no_grad()
def without_hooks(model: nn.Module) -> None:
    """Write into the parameters, in place, what hooks before each run compute: the masks of `torch.nn.utils.prune`,
    weight norm and spectral norm of the older kind. The original state_dict keys return."""
    for module in model.modules():
        for hook, name in weight_hooks(module):
            if isinstance(hook, prune.BasePruningMethod):
                prune.remove(module, name)  # type: ignore[no-untyped-call]  # torch has no types for it
            elif isinstance(hook, WeightNorm):
                remove_weight_norm(module, name)
            else:
                remove_spectral_norm(module, name)


def weight_hooks(module: nn.Module) -> list[tuple[object, str]]:
    """The hooks that make a weight before each run, with the weight's name."""
    return list(_weights_of(module))


def _weights_of(module: nn.Module) -> Iterator[tuple[object, str]]:
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, prune.BasePruningMethod):
            yield hook, hook._tensor_name
        elif isinstance(hook, WeightNorm | SpectralNorm):
            yield hook, hook.name
