"""Attention of com.microsoft: with its projections, with heads side by side, with keys and values of earlier steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accelsim.errors import FileFormatError, TraceError
from compress.lowering.calls import Call, Value

from ..nodes import CodedValue, Node
from ..products import product_of

if TYPE_CHECKING:
    import torch

Heads = tuple[Value, Value, Value]  # query, key and value as (B, heads, steps, width)
UNLIKE = ("do_rotary", "softcap", "smooth_softmax", "kv_quant", "qk_output")  # what real numbers are not taken with
MASKED = -10000.0  # what is added to the score of a key that is masked, where a node names nothing else


@dataclass(frozen=True)
class Mask:
    """Where a node has its masks and its cache among its inputs; `flag` names its causal attribute."""

    keys: int | None
    bias: int | None
    past: tuple[int, ...]
    flag: str | None = "unidirectional"


def projected(node: Node) -> list[Call]:
    """`Attention` and `QAttention`: input (B, S, D) times weights (D, Q + K + V), then the heads of each.

    Attention: input, weights, bias, mask, past, attention bias. QAttention: input, weights, bias, the scales of both,
    mask, the zero points of both, past.
    """
    quantized = node.proto.op_type == "QAttention"
    inputs = node.quantized_value(0, 3, 6) if quantized else node.layer_value(0)
    weight = node.quantized_value(1, 4, 7, axis=-1) if quantized else node.layer_value(1)
    if len(inputs.shape) != 3 or len(weight.shape) != 2 or weight.shape[0] != inputs.shape[-1]:
        raise FileFormatError(f"{node.label}: input {inputs.shape} and weights {weight.shape} do not fit")
    out, heads = node.first(), _heads(node)
    widths = list(node.attribute("qkv_hidden_sizes") or [weight.shape[1] // 3] * 3)
    real = _projection(node, quantized) if node.runs else None
    whole = Value(f"{out.name}:projected", (*inputs.shape[:2], weight.shape[1]), tensor=real)
    first = product_of(node, "matmul", {"self": inputs, "other": weight}, [whole])
    parts = _split(whole, widths)
    query, key, value = (_headed(part, heads, node) for part in parts)
    places = Mask(5, None, (8,)) if quantized else Mask(3, 5, (4,))
    return [first, _attended(node, (query, key, value), places)]


def multi_head(node: Node) -> list[Call]:
    """`MultiHeadAttention`: query, key, value (B, S, heads·width), key and value also packed with others or by heads.

    Inputs: query, key, value, bias, key padding mask, attention bias, past key, past value. The decoder's variant has
    its masks and its bias elsewhere.
    """
    heads, query = _heads(node), _floating(node, 0)
    key, value = (_floating(node, i) if node.has(i) else None for i in (1, 2))
    if len(query.shape) == 5:  # (B, S, heads, 3, width)
        query, key, value = (_picked(query, i) for i in range(3))
    elif key is not None and len(key.shape) == 5:  # (B, S, heads, 2, width)
        key, value = _picked(key, 0), _picked(key, 1)
    if key is None or value is None:
        raise TraceError(f"{node.label} packs its keys in a way that is not known here")
    bias = 10 if node.proto.op_type == "DecoderMaskedMultiHeadAttention" else 3
    added = _biases(node, bias, (query, key, value)) if node.has(bias) else []
    operands = [_headed(part, heads, node) for part in (query, key, value)]
    operands = [_plus(part, own) for part, own in zip(operands, added, strict=True)] if added else operands
    decoder = bias == 10
    places = Mask(3, 4, (5, 6), None) if decoder else Mask(4, 5, (6, 7))
    return [_attended(node, (operands[0], operands[1], operands[2]), places)]


def grouped_query(node: Node) -> list[Call]:
    """`GroupQueryAttention` and `SparseAttention`: heads of keys and values that several query heads share.

    Inputs: query, or all three packed, key, value, past key, past value. A sparse one counts as dense.
    """
    heads, shared = _heads(node), int(node.attribute("kv_num_heads") or 0)
    query = _floating(node, 0)
    if shared < 1 or heads % shared:
        raise FileFormatError(f"{node.label} shares {shared} heads of keys among {heads}; a divisor is expected")
    if node.has(1) and node.has(2):
        key, value = _floating(node, 1), _floating(node, 2)
    else:
        width = query.shape[-1] // (heads + 2 * shared)
        query, key, value = _split(query, [heads * width, shared * width, shared * width])
    operands = _headed(query, heads, node), _headed(key, shared, node), _headed(value, shared, node)
    sparse = node.proto.op_type == "SparseAttention"
    if node.runs and (sparse or any(node.attribute(n, 0) for n in ("local_window_size",) if node.attribute(n, -1) > 0)):
        raise TraceError(f"{node.label} has a window; its real activations cannot be taken, values='weights' can")
    if node.runs and not sparse:
        _require_whole(node, operands[1].shape[2])
    return [_attended(node, operands, Mask(None, None if sparse else 10, (3, 4), None), causal=True)]


def _require_whole(node: Node, steps: int) -> None:
    """TraceError where a sequence ends before the keys do: its lengths less one are the input 5."""
    past = node.known(3).shape()[2] if node.has(3) else 0
    if node.has(5) and (node.known(5).array() != past + steps - 1).any():
        raise TraceError(
            f"{node.label} has sequences of unlike lengths; its real activations cannot be taken, values='weights' can"
        )


def _attended(node: Node, operands: Heads, places: Mask, causal: bool = False) -> Call:
    """Attention of heads, with the keys and values of earlier steps before those of this one."""
    if node.runs:
        _require_plain(node)
    query, key, value = operands
    causal = causal or bool(places.flag and node.attribute(places.flag, 0))
    steps = key.shape[2]
    past = [node.real_value(i) for i in places.past if node.has(i)]
    if past:
        earlier = [_picked_first(past[0], i) for i in range(2)] if len(places.past) == 1 else past
        key, value = (_after(before, now) for before, now in zip(earlier, (key, value), strict=True))
    mask = _mask(node, places, (query.shape[0], query.shape[1], query.shape[2], key.shape[2]))
    if causal and node.runs and key.shape[2] != query.shape[2]:
        mask, causal = _causal(mask, query.shape[2], key.shape[2], key.shape[2] - steps), False
    arguments = {
        "query": query, "key": key, "value": value, "attn_mask": mask, "is_causal": causal,
        "scale": node.attribute("scale") or None,
    }  # fmt: skip
    return node.call("scaled_dot_product_attention", arguments, [node.first()])


def _require_plain(node: Node) -> None:
    unlike = next((name for name in UNLIKE if node.attribute(name, 0) not in (0, 0.0)), None)
    if unlike is not None:
        raise TraceError(f"{node.label} has {unlike}; its real activations cannot be taken, values='weights' can")


def _mask(node: Node, places: Mask, sizes: tuple[int, int, int, int]) -> Value | None:
    """What is added to the scores (B, heads, S, T); its numbers where the model is computed."""
    given = [i for i in (places.bias, places.keys) if i is not None and node.has(i)]
    if not given:
        return None
    values = [node.real_value(i) for i in given]
    if not node.runs:
        return values[0]
    total = _added(node, values[0], given[0] == places.keys, sizes)
    for index, value in zip(given[1:], values[1:], strict=True):
        total = total + _added(node, value, index == places.keys, sizes)
    return replace(values[0], shape=tuple(total.shape), tensor=total)


def _added(node: Node, value: Value, of_keys: bool, sizes: tuple[int, int, int, int]) -> torch.Tensor:
    """A bias as it is; a mask of keys, 1 where a key counts, as what is added to the score of the others."""
    import torch

    real = _numbers(value)
    if not of_keys:
        return real
    batch, _, _, keys = sizes
    if real.dim() == 1 and len(real) == batch:
        counts = torch.arange(keys) < real[:, None]
    elif real.dim() in (2, 3):
        counts = real != 0
    else:
        raise TraceError(f"{node.label} has a mask {tuple(real.shape)}; its real activations cannot be taken")
    counts = counts[:, None, None] if counts.dim() == 2 else counts[:, None]
    return (~counts).float() * float(node.attribute("mask_filter_value", MASKED))


def _causal(mask: Value | None, rows: int, keys: int, past: int) -> Value:
    """A mask in which each step sees those up to its own, behind `past` earlier ones."""
    import torch

    later = torch.zeros(1, 1, rows, keys).masked_fill(torch.ones(rows, keys, dtype=torch.bool).triu(past + 1), -1e30)
    if mask is None or mask.tensor is None:
        return Value("causal", tuple(later.shape), True, tensor=later)
    return replace(mask, tensor=mask.tensor + later)


def _heads(node: Node) -> int:
    heads = int(node.attribute("num_heads") or 0)
    if heads < 1:
        raise FileFormatError(f"num_heads of {node.label} is {heads}; 1 or more is expected")
    return heads


def _floating(node: Node, index: int) -> Value:
    """An input as real numbers."""
    return node.real_value(index)


def _headed(value: Value, heads: int, node: Node) -> Value:
    """(B, S, heads·width) or (B, S, heads, width) as (B, heads, S, width); what is so already stays."""
    if len(value.shape) == 4:
        return value
    if len(value.shape) != 3 or value.shape[2] % heads:
        raise FileFormatError(f"{node.label}: {value.shape} cannot be split into {heads} heads")
    batch, steps, width = value.shape
    tensor = None if value.tensor is None else value.tensor.reshape(batch, steps, heads, -1).transpose(1, 2)
    return replace(_plain(value), shape=(batch, heads, steps, width // heads), tensor=tensor)


def _plain(value: Value) -> Value:
    """A value without the code of a quantized one."""
    if not isinstance(value, CodedValue):
        return value
    return Value(value.name, value.shape, value.constant, value.parameter, value.tensor)


def _split(value: Value, widths: list[int]) -> list[Value]:
    """Parts of the last axis."""
    if sum(widths) != value.shape[-1]:
        raise FileFormatError(f"a projection of {value.shape[-1]} columns cannot be split into {widths}")
    starts = [sum(widths[:i]) for i in range(len(widths))]
    parts = (
        [None] * len(widths)
        if value.tensor is None
        else [value.tensor.narrow(-1, start, width) for start, width in zip(starts, widths, strict=True)]
    )
    return [
        replace(_plain(value), shape=(*value.shape[:-1], width), tensor=part)
        for width, part in zip(widths, parts, strict=True)
    ]


def _picked(value: Value, which: int) -> Value:
    """One of what (B, S, heads, n, width) packs, as (B, heads, S, width)."""
    batch, steps, heads, _, width = value.shape
    tensor = None if value.tensor is None else value.tensor[:, :, :, which].transpose(1, 2)
    return replace(value, shape=(batch, heads, steps, width), tensor=tensor)


def _picked_first(value: Value, which: int) -> Value:
    """Keys or values of (2, B, heads, P, width)."""
    return replace(value, shape=value.shape[1:], tensor=None if value.tensor is None else value.tensor[which])


def _after(before: Value, now: Value) -> Value:
    """The keys of this step behind those of earlier ones, along the steps."""
    import torch

    if len(before.shape) != 4:
        raise TraceError(
            f"a cache {before.shape} of keys has no steps of its own; (B, heads, steps, width) is expected"
        )
    shape = (*now.shape[:2], before.shape[2] + now.shape[2], now.shape[3])
    both = before.tensor is not None and now.tensor is not None
    return replace(now, shape=shape, tensor=torch.cat([before.tensor, now.tensor], 2) if both else None)  # type: ignore[list-item]  # both are there


def _biases(node: Node, index: int, operands: tuple[Value, Value, Value]) -> list[Value]:
    """The parts of one bias for query, key and value, by heads."""
    bias = node.real_value(index)
    widths = [v.shape[-1] if len(v.shape) == 3 else v.shape[1] * v.shape[3] for v in operands]
    heads = _heads(node)
    return [_headed(replace(p, shape=(1, 1, *p.shape), tensor=None if p.tensor is None else p.tensor[None, None]),
                    heads, node) for p in _split(bias, widths)]  # fmt: skip


def _plus(value: Value, bias: Value) -> Value:
    if value.tensor is None or bias.tensor is None:
        return value
    return replace(value, tensor=value.tensor + bias.tensor)


def _projection(node: Node, quantized: bool) -> torch.Tensor:
    """Input times weights, and the bias, in real numbers."""
    inputs, weight = (_scaled(node, i, quantized) for i in range(2))
    result: torch.Tensor = inputs @ weight
    bias = node.real_value(2).tensor if node.has(2) else None
    return result if bias is None else result + bias


def _scaled(node: Node, index: int, quantized: bool) -> torch.Tensor:
    """The input or the weights in real numbers: integers less their zero points times their scales."""
    if not quantized:
        return _numbers(node.real_value(index))
    integers = node.quantized_value(index, index + 3, index + 6, axis=-1 if index else 0)
    return _numbers(integers) * _numbers(node.real_value(index + 3))


def _numbers(value: Value) -> torch.Tensor:
    assert value.tensor is not None
    return value.tensor.float()
