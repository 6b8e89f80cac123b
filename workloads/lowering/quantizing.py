"""Real weights and activations of a traced model as the integers that the hardware sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from accelsim.errors import ConfigError, TraceError
from accelsim.validation import is_whole
from compress.quantizers.codes import ActivationCode, smallest_integers

if TYPE_CHECKING:
    import torch

PART = 2**22  # elements quantized at a time, so that no copy in float64 is whole
T = TypeVar("T", int, float)


@dataclass
class Quantization:
    """How a model's numbers become integers, and what was found while doing so.

    `weight_bits` and `activation_bits` are one number or {layer: number}, where layers that are left out have 8.
    Weights are symmetric with one scale a tensor, or one a filter where `per_channel`. Activations are symmetric too,
    so their zero point is 0 and an unsigned range, as after ReLU, uses the upper half of the signed one: scale =
    max|x| / (2^(bits−1) − 1) over the calibration data and the example (003 §4.1 Eq 15-16). Without
    `real_activations` they are random, of `assumed_density`: one number or {layer: number}, where layers that are left
    out have 1. `codes` says per layer what came out.
    """

    weight_bits: int | Mapping[str, int] = 8
    activation_bits: int | Mapping[str, int] = 8
    per_channel: bool = False
    real_activations: bool = True
    assumed_density: float | Mapping[str, float] = 1.0
    largest: dict[str, float] = field(default_factory=dict)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("weight_bits", "activation_bits"):
            given = getattr(self, name)
            for bits in given.values() if isinstance(given, Mapping) else [given]:
                if not is_whole(bits, 2, 16):
                    raise ConfigError(f"{name} is {bits!r:.60}; an integer from 2 to 16 is expected")
        given_density = self.assumed_density
        for density in given_density.values() if isinstance(given_density, Mapping) else [given_density]:
            if not 0 <= density <= 1:
                raise ConfigError(f"density is {density!r:.60}; 0 to 1 is expected")

    def observe(self, layer: str, values: torch.Tensor) -> None:
        """Note the largest magnitude of a layer's input, for its scale."""
        self.largest[layer] = max(self.largest.get(layer, 0.0), _largest(values, f"the input of layer {layer!r}"))

    def activation(self, layer: str, values: torch.Tensor, side: str = "activation") -> np.ndarray:
        """A layer's input as integers, its zero point 0."""
        seen = _largest(values, f"the input of layer {layer!r}")
        if side == "activation":
            seen = max(seen, self.largest.get(layer, 0.0))
        bits = self.bits("activation", layer)
        code = ActivationCode(seen / (2 ** (bits - 1) - 1) if seen else 1.0, bits)
        self.codes.setdefault(layer, {})[side] = {"scale": code.scale, "zero_point": 0, "bits": code.bits}
        return _integers(values, np.float64(code.scale), code.bits)

    def weight(self, layer: str, values: torch.Tensor) -> np.ndarray:
        """A layer's weight (filters, K) as integers."""
        bits = self.bits("weight", layer)
        what, most = f"the weight of layer {layer!r}", 2 ** (bits - 1) - 1
        largest = _largest(values, what)
        if not self.per_channel:
            scale: Any = np.float64(largest / most if largest else 1.0)
        else:
            rows = values.detach().abs().amax(1).double().numpy() / most
            scale = np.where(rows > 0, rows, 1.0)
        self.codes.setdefault(layer, {})["weight"] = {"scale": np.asarray(scale).tolist(), "bits": bits}
        return _integers(values, scale, bits)

    def bits(self, side: str, layer: str) -> int:
        """How many a layer's weights or activations have."""
        given = self.weight_bits if side == "weight" else self.activation_bits
        return of_layer(given, layer, 8)


def of_layer(given: T | Mapping[str, T], layer: str, otherwise: T) -> T:
    """What is given for a layer: one number for all, or its own of a mapping."""
    return given.get(layer, otherwise) if isinstance(given, Mapping) else given


def _largest(values: torch.Tensor, what: str) -> float:
    """max|values|; TraceError where one is NaN or infinite."""
    least, most = (float(v) for v in values.detach().aminmax())
    result = max(abs(least), abs(most))
    if not np.isfinite(result):
        raise TraceError(f"{what} holds NaN or infinite values; finite ones are expected")
    return result


def _integers(values: torch.Tensor, scale: Any, bits: int) -> np.ndarray:
    """round(values / scale), clipped to two's complement, part by part; `scale` is one number or one a row."""
    flat = values.detach().cpu().contiguous()
    result = np.empty(tuple(flat.shape), np.int8 if bits <= 8 else np.int16)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    step = max(1, PART // max(1, flat[0].numel()))
    for start in range(0, len(flat), step):
        part = flat[start : start + step].numpy().astype(np.float64)
        by = scale[start : start + step, None] if np.ndim(scale) else scale
        np.rint(np.divide(part, by, out=part), out=part)
        result[start : start + step] = np.clip(part, low, high, out=part)
    return result if bits <= 8 else smallest_integers(result)
