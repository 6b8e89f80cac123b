"""Mixed precision after training: each layer at the fewest bits of weights and inputs that keep the accuracy.

On a machine whose time grows with the bits, each bit less is time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import nn

from accelsim.errors import CompressionError
from accelsim.validation import is_number, is_whole

from ..base import Batch, Compressor
from ..graph.masks import release
from ..graph.zeros import hold_dead_filters, hold_pruned
from ..layers import layer, make_plain, require_finite, require_layers, weights
from .bit_search import BitRange, BitSearch, at_bits, layer_macs
from .codes import ActivationCode, LayerCode, max_abs, smallest_integers
from .integer import calibrate_activations
from .straight_through import straight_through

BITS = (2, 8)  # the fewest and the most that a layer may have
_CALIBRATION_BATCH = 100


class Rounded(nn.Module):
    """Every element on its nearest multiple of `scale`, −largest to largest of them; the gradient goes straight
    through."""

    def __init__(self, scale: float, bits: int) -> None:
        super().__init__()
        self.scale, self.largest = scale, (1 << (bits - 1)) - 1

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """k · scale, with k rounded as `max_abs` rounds: in float64, halves to even."""
        steps = (weight.detach().double() / self.scale).round().clamp(-self.largest, self.largest)
        return straight_through(weight, (steps * self.scale).to(weight.dtype))


class MixedPrecision(Compressor):
    """Each layer at its own bits of weights and of inputs, chosen after training (003 §4.1 Eq 15-16).

    Weights and inputs are symmetric integers with scale = max|x| / (2^(bits−1) − 1). Until `calibrate(batches)` every
    layer has `most_bits`. That takes the range of the inputs from the batches, and from layer to layer, those with the
    most MACs first, weights before inputs, the fewest bits from `fewest_bits` on that keep the accuracy on the batches:
    after the last choice it is at most `tolerance` (a fraction) below that at `most_bits`. `harden()` rounds the
    weights; retraining moves them straight through, on the same scales. Nothing joins the loss before. Weights that
    are exactly 0 at the start stay 0. All layers take part where `layers` names none; the search takes minutes on
    large networks, a run through the batches for each of about six tries a layer.

    Raises UnknownNameError for a layer that is not there and CompressionError for an impossible setting.
    """

    def __init__(
        self,
        model: nn.Module,
        example_input: torch.Tensor | None = None,
        *,
        tolerance: float = 0.001,
        fewest_bits: int = BITS[0],
        most_bits: int = BITS[1],
        layers: Iterable[str] | None = None,
    ) -> None:
        super().__init__(model, example_input)
        self.allowed, self.tolerance = _allowed(fewest_bits, most_bits), _checked_tolerance(tolerance)
        self.layers = list(weights(model)) if layers is None else list(layers)
        require_layers(model, self.layers)
        self.bits = dict.fromkeys(self.layers, self.allowed.widest)
        self.activations, self.scales = dict[str, ActivationCode](), dict[str, float]()
        hold_dead_filters(model, weights(model), example_input)
        hold_pruned(model, self.layers)

    @property
    def hardened(self) -> bool:
        """Are the weights rounded already?"""
        return bool(self.scales)

    def calibrate(self, batches: Iterable[Batch]) -> None:
        """Choose the bits on these (input, target) batches, targets being classes; nothing where there are none."""
        pairs = list(batches)
        if not pairs:
            return
        inputs, labels = (torch.cat(parts) for parts in zip(*pairs, strict=True))
        self.activations = calibrate_activations(self.model, torch.split(inputs, _CALIBRATION_BATCH))
        macs = layer_macs(self.model, inputs[:1])
        names = sorted((name for name in self.layers if name in macs), key=lambda name: -macs[name])
        search = BitSearch(self.model, self.activations, inputs=inputs, labels=labels)
        self.bits |= search.least(names, self.allowed, self.tolerance)

    @torch.no_grad()
    def harden(self) -> None:
        """Round the weights to their layers' bits, and hold them there; CompressionError where they are NaN."""
        if self.hardened:
            return
        require_finite(self.model, self.layers, "at the end of training")
        for name, code in self.codes(self.model).items():
            self.scales[name] = float(code.scale)
            layer(self.model, name).constrain(Rounded(self.scales[name], self.bits[name].weight))

    def finalize(self) -> nn.Module:
        """The model with plain weights, each its integer times its layer's scale, and its original state_dict keys."""
        self.harden()
        make_plain(self.model, self.layers)
        release(self.model)
        return self.model

    def codes(self, model: nn.Module) -> Mapping[str, LayerCode]:
        """Symmetric integers of each layer's bits, on the scales of `harden()` once it has been called."""
        return {name: self._code(layer(model, name).weight.detach().cpu().numpy(), name) for name in self.layers}

    def _code(self, weight: np.ndarray, name: str) -> LayerCode:
        bits = self.bits[name].weight
        if not self.hardened:
            return max_abs(weight, bits, name)
        steps = np.rint(weight.astype(np.float64) / self.scales[name])
        return LayerCode(smallest_integers(steps), self.scales[name], bits)

    def activation_codes(self) -> Mapping[str, ActivationCode]:
        """The range that the batches showed, in the steps of each layer's bits."""
        return {n: at_bits(self.activations[n], self.bits[n].activation) for n in self.layers if n in self.activations}


def _allowed(fewest: int, most: int) -> BitRange:
    for what, value in (("fewest_bits", fewest), ("most_bits", most)):
        if not is_whole(value, *BITS):
            raise CompressionError(f"{what} is {value!r:.60}; expected an integer from {BITS[0]} to {BITS[1]}")
    if fewest > most:
        raise CompressionError(f"fewest_bits is {fewest}; expected at most most_bits, {most}")
    return BitRange(fewest, most)


def _checked_tolerance(value: float) -> float:
    if not is_number(value) or not 0 <= value < 1:
        raise CompressionError(f"tolerance is {value!r:.60}; expected a fraction from 0 and below 1")
    return value
