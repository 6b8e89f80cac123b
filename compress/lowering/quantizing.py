"""Real weights and activations of a traced model as the integers that the hardware sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from accelsim.errors import ConfigError, TraceError
from accelsim.trace.gemm import GemmTrace
from accelsim.validation import is_whole

from ..quantizers.codes import ActivationCode, activation_code, smallest_integers

if TYPE_CHECKING:
    import torch

PART = 2**22  # elements quantized at a time, so that no copy in float64 is whole
T = TypeVar("T", int, float)


@dataclass
class Quantization:
    """How a model's numbers become integers, and what was found while doing so.

    `weight_bits` and `activation_bits` are one number or {layer: number}, where layers that are left out have 8.
    Weights are symmetric with one scale a tensor, or one a filter where `per_channel`. Activations are symmetric too,
    so their zero point is 0: scale = max|x| / (2^(bits−1) − 1) over the calibration data and the example (003 §4.1 Eq
    15-16); a range without negative values, as after ReLU, is unsigned and has all 2^bits codes, up to 2^bits − 1; its
    integers come in an unsigned dtype. Without `real_activations` they are random, of `assumed_density`: one number or
    {layer: number}, where layers that are left out have 1. `codes` says per layer what came out.
    """

    scales_folded: ClassVar[bool] = True  # whether batch norms multiply real weights before those become integers

    weight_bits: int | Mapping[str, int] = 8
    activation_bits: int | Mapping[str, int] = 8
    per_channel: bool = False
    real_activations: bool = True
    assumed_density: float | Mapping[str, float] = 1.0
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
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
        """Note the least and the greatest value of a layer's input, for its scale."""
        self.ranges[layer] = self._range(layer, values)

    def _range(self, layer: str, values: torch.Tensor) -> tuple[float, float]:
        least, most = _extent(values, f"the input of layer {layer!r}")
        before = self.ranges.get(layer, (0.0, 0.0))
        return min(least, before[0]), max(most, before[1])

    def activation(
        self, layer: str, values: torch.Tensor, side: str = "activation", *, signed: bool = False
    ) -> np.ndarray:
        """A layer's input as integers, its zero point 0; in an unsigned dtype where none is negative, unless `signed`.

        The steps of a recurrent layer have one format, and are signed.
        """
        code = self.code(layer, values, side, self.bits("activation", layer), signed=signed)
        told = {"scale": code.scale, "zero_point": 0, "bits": code.bits}
        self.codes.setdefault(layer, {})[side] = told if code.signed else told | {"signed": False}
        return _integers(values, np.float64(code.scale), code)

    def code(self, layer: str, values: torch.Tensor, side: str, bits: int, *, signed: bool) -> ActivationCode:
        """The code of an operand of activations: of its range, and for a layer's input of all that was observed."""
        least, most = _extent(values, f"the input of layer {layer!r}")
        if side == "activation":
            least, most = self._range(layer, values)
        return activation_code(min(least, -most) if signed else least, most, bits)

    def weight(self, layer: str, values: torch.Tensor, parameter: str = "") -> np.ndarray:
        """A layer's weight (filters, K), which comes from the model's `parameter`, as integers."""
        bits = self.bits("weight", layer)
        what, most = f"the weight of layer {layer!r}", 2 ** (bits - 1) - 1
        largest = _largest(values, what)
        if not self.per_channel:
            scale: Any = np.float64(largest / most if largest else 1.0)
        else:
            rows = values.detach().cpu().abs().amax(1).double().numpy() / most
            scale = np.where(rows > 0, rows, 1.0)
        self.codes.setdefault(layer, {})["weight"] = {"scale": np.asarray(scale).tolist(), "bits": bits}
        return _integers(values, scale, ActivationCode(1.0, bits))

    def integers(self, layer: str, side: str, values: torch.Tensor, bits: int, parameter: str = "") -> np.ndarray:
        """An operand that is integers already, of so many bits: it stays as it is."""
        self.codes.setdefault(layer, {})[side] = {"stored": True, "bits": bits}
        return smallest_integers(values.detach().cpu().contiguous().numpy())

    def fields(self, trace: GemmTrace) -> dict[str, Any]:
        """Further fields of a trace whose integers are made, signs and zero point that do not follow from them too."""
        return {}

    def bits(self, side: str, layer: str) -> int:
        """How many a layer's weights or activations have."""
        given = self.weight_bits if side == "weight" else self.activation_bits
        return of_layer(given, layer, 8)


def of_layer(given: T | Mapping[str, T], layer: str, otherwise: T) -> T:
    """What is given for a layer: one number for all, or its own of a mapping."""
    return given.get(layer, otherwise) if isinstance(given, Mapping) else given


def _largest(values: torch.Tensor, what: str) -> float:
    """max|values|; TraceError where one is NaN or infinite."""
    least, most = _extent(values, what)
    return max(abs(least), abs(most))


def _extent(values: torch.Tensor, what: str) -> tuple[float, float]:
    """The least and the greatest value; TraceError where one is NaN or infinite."""
    if values.device.type == "meta":
        raise TraceError(f"{what} is on the meta device, which holds no numbers; values=None gives shapes")
    least, most = (float(v) for v in values.detach().aminmax())
    if not np.isfinite([least, most]).all():
        raise TraceError(f"{what} holds NaN or infinite values; finite ones are expected")
    return least, most


def _integers(values: torch.Tensor, scale: Any, code: ActivationCode) -> np.ndarray:
    """round(values / scale), clipped to the range of `code`, part by part; `scale` is one number or one a row."""
    flat = values.detach().cpu().contiguous()
    result = np.empty(tuple(flat.shape), f"{'int' if code.signed else 'uint'}{8 if code.bits <= 8 else 16}")
    low, high = code.least, code.largest
    step = max(1, PART // max(1, flat[0].numel()))
    for start in range(0, len(flat), step):
        part = flat[start : start + step].double().numpy().copy()  # numpy has no bfloat16
        by = scale[start : start + step, None] if np.ndim(scale) else scale
        np.rint(np.divide(part, by, out=part), out=part)
        result[start : start + step] = np.clip(part, low, high, out=part)
    return smallest_integers(result) if code.signed and code.bits > 8 else result
