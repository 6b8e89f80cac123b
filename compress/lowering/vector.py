"""Work of the vector unit: activations, elementwise arithmetic, pooling, normalisation, softmax, moves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .calls import Call, Value
from .items import Item, VectorWork, elementwise

if TYPE_CHECKING:
    import torch

Lowering = Callable[[Call], "list[Item] | None"]

UNARY: Mapping[str, str] = {  # op of one activation -> its key in accelsim.trace.operator.OPS
    "relu": "relu", "clamp": "clip", "clamp_min": "relu", "clamp_max": "relu", "leaky_relu": "leaky_relu",
    "prelu": "prelu", "threshold": "relu",
    "hardsigmoid": "hard_sigmoid", "hardswish": "hard_swish", "abs": "abs", "neg": "neg", "square": "scale",
    "sqrt": "sqrt", "rsqrt": "sqrt", "exp": "exp", "log": "log", "log1p": "log", "reciprocal": "reciprocal",
    "erf": "erf", "sigmoid": "sigmoid", "log_sigmoid": "softplus", "tanh": "tanh", "gelu": "gelu", "silu": "silu",
    "elu": "elu", "selu": "selu", "celu": "elu", "softplus": "softplus", "mish": "mish",
    **dict.fromkeys(
        (
            "fake_quantize_per_tensor_affine", "fake_quantize_per_channel_affine", "quantize_per_tensor",
            "fake_quantize_per_tensor_affine_cachemask", "fake_quantize_per_channel_affine_cachemask",
            "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams", "quantize_per_channel",
            "quantize_per_tensor_dynamic", "fused_moving_avg_obs_fake_quant",
            "quantized_decomposed::quantize_per_tensor", "quantized_decomposed::quantize_per_channel",
        ),
        "quantize",
    ),
}  # fmt: skip
BINARY: Mapping[str, tuple[str, str]] = {  # op -> its key with two activations, and with one and a constant
    "add": ("add", "bias"), "sub": ("sub", "bias"), "rsub": ("sub", "bias"), "mul": ("mul", "scale"),
    "div": ("div", "scale"), "maximum": ("max", "clip"), "minimum": ("min", "clip"), "pow": ("pow", "pow"),
    "masked_fill": ("where", "where"), "where": ("where", "where"),
}  # fmt: skip
POOLS: Mapping[str, str] = {  # op -> its key
    **{f"max_pool{n}d": "max_pool" for n in (1, 2, 3)},
    **{f"avg_pool{n}d": "avg_pool" for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": "avg_pool" for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d": "max_pool" for n in (1, 2, 3)},
}
REDUCTIONS: Mapping[str, str] = {
    "mean": "reduce_mean", "sum": "reduce_sum", "amax": "reduce_max", "max": "reduce_max", "amin": "reduce_max",
    "min": "reduce_max", "argmax": "reduce_max", "argmin": "reduce_max",
}  # fmt: skip
MOVES: Mapping[str, str] = {
    "pad": "pad", "gather": "gather", "index_select": "gather", "index": "gather", "roll": "gather", "flip": "gather",
    "im2col": "gather",
}  # fmt: skip
FILLS: Mapping[str, str] = {  # ops that write one tensor into parts of another -> its key
    **dict.fromkeys(
        ("index_copy", "index_put", "scatter", "masked_scatter", "slice_scatter", "select_scatter"), "gather"
    ),
    **dict.fromkeys(("index_add", "scatter_add", "scatter_reduce"), "add"),
}
TAPS: Mapping[str, int] = {  # inputs that an interpolated output is a weighted sum of
    "nearest": 1, "_nearest_exact": 1, "linear": 2, "bilinear": 4, "bicubic": 16, "trilinear": 8,
}  # fmt: skip


def unary(call: Call) -> list[Item]:
    """An activation function; hardtanh between 0 and 6 is ReLU6."""
    return [_plain(call, UNARY[call.op])]


def hardtanh(call: Call) -> list[Item]:
    """Clipping between two bounds, which relu6 does not name."""
    bounds = call.arguments.get("min_val", 0), call.arguments.get("max_val", 6)
    return [_plain(call, "relu6" if bounds == (0, 6) else "hard_tanh")]


def glu(call: Call) -> list[Item]:
    """One half times the sigmoid of the other."""
    half = call.output
    gate = Value(f"{half.name}:gate", half.shape)
    return [
        elementwise(call.label("sigmoid"), "sigmoid", (call.activations()[0],), gate),
        elementwise(call.label(), "mul", (call.activations()[0], gate), half),
    ]


def binary(call: Call) -> list[Item]:
    """Arithmetic of two tensors, one of which may be a constant; a tensor read twice is read once."""
    two, one = BINARY[call.op]
    activations = tuple({value.name: value for value in call.activations()}.values())
    constants = sum(value.elements for value in call.values() if value.constant)
    if len(activations) == 1 and len(call.activations()) == 2:  # x · x reads one tensor, with the cost of a product
        work = elementwise(call.label(), two, activations, call.output)
        return [work]
    op = two if len(activations) > 1 else one
    return [elementwise(call.label(), op, activations, call.output, parameters=constants)]


def pool(call: Call) -> list[Item]:
    """Pooling over windows. Adaptive ones have ⌈in/out⌉ inputs an axis; one output a channel is a global pool."""
    op, inputs, output = POOLS[call.op], call.activations()[0], call.output
    axes = int(next(letter for letter in call.op if letter.isdigit()))
    kernel = call.arguments.get("kernel_size")
    if kernel is None:
        sides = zip(inputs.shape[-axes:], output.shape[-axes:], strict=True)
        window = math.prod(-(-size // out) for size, out in sides)
    else:
        window = math.prod(kernel) if len(kernel) == axes else kernel[0] ** axes
    if kernel is None and math.prod(output.shape[-axes:]) == 1:
        op = f"global_{op}"
    return [elementwise(call.label(), op, (inputs,), output, window=window)]


def reduction(call: Call) -> list[Item]:
    """A mean, sum or extreme over axes; a mean over an image is a global average pool. Two operands are elementwise."""
    inputs, output = call.activations()[0], call.output
    if call.arguments.get("other") is not None:
        return [elementwise(call.label(), "max", tuple(call.activations()), output)]
    axes = call.arguments.get("dim")
    axes = sorted(a % len(inputs.shape) for a in (axes if isinstance(axes, list | tuple) else [axes or 0]))
    op = REDUCTIONS[call.op]
    if op == "reduce_mean" and len(inputs.shape) == 4 and axes == [2, 3]:
        op = "global_avg_pool"
    return [elementwise(call.label(), op, (inputs,), output, window=inputs.elements // output.elements)]


def batch_norm(call: Call) -> list[Item]:
    """A scale and a shift for each channel; it becomes a part of the layer that it directly follows."""
    inputs = call.arguments["input"]
    channels = inputs.shape[1]
    work = elementwise(call.label(), "batch_norm", (inputs,), call.output, parameters=2 * channels)

    weight, variance, eps = (call.arguments[key] for key in ("weight", "running_var", "eps"))

    def scale() -> torch.Tensor:
        root: torch.Tensor = (_real(variance) + eps).rsqrt()
        return root * _real(weight) if isinstance(weight, Value) else root

    if not call.arguments.get("training") and isinstance(variance, Value):
        work.scale = scale
    return [work]


def normalisation(op: str) -> Lowering:
    """layer_norm, group_norm, instance_norm or rms_norm: statistics of each row, then a scale and a shift."""

    def lowered(call: Call) -> list[Item]:
        inputs = call.arguments["input"] if "input" in call.arguments else call.activations()[0]
        rows = _normalised_rows(op, call, inputs)
        constants = sum(v.elements for v in call.parameters())
        return [elementwise(call.label(), op, (inputs,), call.output, rows=rows, parameters=constants)]

    return lowered


def _normalised_rows(op: str, call: Call, inputs: Value) -> int:
    """How many sets of statistics there are."""
    if op in {"layer_norm", "rms_norm"}:
        return inputs.elements // int(math.prod(call.arguments["normalized_shape"]))
    if op == "instance_norm":
        return inputs.shape[0] * inputs.shape[1]
    groups = call.arguments["num_groups"] if "num_groups" in call.arguments else call.arguments["group"]
    return int(inputs.shape[0] * groups)


def local_response_norm(call: Call) -> list[Item]:
    """Each element by a power of the squares of its `size` neighbours' sum (Krizhevsky et al., 2012, section 3.3)."""
    return [elementwise(call.label(), "lrn", (call.activations()[0],), call.output, window=call.arguments["size"])]


def softmax(op: str) -> Lowering:
    """Softmax, or its logarithm, along one axis."""

    def lowered(call: Call) -> list[Item]:
        inputs = call.activations()[0]
        rows = inputs.elements // (inputs.shape[call.arguments["dim"]] if inputs.shape else 1)
        return [elementwise(call.label(), op, (inputs,), call.output, rows=rows)]

    return lowered


def embedding(call: Call) -> list[Item]:
    """A row of the table for each index: the rows are parameters, the indices inputs."""
    indices = call.arguments["indices"]
    return [
        elementwise(
            call.label(), "embedding", () if indices.constant else (indices,), call.output,
            parameters=call.output.elements,
        )
    ]  # fmt: skip


def embedding_bag(call: Call) -> list[Item]:
    """Rows of the table as `embedding` reads them, then their sum, mean or maximum over each bag."""
    indices, width = call.arguments["indices"], call.arguments["weight"].shape[1]
    rows = Value(f"{call.output.name}:rows", (indices.elements, width))
    read = () if indices.constant else (indices,)
    window = max(1, rows.elements // max(1, call.output.elements))
    op = ("reduce_sum", "reduce_mean", "reduce_max")[int(call.arguments.get("mode") or 0)]
    return [
        elementwise(call.label("rows"), "embedding", read, rows, parameters=rows.elements),
        elementwise(call.label(), op, (rows,), call.output, window=window),
    ]


def overlapped(call: Call) -> list[Item]:
    """`fold`: columns are added up where their windows overlap."""
    inputs = call.activations()[0]
    count = inputs.elements
    return [VectorWork(call.label("fold"), "add", (inputs,), call.output, count, call.output.elements, count)]


def move(call: Call) -> list[Item]:
    """A copy: padding, gathering."""
    inputs = call.activations()[0]
    return [VectorWork(call.label(), MOVES[call.op], (inputs,), call.output, call.output.elements, call.output.elements,
                 call.output.elements)]  # fmt: skip


def fill(call: Call) -> list[Item]:
    """One tensor written into, or added to, parts of another: a move or an addition an element of the source."""
    source = next((call.arguments[key] for key in ("source", "src", "values") if key in call.arguments), None)
    source = source if isinstance(source, Value) else call.output  # one number for all
    op = "add" if call.arguments.get("accumulate") else FILLS[call.op]
    count = source.elements
    return [VectorWork(call.label(), op, tuple(call.activations()), call.output, count, count, count)]


def concat(call: Call) -> list[Item]:
    """Parts side by side: each is written where the whole will be read, so nothing is computed and nothing moved."""
    return [VectorWork(call.label(), "concat", tuple(call.activations()), call.output, 0, 0, 0)]


def upsample(call: Call) -> list[Item]:
    """Nearest pixels are copied; interpolated ones are weighted sums: a multiply a tap and the additions between."""
    mode = call.op.removeprefix("upsample_").rstrip("123d").rstrip("_")
    taps = TAPS.get(mode, 1)
    inputs, output = call.activations()[0], call.output
    work = output.elements * (2 * taps - 1)
    return [VectorWork(call.label(), "upsample", (inputs,), output, inputs.elements, output.elements, work)]


def _plain(call: Call, op: str) -> VectorWork:
    """An operator of one activation; whatever else it reads is a parameter."""
    constants = sum(v.elements for v in call.values() if v.constant)
    return elementwise(call.label(), op, (call.activations()[0],), call.output, parameters=constants)


def _real(value: Value) -> torch.Tensor:
    assert value.tensor is not None
    return value.tensor
