"""DeepShift-Q: every forward pass sees powers of two, the gradient passes straight through to real weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn

from ..base import Compressor
from ..layers import layer, make_plain, require_finite, require_layers, weights
from .codes import LayerCode
from .pow2 import PowersOfTwo, exponents, pow2_code
from .straight_through import straight_through


class Shifted(nn.Module):
    """W_q = S · 2^P in the forward pass, with P = round(log2|W|); the gradient of W_q is W's (003 §4.2.2 Eq 22)."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The shifted weight, on the grid below its largest one."""
        grid = PowersOfTwo.of(weight, self.bits)
        return straight_through(weight, grid.nearest_exponent(weight.detach()))


class DeepShiftQ(Compressor):
    """DeepShift-Q (003 §4.2.2 Eq 22; Elhoushi et al., 2019): rounded to sign · 2^shift in every forward pass.

    `bits` code the sign and the shift, one code being zero, which is for what falls below the smallest shift. All
    layers take part where `layers` names none. Raises UnknownNameError for a layer that is not there and
    CompressionError for bits outside 2 to 5.
    """

    def __init__(
        self,
        model: nn.Module,
        example_input: torch.Tensor | None = None,
        *,
        bits: int = 4,
        layers: Iterable[str] | None = None,
    ) -> None:
        super().__init__(model, example_input)
        exponents(bits)
        self.bits = bits
        self.layers = list(weights(model)) if layers is None else list(layers)
        require_layers(model, self.layers)
        for name in self.layers:
            layer(model, name).constrain(Shifted(bits))

    def harden(self) -> None:
        """Nothing changes: the constraint has held in every forward pass; CompressionError where weights are NaN."""
        require_finite(self.model, self.layers, "at the end of training")

    @torch.no_grad()
    def finalize(self) -> nn.Module:
        """The model with plain weights, each 0 or a signed power of two, and its original state_dict keys."""
        self.harden()
        make_plain(self.model, self.layers)
        return self.model

    def codes(self, model: nn.Module) -> Mapping[str, LayerCode]:
        """sign · 2^(e - e_min) of every layer that took part."""
        return {n: pow2_code(layer(model, n).weight, self.bits, f"layer {n!r}") for n in self.layers}
