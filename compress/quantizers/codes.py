"""Integer codes of tensors: what the hardware sees, and the scale that turns it back."""

from __future__ import annotations

from dataclasses import dataclass
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
    """How a layer's input becomes integers: round(x / scale), clipped to two's complement of `bits`; 0 stays 0.

    One bit is a sign: +1 where x > 0, else −1, and x ≈ sign · scale.
    """

    scale: float
    bits: int = 8

    @property
    def largest(self) -> int:
        """The largest integer, 127 at 8 bits and 1 at one bit."""
        return max(1, (1 << (self.bits - 1)) - 1)


def smallest_integers(values: np.ndarray) -> np.ndarray:
    """The same integers in the smallest signed dtype that holds them."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for dtype in (np.int8, np.int16, np.int32):
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
