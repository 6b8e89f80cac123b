"""Networks on integers: every conv and linear layer computes exactly on the integers that the hardware sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..base import Batch, Compressor
from ..layers import Layer, weighted_layers, weights
from ..plain import copy_of
from .codes import ActivationCode, LayerCode, activation_code, largest_magnitude, max_abs


def weight_codes(model: nn.Module, method: Compressor | None = None, bits: int = 8) -> dict[str, LayerCode]:
    """The integers of every weight: the method's own where it quantizes, else max-abs at `bits`."""
    own = dict(method.codes(model)) if method is not None else {}
    layers = weights(model).items()
    return {n: own[n] if n in own else max_abs(layer.weight.detach().cpu().numpy(), bits, n) for n, layer in layers}


def calibrate_activations(
    model: nn.Module, batches: Iterable[Batch | torch.Tensor | tuple[tuple[Any, ...], Any]], bits: int = 8
) -> dict[str, ActivationCode]:
    """The code of each conv and linear layer's input, of zero point 0: scale = max|x| over `batches` / largest code.

    An input that is never negative over the batches, as behind a ReLU, has unsigned codes up to 2^bits − 1. Batches
    are inputs or (input, target) pairs; a model of several inputs takes a tuple of them as input. Layers that never
    ran are left out.
    """
    ranges: dict[str, tuple[float, float]] = {}

    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[torch.Tensor, ...], keywords: dict[str, torch.Tensor]) -> None:
            given = (*inputs, *keywords.values())[0].detach().cpu()
            values = (given if given.element_size() > 2 else given.float()).numpy()  # numpy has no bfloat16
            largest_magnitude(values, f"the input of layer {name!r}")  # refuses what is not finite
            least, most = ranges.get(name, (0.0, 0.0))
            ranges[name] = float(values.min(initial=least)), float(values.max(initial=most))

        return hook

    layers = weighted_layers(model).items()
    hooks = [layer.register_forward_pre_hook(watch(name), with_kwargs=True) for name, layer in layers]
    training = model.training
    try:
        with torch.no_grad():
            for batch in batches:
                given = batch if isinstance(batch, torch.Tensor) else batch[0]
                model.eval()(*(given if isinstance(given, tuple) else (given,)))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return {name: activation_code(*seen, bits) for name, seen in ranges.items()}


def input_codes(
    activations: Mapping[str, ActivationCode], method: Compressor | None = None
) -> dict[str, ActivationCode]:
    """The calibrated codes of the layers' inputs, with the method's own in place of those where it fixes them."""
    return {**activations, **(method.activation_codes() if method is not None else {})}


def to_integers(values: torch.Tensor, code: ActivationCode) -> torch.Tensor:
    """A layer's input as the integers of its code, float64."""
    if code.bits == 1 and code.signed:
        return torch.where(values > 0, 1.0, -1.0).double()
    return (values.double() / code.scale).round().clamp(code.least, code.largest)


def runs_as_written(layer: Layer) -> bool:
    """Whether a layer computes what torch's of its kind does with its weight; a subclass may do something else."""
    kind = nn.Linear if isinstance(layer, nn.Linear) else nn.Conv2d
    own = (getattr(type(layer), name, None) for name in ("forward", "_conv_forward"))
    return tuple(own) == tuple(getattr(kind, name, None) for name in ("forward", "_conv_forward"))


class IntegerLayer(nn.Module):
    """A conv or linear layer on integers: quantize the input, multiply and add exactly, scale the sums back.

    The integers are held as float64, whose 53 bits no sum of 8- or 16-bit products reaches; the bias is rounded to the
    accumulator's scale (weight scale · activation scale), as integer-only inference does (003 §4.1 Eq 17-20). `ifmap`
    holds the last input's integers, those that a padding mode but zeros adds included. What it lacks itself, it has
    from the layer that it stands for.
    """

    ints: torch.Tensor
    scale: torch.Tensor
    offset: torch.Tensor

    def __init__(self, layer: Layer, code: LayerCode, activation: ActivationCode) -> None:
        super().__init__()
        self._source, self.activation = (layer,), activation  # in a tuple: its parameters are not this module's
        scale = np.atleast_1d(np.asarray(code.scale, dtype=np.float64)) * activation.scale
        bias = np.zeros(len(code.ints)) if layer.bias is None else layer.bias.detach().cpu().double().numpy()
        self.register_buffer("ints", torch.from_numpy(code.ints.astype(np.float64)))
        self.register_buffer("scale", torch.from_numpy(scale))
        self.register_buffer("offset", torch.from_numpy(np.rint(bias / scale)))
        self.ifmap: torch.Tensor | None = None

    @property
    def source(self) -> Layer:
        """The layer that this one stands for."""
        return self._source[0]

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if "_source" not in vars(self):
                raise
            return getattr(self._source[0], name)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The layer's output in real numbers of the input's type, from exact integer sums."""
        self.ifmap = to_integers(input.detach(), self.activation)
        layer = self.source
        if isinstance(layer, nn.Linear):
            return (functional.linear(self.ifmap, self.ints, self.offset) * self.scale).to(input.dtype)
        padding = layer.padding
        if layer.padding_mode != "zeros":
            self.ifmap = functional.pad(self.ifmap, layer._reversed_padding_repeated_twice, layer.padding_mode)
            padding = (0, 0)
        sums = functional.conv2d(
            self.ifmap, self.ints, self.offset, layer.stride, padding, layer.dilation, layer.groups
        )
        return (sums * self.scale.view(-1, 1, 1)).to(input.dtype)


class IntegerNetwork(nn.Module):
    """A copy of a model whose conv and linear layers are `IntegerLayer`s; everything between stays real.

    That is in float64, or in the model's own type where `double` is False. Layers without an activation code, which the
    calibration did not reach, and subclasses that compute something else stay as they are.
    """

    def __init__(
        self,
        model: nn.Module,
        weights: Mapping[str, LayerCode],
        activations: Mapping[str, ActivationCode],
        *,
        double: bool = True,
    ) -> None:
        super().__init__()
        copied = copy_of(model).eval()
        self.double_inputs, self.network = double, copied.double() if double else copied
        known = {
            name: layer
            for name, layer in weighted_layers(self.network).items()
            if name in activations and runs_as_written(layer)
        }
        integer = {layer: IntegerLayer(layer, weights[name], activations[name]) for name, layer in known.items()}
        for parent in list(self.modules()):
            for own, child in list(parent._modules.items()):  # named_children() shows a shared layer once
                if child in integer:
                    setattr(parent, own, integer[child])

    @property
    def layers(self) -> dict[str, IntegerLayer]:
        """The integer layers by their names in the model."""
        layers = {name: module for name, module in self.named_modules() if isinstance(module, IntegerLayer)}
        return {name.removeprefix("network").removeprefix("."): module for name, module in layers.items()}

    def forward(self, *inputs: Any) -> Any:
        """The network's output; real inputs are taken in the network's type."""
        return self.network(*(self._taken(given) for given in inputs))

    def _taken(self, given: Any) -> Any:
        real = isinstance(given, torch.Tensor) and given.is_floating_point()
        return given.double() if real and self.double_inputs else given


def integer_network(
    model: nn.Module, activations: Mapping[str, ActivationCode], method: Compressor | None = None
) -> IntegerNetwork:
    """`model` on integers: the method's codes of weights and inputs, 8 bits and the given ones where it has none."""
    return IntegerNetwork(model, weight_codes(model, method), input_codes(activations, method))


@torch.no_grad()
def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, batch: int = 250) -> float:
    """The fraction of images, or words, whose largest output is at their label, in [0, 1].

    Outputs are (B, classes), or (B, T, classes) for labels (B, T).
    """
    training = model.training
    model.eval()
    parts = zip(torch.split(images, batch), torch.split(labels, batch), strict=True)
    right = sum(int((model(x).argmax(dim=-1) == y).sum()) for x, y in parts)
    model.train(training)
    return right / labels.numel()
