"""One operation of a traced torch model: what it reads, what it writes, in which module. Both tracers make these."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor that an operation reads or writes.

    `constant` where it depends on no input of the model; `parameter` is then the dotted name of the parameter or
    buffer it comes from, "" for other constants, and `trained` says that a parameter is among what it is made of.
    `tensor` holds its numbers where the model runs on real ones, `dtype` says what they are ("float32"), and `layout`
    how they lie in memory ("strided", "sparse_coo"). `copies` counts how often the first axis of a constant holds the
    same numbers over again. `packed` is the object in which torch.ao packs parameters.
    """

    name: str
    shape: tuple[int, ...]
    constant: bool = False
    parameter: str = ""
    tensor: torch.Tensor | None = None
    packed: Any = field(default=None, kw_only=True)
    trained: bool = field(default=False, kw_only=True)
    dtype: str = field(default="", kw_only=True)
    copies: int = field(default=1, kw_only=True)
    layout: str = field(default="strided", kw_only=True)

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class Call:
    """One operation, by the name and the argument names of its ATen schema ("conv2d", "add" for `add_` too).

    `module` is the dotted path of the innermost module around it, `leaf` whether that is one of torch's own without
    children, `weighted` whether it has a `weight` of its own. `arguments` holds every argument of the schema, with
    `Value`s for tensors, also within lists. Operations outside ATen have "namespace::name" as `op`.
    """

    op: str
    module: str
    arguments: Mapping[str, Any]
    outputs: tuple[Value, ...]
    leaf: bool = False
    weighted: bool = False

    @property
    def output(self) -> Value:
        """The first tensor that it writes."""
        return self.outputs[0]

    def values(self) -> list[Value]:
        """All tensors that it reads, in the schema's order."""
        return list(flat_values(list(self.arguments.values())))

    def activations(self) -> list[Value]:
        """The tensors that it reads and that depend on the model's input."""
        return [value for value in self.values() if not value.constant]

    def parameters(self) -> list[Value]:
        """The parameters and buffers that it reads, directly or through constants."""
        return [value for value in self.values() if value.parameter]

    def label(self, suffix: str = "") -> str:
        """What an operator is called: its module where that is the operation, else module and operation."""
        own = self.module if self.leaf and self.module else joined(self.module, self.op.strip("_"))
        return joined(own, suffix)

    def layer(self, weight: Value | None = None) -> str:
        """What a layer with this weight is called: the module that holds it, else after its parameter."""
        if self.weighted or weight is None or not weight.parameter:
            return self.module or ("layer" if self.weighted else self.op.strip("_"))
        owner, _, own = plain_name(weight.parameter).rpartition(".")
        if own == "weight":
            return owner or "layer"
        return joined(owner, own.removesuffix("_weight"))


def joined(*parts: str) -> str:
    """A dotted name of the parts that are not empty."""
    return ".".join(part for part in parts if part)


def plain_name(parameter: str) -> str:
    """A parameter's name without what norms and masks put into it.

    >>> plain_name("block.parametrizations.in_proj_weight.original1"), plain_name("block.weight_orig")
    ('block.in_proj_weight', 'block.weight')
    """
    owner, made, behind = parameter.rpartition("parametrizations.")
    if made:
        return owner + behind.rpartition(".")[0]
    return re.sub(r"(weight[^.]*)_(orig|g|v|u)$", r"\1", parameter)


def flat_values(argument: Any) -> Iterator[Value]:
    """The `Value`s within an argument, lists and tuples included."""
    if isinstance(argument, Value):
        yield argument
    elif isinstance(argument, list | tuple):
        for item in argument:
            yield from flat_values(item)


def mapped(argument: Any, of: Callable[[Any], Any], kind: type | tuple[type, ...]) -> Any:
    """An argument with `of(x)` for each x of this kind, within lists and tuples too."""
    if isinstance(argument, kind):
        return of(argument)
    if isinstance(argument, list | tuple):
        return [mapped(item, of, kind) for item in argument]
    return argument


CANONICAL = {  # what a function of torch's becomes below autograd -> the function's name
    **{f"max_pool{n}d_with_indices": f"max_pool{n}d" for n in (1, 2, 3)},
    **{f"_adaptive_avg_pool{n}d": f"adaptive_avg_pool{n}d" for n in (1, 2, 3)},
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit_no_training"), "batch_norm"),
    **{f"{name}{n}d": "pad" for name in ("reflection_pad", "replication_pad") for n in (1, 2, 3)},
    "_softmax": "softmax", "_safe_softmax": "softmax", "_log_softmax": "log_softmax", "native_layer_norm": "layer_norm",
    "native_group_norm": "group_norm", "_fused_rms_norm": "rms_norm", "constant_pad_nd": "pad",
    **{f"quantized_max_pool{n}d": f"max_pool{n}d" for n in (1, 2, 3)},
    "_prelu_kernel": "prelu", "_to_copy": "to", "_unsafe_view": "view", "clip": "clamp", "relu6": "hardtanh",
    "_trilinear": "bilinear", "_fused_moving_avg_obs_fq_helper": "fused_moving_avg_obs_fake_quant",
    "_scaled_dot_product_flash_attention_for_cpu": "scaled_dot_product_attention",
}  # fmt: skip


def operation(target: Any) -> str:
    """The name of an ATen overload without its overload and its in-place mark; others with their namespace."""
    space, _, name = str(target._schema.name).partition("::")
    if name.endswith("_") and not name.endswith("__"):
        name = name[:-1]
    return CANONICAL.get(name, name) if space == "aten" else f"{space}::{name}"


def bound(target: Any, args: Any, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Every argument of an overload's schema by name, defaults where the call is silent."""
    values_by_name = {argument.name: argument.default_value for argument in target._schema.arguments}
    values_by_name |= dict(zip(values_by_name, args, strict=False))
    return values_by_name | dict(kwargs)
