"""XNOR-Net: layers whose weights and inputs are signs, with a scale a filter and one for the inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import nn

from accelsim.errors import CompressionError

from ..base import Compressor
from ..graph.masks import original
from ..layers import Weight, layer, make_plain, require_finite, weights
from .codes import ActivationCode, LayerCode
from .straight_through import binary_sign

MOMENTUM = 0.1  # of the running mean of an input's magnitude


class BinaryWeight(nn.Module):
    """W ≈ α · sign(W) with α = mean|W| of each filter (003 §4.2.3, XNOR-Net and BWN), differentiable in both."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """α · sign(weight); the sign's gradient passes straight through where |weight| <= 1."""
        scale = weight.abs().mean(dim=tuple(range(1, weight.ndim)), keepdim=True)
        return scale * binary_sign(weight)


class BinaryInput:
    """A forward pre-hook: the layer sees β · sign(x), with β = the running mean of |x| over the training batches.

    The paper's K, a scale for each output position, is one number a layer here, as integer hardware has it.
    """

    def __init__(self) -> None:
        self.scale, self.batches, self.frozen = 1.0, 0, False

    def __call__(self, module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """The inputs of the layer, binarized."""
        x = inputs[0]
        if module.training and not self.frozen:
            self._watch(float(x.detach().abs().mean()))
        return (binary_sign(x) * self.scale, *inputs[1:])

    def _watch(self, mean: float) -> None:
        if mean > 0:
            self.batches += 1
            self.scale += (mean - self.scale) * (1.0 if self.batches == 1 else MOMENTUM)


class XnorNet(Compressor):
    """Binary weights and binary inputs of the inner layers; the first and the last stay at 8 bits (003 §4.2.3).

    Both are signs, +1 above 0 and −1 elsewhere, with straight-through gradients (§4.2.5 Eq 28); the real weights that
    train are clamped to [−1, 1]. A network made for it normalizes before each sign (batch norm, sign, layer, pooling:
    XNOR-Net's order; `lenet5_xnor` in the zoo), behind a ReLU the sign tells only 0 from the rest. `layers` names the
    binary layers, by default all but the first and the last. The signs of the inputs are forward pre-hooks that stay
    on the finished model: its state_dict has no keys for them.

    Raises UnknownNameError for a layer that is not there, CompressionError where there is none to binarize.
    """

    def __init__(
        self, model: nn.Module, example_input: torch.Tensor | None = None, *, layers: Iterable[str] | None = None
    ) -> None:
        super().__init__(model, example_input)
        fitting = [name for name, weight in weights(model).items() if _has_inputs(model, weight)]
        self.layers = fitting[1:-1] if layers is None else list(layers)
        _check_fits(model, self.layers)
        if not self.layers:
            raise CompressionError("the model has no layer between its first and its last; name the binary `layers`")
        self.inputs = {name: BinaryInput() for name in self.layers}
        for name, binary in self.inputs.items():
            module = layer(model, name)
            module.constrain(BinaryWeight())
            module.module.register_forward_pre_hook(binary)

    @torch.no_grad()
    def step(self) -> None:
        """Clamp the real weights to [−1, 1], beyond which no gradient would reach them (003 §4.2.5)."""
        for name in self.layers:
            module = layer(self.model, name)
            if module.constrained:
                original(module.module, module.parameter).clamp_(-1, 1)

    def harden(self) -> None:
        """Freeze the scales of the inputs; CompressionError where a filter is all 0 and has no sign, or NaN."""
        require_finite(self.model, self.layers, "at the end of training")
        for name, binary in self.inputs.items():
            if not bool(layer(self.model, name).weight.flatten(1).any(dim=1).all()):
                raise CompressionError(f"layer {name!r} has a filter of zeros only; binary weights cannot be 0")
            binary.frozen = True

    @torch.no_grad()
    def finalize(self) -> nn.Module:
        """The model with plain weights ±α and its original state_dict keys; its inputs' signs stay as pre-hooks."""
        self.harden()
        make_plain(self.model, self.layers)
        return self.model

    def codes(self, model: nn.Module) -> Mapping[str, LayerCode]:
        """Signs, with α of each filter as its scale."""
        return {name: _binary_code(layer(model, name).weight) for name in self.layers}

    def activation_codes(self) -> Mapping[str, ActivationCode]:
        """Signs, with the scale β of each layer's input."""
        return {name: ActivationCode(binary.scale, bits=1) for name, binary in self.inputs.items()}


def _has_inputs(model: nn.Module, weight: Weight) -> bool:
    """Is it a conv or linear layer that takes its input by a call of its own? An attention's output layer is not."""
    attention = weight.name.rpartition(".")[0]
    inner = attention != weight.name and isinstance(model.get_submodule(attention), nn.MultiheadAttention)
    return weight.kind in ("conv", "transposed", "linear") and not inner


def _check_fits(model: nn.Module, names: list[str]) -> None:
    """UnknownNameError, or CompressionError for a layer of another kind."""
    for name in names:
        if not _has_inputs(model, layer(model, name)):
            raise CompressionError(f"layer {name!r} is no conv or linear layer with one input; it cannot be binary")


def _binary_code(weight: torch.Tensor) -> LayerCode:
    values = weight.detach().cpu().double().numpy()
    scale = np.abs(values).reshape(len(values), -1).mean(axis=1)
    return LayerCode(np.where(values > 0, 1, -1).astype(np.int8), scale, bits=1, coding="binary")
