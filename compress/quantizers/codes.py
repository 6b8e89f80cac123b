"""Integer codes of tensors: what the hardware sees, and the scale that turns it back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from accelsim.errors import CompressionError


@dataclass(frozen=True)
class LayerCode:
    """A layer's weight as integers: weight ≈ ints · scale.

    `ints` has the weight's shape; `scale` is one number or an array (N,) with one a filter; `coding`, `bits` and
    `operation` are those of `GemmTrace.weight_coding`, `weight_bits` and `operation` (`mac`, or `l1`: AdderNet's
    layers). Where filters of uniform weights differ in their bits, `filter_bits` has one number a filter, `bits` at
    most.
    """

    ints: np.ndarray
    scale: float | np.ndarray
    bits: int = 8
    coding: str = "uniform"
    operation: str = "mac"
    filter_bits: tuple[int, ...] | None = None

    def decoded(self) -> np.ndarray:
        """ints · scale as float64, in the weight's shape."""
        scale = np.asarray(self.scale, dtype=np.float64)
        return self.ints * scale.reshape(-1, *[1] * (self.ints.ndim - 1)) if scale.ndim else self.ints * scale


@dataclass(frozen=True)
class ActivationCode:
    """How a layer's input becomes integers: round(x / scale), clipped to the codes of `bits`; 0 stays 0.

    Those are two's complement, or where it is not `signed`, as behind a ReLU, all from 0 to 2^bits − 1. One signed bit
    is a sign: +1 where x > 0, else −1, and x ≈ sign · scale.

    >>> ActivationCode(1.0).largest, ActivationCode(1.0, signed=False).largest
    (127, 255)
    """

    scale: float
    bits: int = 8
    signed: bool = True

    @property
    def largest(self) -> int:
        """The largest integer: 127 at 8 bits, 255 unsigned, and 1 at one bit."""
        return max(1, (1 << (self.bits - self.signed)) - 1)

    @property
    def least(self) -> int:
        """The least integer: −128 at 8 bits, 0 unsigned, and −1 at one bit."""
        if not self.signed:
            return 0
        return -1 if self.bits == 1 else -self.largest - 1


def activation_code(least: float, most: float, bits: int) -> ActivationCode:
    """The code of inputs from `least` to `most`: unsigned where none is negative, scale = max|x| / largest (0: 1).

    >>> activation_code(0.0, 51.0, 8), activation_code(-1.0, 127.0, 8)
    (ActivationCode(scale=0.2, bits=8, signed=False), ActivationCode(scale=1.0, bits=8, signed=True))
    """
    code, largest = ActivationCode(1.0, bits, signed=least < 0), max(-least, most)
    return replace(code, scale=largest / code.largest) if largest else code


def smallest_integers(values: np.ndarray, *, signed: bool = True) -> np.ndarray:
    """The same integers in the smallest dtype that holds them: an unsigned one of codes that are not `signed`."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for dtype in (np.int8, np.int16, np.int32) if signed else (np.uint8, np.uint16, np.uint32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return values.astype(dtype)
    return values.astype(np.int64)


def max_abs(values: np.ndarray, bits: int = 8, name: str = "weight") -> LayerCode:
    """Symmetric uniform integers with scale = max|w| / (2^(bits-1) - 1), so that 0 stays 0 (003 §4.1 Eq 15-16).

    An all-zero tensor gets scale 1. Raises CompressionError for NaN or infinite values and for bits outside 2 to 16.
    """
    if not 2 <= bits <= 16:
        raise CompressionError(f"{name}: bits is {bits}; expected 2 to 16")
    largest = largest_magnitude(values, name)
    scale = largest / (2 ** (bits - 1) - 1) if largest else 1.0
    return LayerCode(smallest_integers(np.rint(values.astype(np.float64) / scale)), scale, bits)


def largest_magnitude(values: np.ndarray, name: str) -> float:
    """max|values|, 0 where there are none; CompressionError where one is NaN or infinite."""
    largest: Any = np.abs(values).max(initial=0)
    if not np.isfinite(largest):
        raise CompressionError(f"{name} holds NaN or infinite values; train with a smaller learning rate")
    return float(largest)
