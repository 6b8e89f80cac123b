"""INQ: weights become powers of two a part at a time, while the rest learns to make up for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import torch
from torch import nn

from accelsim.errors import CompressionError
from accelsim.validation import is_whole

from ..base import Compressor
from ..layers import layer, make_plain, require_finite, require_layers, weights
from .codes import LayerCode
from .pow2 import PowersOfTwo, pow2_code


class Fixed(nn.Module):
    """A tensor of which some elements are fixed: those have the values of this module and get no gradient."""

    fixed: torch.Tensor
    values: torch.Tensor

    def __init__(self, tensor: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("fixed", tensor.detach() == 0)
        self.register_buffer("values", torch.zeros_like(tensor))

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        """The fixed values where there are any, the tensor elsewhere."""
        return torch.where(self.fixed, self.values, tensor)


class IncrementalQuantizer(Compressor):
    """Incremental network quantization to signed powers of two (003 §4.2.2; Zhou et al., ICLR 2017).

    Each layer's grid {0, ±2^e_min ... ±2^e_max} comes from its largest weight at the start: `bits` code a sign and an
    exponent, one code being zero. At once, and then every `steps_per_portion` steps, the weights of largest magnitude
    are fixed to their nearest grid values until `portions` of the layer is; the others train on. `harden()` fixes the
    rest; retraining then moves biases and batch norms alone. Weights that are exactly 0 at the start stay 0 and count
    in no portion, so a pruned network keeps its zeros. All layers take part where `layers` names none.

    Raises UnknownNameError for a layer that is not there and CompressionError for an impossible setting.
    """

    def __init__(
        self,
        model: nn.Module,
        example_input: torch.Tensor | None = None,
        *,
        bits: int = 4,
        portions: Sequence[float] = (0.5, 0.75, 0.875),
        steps_per_portion: int = 100,
        layers: Iterable[str] | None = None,
    ) -> None:
        super().__init__(model, example_input)
        _check_settings(portions, steps_per_portion)
        self.layers = list(weights(model)) if layers is None else list(layers)
        require_layers(model, self.layers)
        self.bits, self.portions, self.steps_per_portion = bits, tuple(portions), steps_per_portion
        self.steps, self.hardened = 0, False
        real = {name: layer(model, name).weight.detach() for name in self.layers}
        self.grids = {name: PowersOfTwo.of(weight, bits, f"layer {name!r}") for name, weight in real.items()}
        self._parts = {name: Fixed(weight) for name, weight in real.items()}
        self._zeros = {name: _zeros_to_keep(part) for name, part in self._parts.items()}
        for name, part in self._parts.items():
            layer(model, name).constrain(part)
        self._fix(self.portions[0])

    def step(self) -> None:
        """Count an optimizer step; fix the next portion where it is due.

        Raises CompressionError, with the step, where a layer's weights are no longer finite.
        """
        self.steps += 1
        turn, rest = divmod(self.steps, self.steps_per_portion)
        if not (self.hardened or rest) and turn < len(self.portions):
            self._fix(self.portions[turn])

    @torch.no_grad()
    def _fix(self, portion: float) -> None:
        """Fix the largest free weights of each layer until this portion of it is fixed."""
        require_finite(self.model, self.layers, f"after step {self.steps}")
        for name, part in self._parts.items():
            weight = layer(self.model, name).weight
            zeros = self._zeros[name]
            due = zeros + round(portion * (weight.numel() - zeros)) - int(part.fixed.sum())
            size = weight.abs().masked_fill(part.fixed, -1.0).flatten()
            chosen = torch.zeros(weight.numel(), dtype=torch.bool, device=weight.device)
            chosen[size.sort(descending=True, stable=True).indices[: max(due, 0)]] = True
            chosen = chosen.view(weight.shape)
            part.values = torch.where(chosen, self.grids[name].nearest(weight), part.values)
            part.fixed = part.fixed | chosen

    def harden(self) -> None:
        """Fix every weight that is still free."""
        self._fix(1.0)
        self.hardened = True

    def finalize(self) -> nn.Module:
        """The model with plain weights, each 0 or a signed power of two, and its original state_dict keys."""
        if not self.hardened:
            self.harden()
        make_plain(self.model, self.layers)
        return self.model

    def codes(self, model: nn.Module) -> Mapping[str, LayerCode]:
        """sign · 2^(e - e_min) of every layer that took part."""
        return {n: pow2_code(layer(model, n).weight, self.bits, f"layer {n!r}") for n in self.layers}


def _zeros_to_keep(part: Fixed) -> int:
    """How many weights are 0 from the start; none where all are, for such a layer is not pruned but untrained."""
    if bool(part.fixed.all()):
        part.fixed.zero_()
    return int(part.fixed.sum())


def _check_settings(portions: Sequence[float], steps_per_portion: int) -> None:
    shares = [p for p in portions if isinstance(p, int | float) and 0 < p <= 1] if _is_list(portions) else []
    rising = all(a < b for a, b in pairwise(shares))
    if not shares or len(shares) != len(portions) or not rising:
        raise CompressionError(f"portions is {portions!r:.60}; rising shares above 0 and up to 1 are expected")
    if not is_whole(steps_per_portion, 1):
        raise CompressionError(f"steps_per_portion is {steps_per_portion!r:.60}; an integer of at least 1 is expected")


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
