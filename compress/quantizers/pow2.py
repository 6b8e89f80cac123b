"""Signed powers of two: the grid {0, ±2^e_min ... ±2^e_max} that shift-and-add hardware multiplies by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from accelsim.errors import CompressionError
from accelsim.validation import is_whole

from .codes import LayerCode, largest_magnitude, smallest_integers

BITS = (2, 5)  # of a code: from ternary on, as INQ's networks (003 §4.2.2)


def exponents(bits: int) -> int:
    """How many exponents a code of `bits` has: of sign and exponent, 2^(bits-1) exponents less one that means zero."""
    if not is_whole(bits, *BITS):
        raise CompressionError(f"bits is {bits!r}; expected an integer from {BITS[0]} to {BITS[1]}")
    return (1 << (bits - 1)) - 1


@dataclass(frozen=True)
class PowersOfTwo:
    """{0, ±2^e_min ... ±2^e_max}: zero, and as many exponents below `e_max` as a code of `bits` has."""

    e_max: int
    bits: int = 4

    @classmethod
    def of(cls, weight: torch.Tensor, bits: int, name: str = "weight") -> PowersOfTwo:
        """The grid whose largest power is nearest to max|w|: e_max = ⌊log2(4·max|w| / 3)⌋ (INQ; 003 §4.2.2).

        Raises CompressionError for bits outside 2 to 5 and for NaN or infinite weights.
        """
        exponents(bits)
        largest = largest_magnitude(weight.detach().cpu().numpy(), name)
        fraction, exponent = np.frexp(largest)
        return cls(int(exponent) - (0 if fraction >= 0.75 else 1) if largest else 0, bits)

    @property
    def e_min(self) -> int:
        """The smallest exponent."""
        return self.e_max - exponents(self.bits) + 1

    def nearest(self, weight: torch.Tensor) -> torch.Tensor:
        """Each weight as the nearest value of the grid, the larger one half-way between two."""
        fraction, exponent = torch.frexp(weight.abs())
        power = exponent - (fraction < 0.75).to(exponent.dtype)
        return self._value(weight, power, weight.abs() >= 2.0 ** (self.e_min - 1))

    def nearest_exponent(self, weight: torch.Tensor) -> torch.Tensor:
        """sign(w) · 2^round(log2|w|), 0 where that is below e_min (DeepShift; 003 §4.2.2 Eq 22)."""
        power = weight.abs().log2().clamp(min=self.e_min - 1).round()
        return self._value(weight, power, power >= self.e_min)

    def _value(self, weight: torch.Tensor, power: torch.Tensor, above: torch.Tensor) -> torch.Tensor:
        magnitude = torch.exp2(power.clamp(self.e_min, self.e_max).to(weight.dtype))
        return torch.where(above, weight.sign() * magnitude, torch.zeros_like(weight))


def pow2_code(weight: torch.Tensor, bits: int, name: str = "weight") -> LayerCode:
    """Weights that are 0 or ±2^e as integers sign · 2^(e - e_min), with the scale 2^e_min.

    e_min is the smallest exponent that a code of `bits` tells apart below the largest one. Raises CompressionError
    where a weight is no power of two, or too small a one.
    """
    values = weight.detach().cpu().double().numpy()
    grid = PowersOfTwo.of(weight, bits, name)
    scale = 2.0**grid.e_min
    ints = values / scale
    fraction = np.frexp(np.abs(ints))[0]
    if not np.isin(fraction, (0, 0.5)).all() or (np.abs(ints[ints != 0]) < 1).any():
        raise CompressionError(f"{name} holds values other than 0 and {2 * exponents(bits)} signed powers of two")
    return LayerCode(smallest_integers(ints), scale, bits, "pow2")
