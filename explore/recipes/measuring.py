"""A network as it is saved, measured: its accuracy on integers, and each layer's weights before and now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from compress.base import Compressor
from compress.layers import layers_with_zeros, weight_shapes, weights
from compress.quantizers.codes import ActivationCode
from compress.quantizers.integer import accuracy, calibrate_activations, input_codes, integer_network, weight_codes
from workloads.datasets import Images

CALIBRATION_IMAGES = 1000
_CALIBRATION_BATCH = 100


@dataclass(frozen=True)
class CompressedLayer:
    """A layer's weights before, its nonzero integers now, whether it was pruned, and how its weights are coded."""

    name: str
    kind: str
    weights_dense: int
    weights_nonzero: int
    weight_coding: str
    weight_bits: int
    activation_bits: int
    pruned: bool = True


def rate(layers: list[CompressedLayer]) -> float:
    """Weights before by those now of all these layers: nonzero ones of a pruned layer, all of any other."""
    now = sum(layer.weights_nonzero if layer.pruned else layer.weights_dense for layer in layers)
    return sum(layer.weights_dense for layer in layers) / max(1, now)


@dataclass(frozen=True)
class Measured:
    """A network as it is saved, with the codes of its inputs and its accuracy, a fraction of the test digits."""

    network: nn.Module
    activations: Mapping[str, ActivationCode]
    accuracy: float
    layers: tuple[CompressedLayer, ...]

    @property
    def conv_rate(self) -> float:
        """Of the conv layers."""
        return rate([layer for layer in self.layers if layer.kind == "conv"])

    @property
    def whole_rate(self) -> float:
        """Of all layers."""
        return rate(list(self.layers))


def measure(model: nn.Module, method: Compressor | None, data: Images) -> Measured:
    """The network on integers: inputs calibrated on the first training inputs, accuracy on those to test."""
    activations = calibrate_activations(model, torch.split(data.train_images[:CALIBRATION_IMAGES], _CALIBRATION_BATCH))
    integers = integer_network(model, activations, method)
    inputs = input_codes(activations, method)
    right = accuracy(integers, data.test_images, data.test_labels)
    return Measured(model, inputs, right, _layers(model, method, inputs))


def _layers(
    model: nn.Module, method: Compressor | None, inputs: Mapping[str, ActivationCode]
) -> tuple[CompressedLayer, ...]:
    """The uncompressed shapes are the method's, or the model's own where there is none."""
    codes, layers = weight_codes(model, method), weights(model)
    shapes = weight_shapes(model) if method is None else method.dense_shapes
    pruned = layers_with_zeros(model) if method is None else method.pruned_layers(model)
    return tuple(
        CompressedLayer(
            name=name,
            kind="conv" if layers[name].kind == "transposed" else layers[name].kind,
            weights_dense=math.prod(shapes[name]),
            weights_nonzero=int(np.count_nonzero(code.ints)),
            weight_coding=code.coding,
            weight_bits=code.bits,
            activation_bits=inputs[name].bits if name in inputs else 8,  # as checkpoints have those that none says
            pruned=name in pruned or code.ints.size < math.prod(shapes[name]),
        )
        for name, code in codes.items()
    )
