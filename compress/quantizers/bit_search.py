"""Bits of every layer, chosen after training: the fewest that keep the accuracy on some inputs."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn

from ..layers import layer, weighted_layers
from .codes import ActivationCode, max_abs
from .integer import IntegerNetwork, accuracy, weight_codes

Operand = Literal["weight", "activation"]

_EPSILON = 1e-9  # of an accuracy: shares of the tolerance are no exact floats


@dataclass(frozen=True)
class LayerBits:
    """Of one layer's weights and of its inputs."""

    weight: int = 8
    activation: int = 8


@dataclass(frozen=True)
class BitRange:
    """The fewest and the most bits that a search tries."""

    fewest: int = 2
    most: int = 8

    @property
    def widest(self) -> LayerBits:
        """A layer before anything is taken from it."""
        return LayerBits(self.most, self.most)


class BitSearch:
    """Which bits keep the accuracy of `model` on `inputs` with their `labels`; the model is only read.

    `activations` are the codes of the layers' inputs, whose range each number of bits divides into other steps.
    """

    def __init__(
        self, model: nn.Module, activations: Mapping[str, ActivationCode], *, inputs: torch.Tensor, labels: torch.Tensor
    ) -> None:
        self.model, self.activations = copy.deepcopy(model).cpu().eval(), dict(activations)
        self.inputs, self.labels = inputs.cpu(), labels.cpu()
        self.dense = weight_codes(self.model)

    def accuracy(self, bits: Mapping[str, LayerBits]) -> float:
        """The fraction of the inputs that the network gets right on integers of these bits, 8 in other layers."""
        weights = {name: layer(self.model, name).weight.detach().numpy() for name in bits}
        codes = {name: max_abs(weights[name], of_layer.weight, name) for name, of_layer in bits.items()}
        inputs = {name: at_bits(self.activations[name], of_layer.activation) for name, of_layer in bits.items()}
        network = IntegerNetwork(self.model, self.dense | codes, self.activations | inputs)
        return accuracy(network, self.inputs, self.labels)

    def least(self, names: list[str], allowed: BitRange, tolerance: float) -> dict[str, LayerBits]:
        """The layers' bits, in the order of `names`, weights before inputs, by halving what is left to try.

        Each choice may leave the accuracy a share further below that of the most bits than the one before; after the
        last it is at most `tolerance` below.
        """
        bits = dict.fromkeys(names, allowed.widest)
        whole, choices = self.accuracy(bits), 2 * len(names)
        operands: tuple[Operand, ...] = ("weight", "activation")
        for turn, (name, operand) in enumerate(((n, o) for n in names for o in operands), start=1):
            floor = whole - tolerance * turn / choices
            bits[name] = self._narrowed(bits, name, operand, allowed, floor)
        return bits

    def _narrowed(
        self, bits: Mapping[str, LayerBits], name: str, operand: Operand, allowed: BitRange, floor: float
    ) -> LayerBits:
        """This layer with the fewest bits of one operand at which the accuracy is not below the floor."""
        low, high = allowed.fewest, allowed.most
        while low < high:
            middle = (low + high) // 2
            tried = {**bits, name: replace(bits[name], **{operand: middle})}
            low, high = (low, middle) if self.accuracy(tried) >= floor - _EPSILON else (middle + 1, high)
        return replace(bits[name], **{operand: high})


def at_bits(code: ActivationCode, bits: int) -> ActivationCode:
    """The same range in the steps of another number of bits."""
    return replace(code, scale=code.scale * code.largest / replace(code, bits=bits).largest, bits=bits)


@torch.no_grad()
def layer_macs(model: nn.Module, inputs: torch.Tensor) -> dict[str, int]:
    """MACs of each conv and linear layer on these inputs, of those that run."""
    macs: dict[str, int] = {}

    def count(name: str, module: nn.Module, output: torch.Tensor) -> None:
        macs[name] = macs.get(name, 0) + output.numel() * layer(model, name).weight[0].numel()

    hooks = [
        module.register_forward_hook(lambda module, _, output, name=name: count(name, module, output))
        for name, module in weighted_layers(model).items()
    ]
    training = model.training
    try:
        model.eval()(inputs)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return macs
