"""The weights of a model: find them by name, name the nearest where one is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from accelsim.errors import CompressionError, unknown_name

from .narrow_attention import NarrowAttention
from .plain import refresh, remove_parametrizations

Layer = nn.Conv2d | nn.Linear  # those that compute on integers (quantizers.integer)
Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d | Transposed
CHANCE_ZEROS = 1e-3  # share of exact zeros that seeded and trained real weights stay far below
_SEPARATE = ("q_proj_weight", "k_proj_weight", "v_proj_weight")  # of attention whose keys have a width of their own


@dataclass(frozen=True, eq=False)
class Weight:
    """One weight of a layer: the tensor that a constraint or a quantizer works on, with its bias.

    `name` is the layer's where it has one weight (`conv1`), else the parameter's (`lstm.weight_ih_l0`,
    `attention.in_proj_weight`). Filters are `weight[n]`, but for transposed convolutions, (C, N/groups, ...) in torch;
    `oriented` gives those as all the others are. `kind` is `conv`, `transposed`, `linear`, `recurrent`, `attention` or
    `embedding`.
    """

    name: str
    module: nn.Module
    kind: str
    parameter: str = "weight"
    bias_parameter: str | None = "bias"

    @property
    def weight(self) -> torch.Tensor:
        """The tensor that the layer computes with: what masks and quantizers make of the parameter."""
        tensor: torch.Tensor = getattr(self.module, self.parameter)
        return tensor

    @property
    def bias(self) -> torch.Tensor | None:
        """The bias of the same outputs, or None."""
        tensor: Any = getattr(self.module, self.bias_parameter, None) if self.bias_parameter else None
        return tensor if isinstance(tensor, torch.Tensor) else None

    @property
    def shape(self) -> torch.Size:
        """The shape with filters first: (N, C/groups, ...) or (N, K)."""
        return self.oriented(torch.empty(self.weight.shape, device="meta")).shape

    @property
    def groups(self) -> int:
        """The groups of a convolution, 1 elsewhere."""
        return int(getattr(self.module, "groups", 1)) if isinstance(self.module, Convolution) else 1

    def oriented(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor of the weight's shape as filters first: (N, C/groups, ...)."""
        if self.kind != "transposed":
            return tensor
        inputs, filters, *kernel = tensor.shape
        split = tensor.reshape(self.groups, inputs // self.groups, filters, *kernel)
        return split.transpose(1, 2).reshape(self.groups * filters, inputs // self.groups, *kernel)

    def restored(self, tensor: torch.Tensor) -> torch.Tensor:
        """The inverse of `oriented`."""
        if self.kind != "transposed":
            return tensor
        filters, inputs, *kernel = tensor.shape
        split = tensor.reshape(self.groups, filters // self.groups, inputs, *kernel)
        return split.transpose(1, 2).reshape(self.groups * inputs, filters // self.groups, *kernel)

    def constrain(self, rule: nn.Module) -> None:
        """Compute with what `rule` makes of the parameter from here on."""
        parametrize.register_parametrization(self.module, self.parameter, rule)
        refresh(self.module)

    @property
    def constrained(self) -> bool:
        """Does a rule stand between the parameter and the layer?"""
        return parametrize.is_parametrized(self.module, self.parameter)

    def make_plain(self) -> None:
        """Put what the layer computes with now in the parameter's place."""
        if self.constrained:
            remove_parametrizations(self.module, self.parameter)


def weights(model: nn.Module) -> dict[str, Weight]:
    """Every weight that can be pruned and quantized, by name, in the model's order.

    Those of Conv1d to 3d, ConvTranspose1d to 3d, Linear, RNN, LSTM, GRU and their cells, MultiheadAttention and
    Embedding; a module that stands at several places counts once.

    >>> list(weights(nn.ModuleDict({"lstm": nn.LSTM(4, 3), "fc": nn.Linear(3, 2)})))
    ['lstm.weight_ih_l0', 'lstm.weight_hh_l0', 'fc']
    """
    return {weight.name: weight for name, module in model.named_modules() for weight in _weights_of(name, module)}


def _weights_of(name: str, module: nn.Module) -> Iterator[Weight]:
    kind = _kind(module)
    if kind is not None:
        yield Weight(name, module, kind)
    elif isinstance(module, nn.RNNBase | nn.RNNCellBase):
        parameters = {p for p in _parameter_names(module) if p.startswith("weight_")}
        for own in sorted(parameters, key=lambda p: (_place(p), "hh" in p, "hr" in p)):
            bias = own.replace("weight_", "bias_") if module.bias and "hr" not in own else None
            yield Weight(_joined(name, own), module, "recurrent", own, bias)
    elif isinstance(module, nn.MultiheadAttention | NarrowAttention):
        present = [p for p in ("in_proj_weight", *_SEPARATE) if isinstance(getattr(module, p, None), torch.Tensor)]
        for own in present:
            yield Weight(
                _joined(name, own), module, "attention", own, "in_proj_bias" if own == "in_proj_weight" else None
            )


def _kind(module: nn.Module) -> str | None:
    if isinstance(module, Convolution):
        return "transposed" if isinstance(module, Transposed) else "conv"
    return "linear" if isinstance(module, nn.Linear) else "embedding" if isinstance(module, nn.Embedding) else None


def _parameter_names(module: nn.Module) -> list[str]:
    return [*module._parameters, *getattr(module, "parametrizations", {})]


def _place(parameter: str) -> str:
    """`_l0`, `_l0_reverse`: the layer and direction of a recurrent weight."""
    return parameter.removeprefix("weight_")[2:]


def _joined(module: str, parameter: str) -> str:
    return f"{module}.{parameter}" if module else parameter


def other_weights(model: nn.Module) -> list[str]:
    """The parameters of two dimensions or more that no method works on, by name: those of other kinds of modules."""
    known = {id(original) for weight in weights(model).values() for original in _originals(weight)}
    parameters = model.named_parameters()
    return [name for name, p in parameters if p.ndim > 1 and max(p.shape) < p.numel() and id(p) not in known]


def _originals(weight: Weight) -> Iterator[torch.Tensor]:
    if weight.constrained:
        yield from weight.module.parametrizations[weight.parameter].parameters()  # type: ignore[index, union-attr]  # a ModuleDict; torch types it as Tensor
    else:
        yield weight.weight


def weighted_layers(model: nn.Module) -> dict[str, Layer]:
    """The Conv2d and Linear layers by their names in the model, in the model's order: those that run on integers."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Layer)}


def layer(model: nn.Module, name: str) -> Weight:
    """The weight of this name; UnknownNameError with the nearest right name where there is none."""
    known = weights(model)
    if name not in known:
        raise unknown_name("layer", name, known)
    return known[name]


def require_layers(model: nn.Module, names: Iterable[str]) -> None:
    """UnknownNameError for the first of `names` that is no weight of the model."""
    known = weights(model)
    for name in names:
        if name not in known:
            raise unknown_name("layer", name, known)


def weight_shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """The shape of each weight, by name."""
    return {name: tuple(weight.weight.shape) for name, weight in weights(model).items()}


def holds_zeros(weight: torch.Tensor) -> bool:
    """Whether real weights hold exact zeros that somebody put there; a layer of zeros alone is untrained.

    >>> holds_zeros(torch.tensor([0.5, 0.0])), holds_zeros(torch.tensor([0.5, -0.1])), holds_zeros(torch.zeros(2))
    (True, False, False)
    """
    nonzero = int(weight.detach().count_nonzero())
    return nonzero > 0 and weight.numel() - nonzero > CHANCE_ZEROS * weight.numel()


def layers_with_zeros(model: nn.Module) -> frozenset[str]:
    """The weights that hold such zeros, by name."""
    return frozenset(name for name, weight in weights(model).items() if holds_zeros(weight.weight))


def require_finite(model: nn.Module, names: Iterable[str], when: str) -> None:
    """CompressionError where one of these weights holds NaN or infinity; `when` says at which step."""
    known = weights(model)
    for name in names:
        if not bool(torch.isfinite(known[name].weight).all()):
            raise CompressionError(
                f"layer {name!r} holds NaN or infinite weights {when}; lower the learning rate or rho"
            )


@torch.no_grad()
def make_plain(model: nn.Module, names: Iterable[str]) -> None:
    """Put the value that each constrained weight has now in its place, as a plain parameter."""
    known = weights(model)
    for name in names:
        known[name].make_plain()
