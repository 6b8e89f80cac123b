"""Networks on integers: every conv and linear layer computes exactly on the integers that the hardware sees."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..base import Batch, Compressor
from ..layers import Layer, weighted_layers
from .codes import ActivationCode, LayerCode, largest_magnitude, max_abs


def weight_codes(model: nn.Module, method: Compressor | None = None, bits: int = 8) -> dict[str, LayerCode]:
    """The integers of every conv and linear layer: the method's own where it quantizes, else max-abs at `bits`."""
    own = dict(method.codes(model)) if method is not None else {}
    layers = weighted_layers(model).items()
    return {n: own[n] if n in own else max_abs(layer.weight.detach().cpu().numpy(), bits, n) for n, layer in layers}


def calibrate_activations(
    model: nn.Module, batches: Iterable[Batch | torch.Tensor], bits: int = 8
) -> dict[str, ActivationCode]:
    """The code of each conv and linear layer's input, symmetric: scale = max|x| over `batches` / (2^(bits-1) - 1).

    Batches are inputs or (input, target) pairs. Layers that never ran are left out.
    """
    largest: dict[str, float] = {}

    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            seen = largest_magnitude(inputs[0].detach().cpu().numpy(), f"the input of layer {name!r}")
            largest[name] = max(largest.get(name, 0.0), seen)

        return hook

    hooks = [layer.register_forward_pre_hook(watch(name)) for name, layer in weighted_layers(model).items()]
    training = model.training
    try:
        with torch.no_grad():
            for batch in batches:
                model.eval()(batch if isinstance(batch, torch.Tensor) else batch[0])
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return {name: ActivationCode(seen / (2 ** (bits - 1) - 1) if seen else 1.0, bits) for name, seen in largest.items()}


def input_codes(
    activations: Mapping[str, ActivationCode], method: Compressor | None = None
) -> dict[str, ActivationCode]:
    """The calibrated codes of the layers' inputs, with the method's own in place of those where it fixes them."""
    return {**activations, **(method.activation_codes() if method is not None else {})}


def to_integers(values: torch.Tensor, code: ActivationCode) -> torch.Tensor:
    """A layer's input as the integers of its code, float64."""
    if code.bits == 1:
        return torch.where(values > 0, 1.0, -1.0).double()
    return (values.double() / code.scale).round().clamp(-code.largest - 1, code.largest)


class IntegerLayer(nn.Module):
    """A conv or linear layer on integers: quantize the input, multiply and add exactly, scale the sums back.

    The integers are held as float64, whose 53 bits no sum of 8- or 16-bit products reaches; the bias is rounded to the
    accumulator's scale (weight scale · activation scale), as integer-only inference does (003 §4.1 Eq 17-20). `ifmap`
    holds the last input's integers.
    """

    ints: torch.Tensor
    scale: torch.Tensor
    bias: torch.Tensor

    def __init__(self, layer: Layer, code: LayerCode, activation: ActivationCode) -> None:
        super().__init__()
        self._source, self.activation = (layer,), activation  # in a tuple: its parameters are not this module's
        scale = np.atleast_1d(np.asarray(code.scale, dtype=np.float64)) * activation.scale
        bias = np.zeros(len(code.ints)) if layer.bias is None else layer.bias.detach().cpu().double().numpy()
        self.register_buffer("ints", torch.from_numpy(code.ints.astype(np.float64)))
        self.register_buffer("scale", torch.from_numpy(scale))
        self.register_buffer("bias", torch.from_numpy(np.rint(bias / scale)))
        self.ifmap: torch.Tensor | None = None

    @property
    def source(self) -> Layer:
        """The layer that this one stands for."""
        return self._source[0]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The layer's output in real numbers, from exact integer sums; inputs float64."""
        self.ifmap = to_integers(inputs.detach(), self.activation)
        layer = self.source
        if isinstance(layer, nn.Linear):
            return functional.linear(self.ifmap, self.ints, self.bias) * self.scale
        sums = functional.conv2d(
            self.ifmap, self.ints, self.bias, layer.stride, layer.padding, layer.dilation, layer.groups
        )
        return sums * self.scale.view(1, -1, 1, 1)


class IntegerNetwork(nn.Module):
    """A copy of a model whose conv and linear layers are `IntegerLayer`s; everything between stays real (float64).

    Layers without an activation code, which the calibration did not reach, stay as they are.
    """

    def __init__(
        self, model: nn.Module, weights: Mapping[str, LayerCode], activations: Mapping[str, ActivationCode]
    ) -> None:
        super().__init__()
        self.network = copy.deepcopy(model).eval().double()
        known = {name: layer for name, layer in weighted_layers(self.network).items() if name in activations}
        integer = {layer: IntegerLayer(layer, weights[name], activations[name]) for name, layer in known.items()}
        for parent in list(self.network.modules()):
            for own, child in list(parent._modules.items()):  # named_children() shows a shared layer once
                if child in integer:
                    setattr(parent, own, integer[child])

    @property
    def layers(self) -> dict[str, IntegerLayer]:
        """The integer layers by their names in the model."""
        return {n.removeprefix("network."): m for n, m in self.named_modules() if isinstance(m, IntegerLayer)}

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The network's output, float64."""
        result: torch.Tensor = self.network(inputs.double())
        return result


def integer_network(
    model: nn.Module, activations: Mapping[str, ActivationCode], method: Compressor | None = None
) -> IntegerNetwork:
    """`model` on integers: the method's codes of weights and inputs, 8 bits and the given ones where it has none."""
    return IntegerNetwork(model, weight_codes(model, method), input_codes(activations, method))


@torch.no_grad()
def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, batch: int = 250) -> float:
    """The fraction of images whose largest output is at their label, in [0, 1]."""
    training = model.training
    model.eval()
    parts = zip(torch.split(images, batch), torch.split(labels, batch), strict=True)
    right = sum(int((model(x).argmax(dim=1) == y).sum()) for x, y in parts)
    model.train(training)
    return right / len(labels)
