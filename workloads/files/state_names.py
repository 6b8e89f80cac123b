"""Tensors of a checkpoint under the names that the plain network has, whatever a trainer wrapped around them.

What the names stand for is torch's own: `torch.compile` puts `_orig_mod.` and data-parallel training `module.` in
front; `torch.nn.utils.prune` leaves `weight_orig` and `weight_mask`; weight norm `weight_g` and `weight_v`, spectral
norm `weight_orig`, `weight_u` and `weight_v`, or, of the newer kind, `parametrizations.weight.original0` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Tensors = dict[str, "torch.Tensor"]
DEPTH = 5  # of dicts within dicts
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params")
_PARAMETRIZED = re.compile(r"(.*?)parametrizations\.(\w+)\.(original\d?|\d+\.\w+)$")
_HOOKED = re.compile(r"(.*?)(\w+)_(orig|mask|g|v|u)$")


def plain_state(state: Mapping[str, Any], own: Collection[str]) -> Tensors:
    """The tensors under the network's `own` names, of whichever dict within `state` has most of them."""
    best: Tensors = {}
    for tensors in _within(state, DEPTH):
        named = _made_plain(_unwrapped(tensors, own), own)
        if not best or _matches(named, own) > _matches(best, own):
            best = named
    return best


def _matches(tensors: Tensors, own: Collection[str]) -> int:
    return sum(key in tensors for key in own)


def _within(state: Mapping[Any, Any], depth: int) -> Iterator[Tensors]:
    """The tensors of each dict within dicts; those that trainers name for their state come first."""
    import torch

    tensors = {str(key): value for key, value in state.items() if isinstance(value, torch.Tensor)}
    if tensors:
        yield tensors
    dicts = {str(key): value for key, value in state.items() if isinstance(value, Mapping)}
    for key in sorted(dicts, key=lambda name: WRAPPERS.index(name) if name in WRAPPERS else len(WRAPPERS)):
        if depth:
            yield from _within(dicts[key], depth - 1)


def _unwrapped(tensors: Tensors, own: Collection[str]) -> Tensors:
    """Without what wrappers put before the names: `_orig_mod.`, `module.`, or an attribute that holds the model."""
    plain = {key.replace("_orig_mod.", ""): value for key, value in tensors.items()}
    prefixes = {key[: end + 1] for key in plain for end in _dots(key)} - {""}
    fits = {prefix: _covered(plain, prefix, own) for prefix in ("", *sorted(prefixes, key=len))}
    best = max(fits, key=lambda prefix: fits[prefix])  # the shortest of those that fit equally well
    if not fits[best] and plain and all(key.startswith("module.") for key in plain):
        best = "module."
    return {key.removeprefix(best): value for key, value in plain.items()}


def _dots(key: str) -> list[int]:
    """Where the first parts of a name end."""
    return [match.start() for match in re.finditer(r"\.", key)][:3]


def _covered(tensors: Tensors, prefix: str, own: Collection[str]) -> int:
    """How many of the network's tensors have a name behind the prefix, be it one of several that make the tensor."""
    names = {_target(key.removeprefix(prefix)) for key in tensors if key.startswith(prefix)}
    return sum(key in names for key in own)


def _target(key: str) -> str:
    """The plain name of what a tensor is, or is a part of."""
    found = _PARAMETRIZED.match(key) or _HOOKED.match(key)
    return f"{found[1]}{found[2]}" if found else key


def _made_plain(tensors: Tensors, own: Collection[str]) -> Tensors:
    """Each tensor that several make in their place: a masked weight, a norm's direction times its length."""
    result, parts = {}, dict[str, Tensors]()
    for key, value in tensors.items():
        found = None if key in own else _PARAMETRIZED.match(key) or _HOOKED.match(key)
        if found is not None and f"{found[1]}{found[2]}" in own:
            parts.setdefault(f"{found[1]}{found[2]}", {})[found[3]] = value
        else:
            result[key] = value
    for name, of_one in parts.items():
        made = _combined(of_one)
        if made is not None:
            result[name] = made
        else:
            result |= {f"{name}_{key}": value for key, value in of_one.items()}
    return result


def _combined(parts: Tensors) -> torch.Tensor | None:
    """The tensor that these parts make; None for parts that nobody here knows."""
    names = set(parts)
    if names == {"orig", "mask"}:
        return parts["orig"] * parts["mask"]
    if names in ({"g", "v"}, {"original0", "original1"}):
        length, direction = (parts["g"], parts["v"]) if "g" in names else (parts["original0"], parts["original1"])
        return _of_length(direction, length)
    if names in ({"orig", "u", "v"}, {"orig", "u"}):
        return _of_norm_one(parts["orig"], parts["u"], parts.get("v"))
    if names == {"original", "0._u", "0._v"}:
        return _of_norm_one(parts["original"], parts["0._u"], parts["0._v"])
    if names == {"original", "0.keep"}:
        return parts["original"] * parts["0.keep"]
    return parts["original"] if names == {"original"} else None


def _of_length(direction: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """Weight norm: each slice of the direction scaled to a length (Salimans and Kingma, 2016, equation 2)."""
    axes = [i for i, size in enumerate(length.shape) if size == 1] if length.dim() else list(range(direction.dim()))
    if length.shape == direction.shape[:1] + (1,) * (direction.dim() - 1):
        axes = list(range(1, direction.dim()))
    scaled: torch.Tensor = direction * (length / direction.square().sum(axes, keepdim=True).sqrt())
    return scaled


def _of_norm_one(weight: torch.Tensor, left: torch.Tensor, right: torch.Tensor | None) -> torch.Tensor | None:
    """Spectral norm: the weight over its largest singular value (Miyato et al., 2018, equation 8)."""
    axis = next((i for i, size in enumerate(weight.shape) if size == len(left)), None)
    if axis is None:
        return None
    matrix = weight.movedim(axis, 0).flatten(1)
    if right is None or matrix.shape[1] != len(right):
        return None
    return weight / (left @ matrix @ right)
