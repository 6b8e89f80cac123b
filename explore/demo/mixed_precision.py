"""Bits of every layer, found after training: the fewest that keep the accuracy on some training digits.

Nothing is trained: weights and inputs are rounded to symmetric levels (003, section 4.1, Eq. 15-16), whose number the
layers choose one after another. On a machine whose time grows with the bits, each bit less is time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from compress.base import Compressor
from compress.layers import layer
from compress.quantizers.codes import ActivationCode, LayerCode, max_abs
from compress.quantizers.integer import accuracy, integer_network

BITS = (2, 8)  # that a search tries, fewest and most
TOLERANCE = 0.001  # of accuracy on the digits of the search, all layers together


@dataclass(frozen=True)
class LayerBits:
    """Of one layer."""

    weight: int = BITS[1]
    activation: int = BITS[1]


class MixedPrecision(Compressor):
    """Each named layer at its own bits of weight and input; `activations` are their codes at 8 bits."""

    def __init__(
        self,
        model: nn.Module,
        bits: Mapping[str, LayerBits],
        activations: Mapping[str, ActivationCode],
        example_input: torch.Tensor | None = None,
    ) -> None:
        super().__init__(model, example_input)
        self.bits, self.activations = dict(bits), dict(activations)

    def harden(self) -> None:
        """Nothing is trained, so nothing changes."""

    def finalize(self) -> nn.Module:
        """The model as it is: its codes hold the rounding."""
        return self.model

    def codes(self, model: nn.Module) -> Mapping[str, LayerCode]:
        """Symmetric integers of the layer's bits."""
        weights = {name: layer(model, name).weight.detach().cpu().numpy() for name in self.bits}
        return {name: max_abs(weight, self.bits[name].weight, name) for name, weight in weights.items()}

    def activation_codes(self) -> Mapping[str, ActivationCode]:
        """The same range in fewer steps."""
        return {name: _at_bits(self.activations[name], bits.activation) for name, bits in self.bits.items()}


def _at_bits(code: ActivationCode, bits: int) -> ActivationCode:
    return ActivationCode(code.scale * code.largest / ActivationCode(1.0, bits).largest, bits)


def least_bits(
    model: nn.Module,
    macs: Mapping[str, int],
    activations: Mapping[str, ActivationCode],
    images: torch.Tensor,
    labels: torch.Tensor,
) -> dict[str, LayerBits]:
    """The layers' bits, those with the most `macs` first, weights before inputs, by halving what is left to try.

    Each choice may leave the accuracy on the images a share further below that of 8 bits than the one before; after
    the last it is at most TOLERANCE below.
    """

    def reached(tried: Mapping[str, LayerBits]) -> float:
        method = MixedPrecision(model, tried, activations)
        return accuracy(integer_network(model, activations, method), images, labels)

    bits = dict.fromkeys(macs, LayerBits())
    whole, choices = reached(bits), 2 * len(bits)
    for done, name in enumerate(sorted(macs, key=lambda layer_name: -macs[layer_name])):
        for operand, turn in (("weight", 2 * done + 1), ("activation", 2 * done + 2)):
            floor, (low, high) = whole - TOLERANCE * turn / choices, BITS
            while low < high:
                middle = (low + high) // 2
                tried = bits | {name: _with(bits[name], operand, middle)}
                low, high = (low, middle) if reached(tried) >= floor - 1e-9 else (middle + 1, high)
            bits[name] = _with(bits[name], operand, high)
    return bits


def _with(bits: LayerBits, operand: str, value: int) -> LayerBits:
    return LayerBits(value, bits.activation) if operand == "weight" else LayerBits(bits.weight, value)
