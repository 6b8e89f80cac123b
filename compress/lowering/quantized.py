"""Layers that torch.ao quantized: their weights, packed with a scale and a zero point, stay the integers they are.

What PyTorch 2.13 packs is read by the packed object's own `unpack` (linear and convolution) or state (recurrent
cells): https://docs.pytorch.org/docs/2.13/quantization.html and the schemas of `torch.ops.quantized`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import convolutions, products, recurrent
from .calls import Call, Value, joined
from .items import Gemm, Item, elementwise

if TYPE_CHECKING:
    import torch

SPACE = "quantized::"
_LINEAR = ("linear", "linear_dynamic", "linear_dynamic_fp16", "linear_with_input_q_dq_qweight_dq_output_fp32")
_CONVOLUTIONS = tuple(f"conv{n}d{kind}" for n in (1, 2, 3) for kind in ("", "_dynamic"))
_TRANSPOSED = tuple(f"conv_transpose{n}d{kind}" for n in (1, 2, 3) for kind in ("", "_dynamic"))
_BEHIND = ("relu", "leaky_relu", "tanh", "add", "add_relu")  # what is fused behind a layer, by the end of its name
_SAME: Mapping[str, str] = {  # quantized elementwise operations -> ATen's of which they are the quantized form
    **dict.fromkeys(("add", "add_scalar", "add_scalar_out", "add_out"), "add"),
    **dict.fromkeys(("mul", "mul_scalar", "mul_scalar_out", "mul_out"), "mul"),
    **{op: op for op in ("leaky_relu", "hardswish", "sigmoid", "elu", "celu", "prelu", "cat", "softmax")},
    **{op: op for op in ("layer_norm", "group_norm", "instance_norm")},
    "relu6": "hardtanh", "dropout": "dropout", "threshold": "threshold",
}  # fmt: skip
_ROWS = tuple(f"embedding{bag}_{bits}" for bag in ("", "_bag") for bits in ("byte", "4bit", "2bit"))


def layer(call: Call) -> list[Item] | None:
    """`quantized::linear`, `quantized::conv2d` and their like, with what is fused behind them."""
    name, behind = _split(call.op.removeprefix(SPACE))
    packed = next((value for value in call.values() if value.packed is not None), None)
    if packed is None:
        return None
    weight, bias = _unpacked(packed.packed)
    inputs = _integers(call.values()[0])
    arguments: dict[str, Any] = {"input": inputs, "weight": _parameter(call, "weight", weight), "bias": None}
    if bias is not None:
        arguments["bias"] = _parameter(call, "bias", bias)
    plain = replace(call, op=name.split("_dynamic")[0], arguments=arguments)
    if name in _LINEAR:
        items = products.linear(plain)
    else:
        arguments |= _geometry(packed.packed)
        if len(inputs.shape) < len(weight.shape) and "1d" in name:  # packed as one row of an image
            arguments |= {key: arguments[key][-1:] for key in ("stride", "padding", "dilation")}
            arguments["weight"] = _parameter(call, "weight", weight, row=True)
        build = convolutions.transposed_convolution if name in _TRANSPOSED else convolutions.convolution
        items = build(plain)
    if items is None:
        return None
    for item in items:
        if isinstance(item, Gemm):
            item.weight_bits, item.activation_bits, item.fold = _bits(weight), _bits(call.values()[0].tensor), False
    return items + _fused(call, behind, items[0].name)


def product(call: Call) -> list[Item] | None:
    """`quantized::matmul`: two quantized activations."""
    left, right = (_integers(call.arguments[name]) for name in ("qa", "qb"))
    items = products.product(replace(call, op="matmul", arguments={"self": left, "other": right}))
    for item in items or ():
        if isinstance(item, Gemm):
            item.activation_bits = max(_bits(call.arguments[name].tensor) or 0 for name in ("qa", "qb")) or None
    return items


def elementwise_of(op: str, then: str = "") -> Callable[[Call], list[Item] | None]:
    """The vector work of an ATen operation for its quantized form, and the activation that is fused behind it."""

    def lowered(call: Call) -> list[Item] | None:
        from . import lower

        items = lower(replace(call, op=op))
        return items if items is None or not then else items + _fused(call, then, call.label())

    return lowered


def norm(call: Call) -> list[Item]:
    """A batch norm that was not folded before the model was quantized."""
    inputs = call.activations()[0]
    return [elementwise(call.label("batch_norm"), "batch_norm", (inputs,), call.output, parameters=2 * inputs.shape[1])]


def rows(call: Call) -> list[Item]:
    """Rows of a packed table."""
    indices = tuple(value for value in call.activations()[:1])
    return [elementwise(call.label("rows"), "embedding", indices, call.output, parameters=call.output.elements)]


def recurrent_layer(call: Call) -> list[Item] | None:
    """`quantized_lstm` and `quantized_gru`: each direction of each layer has two packed weights and two biases."""
    packed = [value.packed for value in call.arguments["params"] if isinstance(value, Value)]
    states = [_cell_state(cell) for cell in packed]
    if not states or any(state is None for state in states):
        return None
    parameters, weights = [], []
    for index, (own, biases) in enumerate(state for state in states if state is not None):
        weights += own
        named = zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), (*own, *biases), strict=False)
        parameters += [_parameter(call, f"{part}_{index}", tensor, real=True) for part, tensor in named]
    hx = call.arguments["hx"]
    arguments = {**call.arguments, "hx": hx if isinstance(hx, list) else [hx], "params": parameters}
    op = call.op.removeprefix("quantized_")
    return _with_integers(recurrent.recurrent(replace(call, op=op, arguments=arguments)), weights)


def recurrent_cell(call: Call) -> list[Item] | None:
    """`quantized_lstm_cell_dynamic` and the like: one step."""
    given = call.arguments
    weights = [_unpacked(given[name].packed)[0] for name in ("w_ih", "w_hh")]
    biases = [given.get(name, given.get(name.replace("b_", "bias_"))) for name in ("b_ih", "b_hh")]
    arguments = {
        "input": given["input"], "hx": given["hx"], "b_ih": biases[0], "b_hh": biases[1],
        "w_ih": _parameter(call, "weight_ih", weights[0], real=True),
        "w_hh": _parameter(call, "weight_hh", weights[1], real=True),
    }  # fmt: skip
    op = call.op.removeprefix(f"{SPACE}quantized_").removesuffix("_dynamic")
    return _with_integers(recurrent.cell(replace(call, op=op, arguments=arguments)), weights)


def _with_integers(items: list[Item] | None, weights: Sequence[torch.Tensor]) -> list[Item] | None:
    """The items of a recurrent layer with the packed integers in place of the real numbers that they stand for."""
    gemms = [item for item in items or () if isinstance(item, Gemm)]
    for gemm, weight in zip(gemms, weights, strict=True):
        gemm.weight = _constant(stored(weight))
        gemm.weight_bits = _bits(weight)
    return items


def _constant(tensor: torch.Tensor) -> Callable[[], torch.Tensor]:
    return lambda: tensor


def _split(name: str) -> tuple[str, str]:
    """A layer's own name and what is fused behind it: linear_relu, conv2d_add_relu, linear_relu_dynamic."""
    for behind in sorted(_BEHIND, key=len, reverse=True):
        head = name.removesuffix("_dynamic")
        if head.endswith(f"_{behind}"):
            return head.removesuffix(f"_{behind}") + ("_dynamic" if head != name else ""), behind
    return name, ""


def _fused(call: Call, behind: str, name: str) -> list[Item]:
    """What follows a layer within one operation."""
    items: list[Item] = []
    if behind.startswith("add"):
        addends = tuple(value for value in call.activations()[1:2])
        items.append(elementwise(joined(name, "add"), "add", (call.output, *addends), call.output))
    activation = behind.removeprefix("add").strip("_")
    if activation:
        items.append(elementwise(joined(name, activation), activation, (call.output,), call.output))
    return items


def _unpacked(packed: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    weight, bias = packed.unpack()
    return weight, bias


def _cell_state(cell: Any) -> tuple[list[torch.Tensor], list[torch.Tensor]] | None:
    """The weights and biases of one direction of a packed recurrent layer; None for an unknown packing."""
    state = cell.__getstate__()
    kind = state[0] if isinstance(state[0], tuple) else state
    linears = [entry for part in kind if isinstance(part, list) for entry in part if hasattr(entry, "unpack")]
    if len(linears) != 2:
        return None
    unpacked = [_unpacked(entry) for entry in linears]
    return [weight for weight, _ in unpacked], [bias.detach() for _, bias in unpacked if bias is not None]


def _geometry(packed: Any) -> dict[str, Any]:
    """Stride, padding, dilation and groups of a packed convolution."""
    fields = ("stride", "padding", "dilation", "groups")
    return {name: getattr(packed, name)() for name in fields} | {"transposed": packed.transpose()}


def _parameter(call: Call, name: str, tensor: torch.Tensor, real: bool = False, row: bool = False) -> Value:
    """A packed tensor under the name that it has in a float model: its integers, or, `real`, what they stand for.

    `row`: its third axis, which is 1, is left out.
    """
    numbers = tensor.dequantize() if tensor.is_quantized and real else stored(tensor)
    numbers = numbers.squeeze(2) if row else numbers
    return Value(f"{call.output.name}:{name}", tuple(numbers.shape), True, joined(call.module, name), numbers.detach())


def _integers(value: Value) -> Value:
    """A quantized tensor as its integers less the zero point; a float one as it is."""
    is_quantized = value.tensor is not None and value.tensor.is_quantized
    return replace(value, tensor=stored(value.tensor)) if is_quantized and value.tensor is not None else value


def stored(tensor: torch.Tensor) -> torch.Tensor:
    """The integers of a quantized tensor, the zero point subtracted; a float one as it is.

    >>> import torch
    >>> stored(torch.quantize_per_tensor(torch.tensor([-1.0, 0.0, 2.0]), 0.5, 10, torch.quint8)).tolist()
    [-2, 0, 4]
    """
    import torch

    if not tensor.is_quantized:
        return tensor
    codes = tensor.int_repr().to(torch.int32)
    if tensor.qscheme() in (torch.per_channel_affine, torch.per_channel_affine_float_qparams):
        shape = [1] * tensor.dim()
        shape[tensor.q_per_channel_axis()] = -1
        return codes - tensor.q_per_channel_zero_points().reshape(shape).to(torch.int32)
    return codes - tensor.q_zero_point()


def _bits(tensor: torch.Tensor | None) -> int | None:
    """Bits in two's complement of all codes of a quantized tensor's type less the zero point; None for floats."""
    import torch

    if tensor is None or not tensor.is_quantized:
        return None
    if tensor.qscheme() in (torch.per_channel_affine, torch.per_channel_affine_float_qparams):
        points = tensor.q_per_channel_zero_points()
        zeros = (int(points.min()), int(points.max()))
    else:
        zeros = (tensor.q_zero_point(), tensor.q_zero_point())
    least, most = (0, 255) if tensor.dtype == torch.quint8 else (-128, 127)
    low, high = least - zeros[1], most - zeros[0]
    return max((-low - 1).bit_length() if low < 0 else 0, high.bit_length() if high > 0 else 0) + 1


LOWERINGS: Mapping[str, Callable[[Call], list[Item] | None]] = {
    **{
        f"{SPACE}{name}{behind}{dynamic}": layer
        for names in (_LINEAR, _CONVOLUTIONS, _TRANSPOSED)
        for base in names
        for name, dynamic in [(base.removesuffix("_dynamic"), "_dynamic" if base.endswith("_dynamic") else "")]
        for behind in ("", *(f"_{b}" for b in _BEHIND))
    },
    f"{SPACE}linear_dynamic_fp16": layer,
    f"{SPACE}matmul": product,
    **{f"{SPACE}{op}": elementwise_of(aten) for op, aten in _SAME.items()},
    **{f"{SPACE}{op}_relu": elementwise_of(op, "relu") for op in ("add", "mul", "cat")},
    **dict.fromkeys((f"{SPACE}batch_norm{kind}" for kind in ("", "1d", "2d", "3d", "2d_relu", "3d_relu")), norm),
    **{f"{SPACE}{op}": rows for op in _ROWS},
    "quantized_lstm": recurrent_layer, "quantized_gru": recurrent_layer,
    **{f"{SPACE}quantized_{kind}_cell_dynamic": recurrent_cell for kind in ("lstm", "gru", "rnn_tanh", "rnn_relu")},
}  # fmt: skip
