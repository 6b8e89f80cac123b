"""Following what works element by element, and what sums or normalizes over some dimensions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from .effects import Needed, Pair, Sink
from .extents import Extent
from .tracing import Follower, FunctionCall, Handler, words
from .units import FIXED, NO_UNIT, ZERO, core_of

_UNARY = words("""
relu relu6 leaky_relu hardtanh hardswish hardsigmoid silu gelu tanh sigmoid elu celu selu mish softplus
softsign logsigmoid dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout neg negative abs absolute
sqrt rsqrt square exp exp2 expm1 log log2 log10 log1p sin cos pow float_power clamp clip clamp_min clamp_max threshold
hardshrink softshrink tanhshrink round floor ceil trunc sign reciprocal erf erfc logit nan_to_num positive rrelu
__neg__ __pow__ __abs__ __pos__ logical_not isnan isinf isfinite bernoulli""")
_SUMS = words("add sub subtract rsub maximum minimum __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__ hypot")
_PRODUCTS = words("mul multiply __mul__ __rmul__ __imul__")
_OTHERS = words("""
div divide true_divide __truediv__ __rtruediv__ __itruediv__ __div__ __idiv__ floor_divide remainder fmod
atan2 eq ne gt ge lt le greater less __eq__ __ne__ __gt__ __ge__ __lt__ __le__ logical_and logical_or __and__ __or__
__invert__ __xor__ masked_fill where lerp""")
_LIKE = words("zeros_like ones_like empty_like full_like rand_like randn_like")
_SAME = words("""
contiguous clone detach float double half bfloat16 to type type_as cpu cuda requires_grad .data .real
alias_copy lift_fresh_copy cast""")
_REDUCED = words("mean sum amax amin prod std var nansum nanmean")


def unary(follower: Follower, call: FunctionCall) -> Any:
    """A function of each element alone: the same values where it makes 0 of 0, else others of the same units."""
    tensor = call.argument(0, "input")
    if not isinstance(tensor, torch.Tensor) or len(call.args) + len(call.kwargs) > 1:
        return combined(follower, call)
    values = follower.values(tensor, call)
    return follower.set(call.result, values if _keeps_zero(call, tensor) else follower.opaque(values))


def _keeps_zero(call: FunctionCall, tensor: torch.Tensor) -> bool:
    """What the function makes of a 0 of the tensor's kind."""
    nothing = torch.zeros((1,) * max(tensor.ndim, 1), dtype=tensor.dtype, device=tensor.device)
    args, kwargs = _with(call, tensor, nothing)
    try:
        return bool((call.func(*args, **kwargs) == 0).all())
    except (RuntimeError, TypeError, ValueError):
        return False


def _with(call: FunctionCall, tensor: torch.Tensor, other: torch.Tensor) -> tuple[list[Any], dict[str, Any]]:
    args = [other if a is tensor else a for a in call.args]
    return args, {name: other if a is tensor else a for name, a in call.kwargs.items()}


def combined(follower: Follower, call: FunctionCall) -> Any:
    """Two tensors, element by element, or one and a number."""
    tensors = call.tensors
    for number in (*call.args, *call.kwargs.values()):
        if isinstance(number, Extent):
            number.as_real()
    if len(tensors) == 1:
        values = follower.values(tensors[0], call)
        return follower.set(call.result, values if _keeps_zero(call, tensors[0]) else follower.opaque(values))
    whole = call.result.shape
    values = follower.values(tensors[0], call)
    for tensor in tensors[1:]:
        values = pair(follower, values, follower.values(tensor, call), either=call.name in _PRODUCTS)
    if call.name not in (*_SUMS, *_PRODUCTS):
        values = follower.opaque(values)
    return follower.set(call.result, values.expand(whole))


def pair(follower: Follower, first: torch.Tensor, second: torch.Tensor, either: bool) -> torch.Tensor:
    """The values of a sum or, `either`, of a product; units that meet become one."""
    whole = np.broadcast_shapes(first.shape, second.shape)
    a, b = np.broadcast_arrays(core_of(first).numpy(), core_of(second).numpy())
    units = follower.units
    ua, ub = units.of(a), units.of(b)
    own = _own_units(follower, (first, ua), (second, ub))
    keys = np.stack([a.ravel(), b.ravel(), own.ravel()], axis=1)
    distinct, places = np.unique(keys, axis=0, return_inverse=True)
    fresh = units.values(distinct[:, 2])
    nothing = (distinct[:, 0] == ZERO, distinct[:, 1] == ZERO)
    always = nothing[0] | nothing[1] if either else nothing[0] & nothing[1]
    fresh[always & (fresh == FIXED)] = ZERO
    follower.add(Pair(fresh, distinct[:, 0], distinct[:, 1], either))
    lost = distinct[fresh == FIXED][:, :2]
    if lost.size:
        follower.add(Sink(np.unique(lost)))
    return torch.from_numpy(fresh[places.reshape(a.shape)]).expand(whole)


def _own_units(
    follower: Follower, first: tuple[torch.Tensor, np.ndarray], second: tuple[torch.Tensor, np.ndarray]
) -> np.ndarray:
    """The unit of each element of the result; where both sides have one along the same dimension, they become one."""
    (a, ua), (b, ub) = first, second
    along = [_wide(values, follower, len(ua.shape)) for values in (a, b)]
    if along[0] and along[1] and along[0].isdisjoint(along[1]):
        for values in (a, b):
            follower.fix(values, "channels are multiplied by channels")
        return np.zeros_like(ua)
    if along[0] and along[1]:
        follower.units.unite(ua, ub)
        lone = (ua == NO_UNIT) ^ (ub == NO_UNIT)
        follower.units.fix(np.maximum(ua, ub)[lone], "it meets channels that are not the network's own")
        return follower.units.roots(np.where(ua == NO_UNIT, ub, ua))
    if not along[0] and not along[1]:
        return np.where(ua == ub, ua, NO_UNIT) if a.shape == b.shape else np.zeros_like(ua)
    (wide, wide_units), (other, dims) = ((a, ua), (b, along[0])) if along[0] else ((b, ub), (a, along[1]))
    if any(_size(other, d - len(ua.shape)) > 1 for d in dims):
        follower.fix(wide, "it is combined with a tensor whose size the code fixes")
    return wide_units


def _wide(values: torch.Tensor, follower: Follower, ndim: int) -> set[int]:
    """The dimensions along which the units vary, of `ndim` aligned at the last."""
    return {d + ndim - values.ndim for d in follower.dims(values)}


def _size(values: torch.Tensor, from_the_end: int) -> int:
    return values.shape[from_the_end] if -from_the_end <= values.ndim else 1


def like(follower: Follower, call: FunctionCall) -> Any:
    """A tensor of another's shape."""
    return follower.set(call.result, follower.opaque(follower.values(call.tensors[0], call)))


def same(follower: Follower, call: FunctionCall) -> Any:
    """The same numbers in another place or precision."""
    if not isinstance(call.result, torch.Tensor) or not call.tensors:
        return call.result
    values = follower.values(call.tensors[0], call)
    if values.shape == call.result.shape:
        follower.set(call.result, values)
    return call.result


def reduction(follower: Follower, call: FunctionCall) -> Any:
    """A sum, mean or the like over some dimensions."""
    tensor = call.tensors[0]
    values = follower.values(tensor, call)
    dims = _dims_of(call, tensor.ndim)
    inner = [d for d in follower.dims(values) if d in dims]
    if inner or not isinstance(call.result, torch.Tensor):
        if call.name == "sum" and isinstance(call.result, torch.Tensor):
            distinct = np.unique(core_of(values).numpy())
            follower.add(Needed(distinct, np.full_like(distinct, FIXED)))
        else:
            follower.fix(values, f"{call.name} is taken over the channels")
        return follower.set_all(call.result)
    left = joined(follower, values, dims)
    keep = call.result.ndim == tensor.ndim
    for dim in () if keep else sorted(dims, reverse=True):
        left = left.squeeze(dim)
    return follower.set(call.result, left.expand(call.result.shape))


def _dims_of(call: FunctionCall, ndim: int) -> set[int]:
    given = call.argument(1, "dim", call.kwargs.get("axis"))
    if given is None or isinstance(given, torch.dtype) or given in ((), []):
        return set(range(ndim))
    dims = given if isinstance(given, Iterable) else [given]
    return {int(d) % ndim for d in dims}


def joined(follower: Follower, values: torch.Tensor, dims: Iterable[int]) -> torch.Tensor:
    """One value in place of all along these dimensions, which are 1 in the result: 0 where all are."""
    core = core_of(values)
    for dim in dims:
        parts = list(torch.split(core, 1, dim))
        core = parts[0]
        for other in parts[1:]:
            core = pair(follower, core, other, either=False)
    return core.expand([1 if d in set(dims) else size for d, size in enumerate(values.shape)])


def column(follower: Follower, values: torch.Tensor, dim: int, what: str) -> np.ndarray | None:
    """The values along one dimension, (n,); None, and fixed, where units vary along another."""
    dim %= values.ndim
    others = [d for d in range(values.ndim) if d != dim]
    if any(d != dim for d in follower.dims(values)):
        follower.fix(values, f"{what} reads its channels along another dimension")
        return None
    line = joined(follower, values, others).flatten()
    return line.expand(values.shape[dim]).numpy().copy()


def softmax(follower: Follower, call: FunctionCall) -> Any:
    """A softmax, or another function of all elements along one dimension."""
    values = follower.values(call.tensors[0], call)
    dim = call.argument(1, "dim")
    if not isinstance(dim, int) or dim % max(values.ndim, 1) in follower.dims(values):
        follower.fix(values, f"{call.name} is taken over the channels")
    return follower.set(call.result, follower.opaque(values))


def handlers() -> dict[str, Handler]:
    """By the names of the functions."""
    table: dict[str, Handler] = dict.fromkeys(_UNARY, unary)
    table |= dict.fromkeys([*_SUMS, *_PRODUCTS, *_OTHERS], combined)
    table |= dict.fromkeys(_LIKE, like) | dict.fromkeys(_SAME, same)
    table |= dict.fromkeys(_REDUCED, reduction)
    return table | dict.fromkeys(["softmax", "log_softmax", "softmin", "cumsum", "cumprod", "logsumexp"], softmax)
