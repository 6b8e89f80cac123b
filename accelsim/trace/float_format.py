"""Floating-point formats by the bits of exponent and mantissa: what they cost, not what they compute."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import TraceError, suggestion

NAMED = {"fp32": (8, 23), "fp16": (5, 10), "bf16": (8, 7), "fp8_e4m3": (4, 3), "fp8_e5m2": (5, 2)}
_MINIFLOAT = re.compile(r"e([1-9]\d?)m(\d\d?)")
_MOST_BITS = 32


@dataclass(frozen=True)
class FloatFormat:
    """A sign, an exponent and a mantissa, whose leading one is not stored.

    >>> float_format("bf16").bits, float_format("bf16").significand_bits, float_format("e2m1").bits
    (16, 8, 4)
    """

    name: str
    exponent_bits: int
    mantissa_bits: int

    @property
    def bits(self) -> int:
        """Of a number."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def significand_bits(self) -> int:
        """Of the mantissa with its leading one: what is multiplied."""
        return self.mantissa_bits + 1


def float_format(name: object) -> FloatFormat:
    """The format of a name: fp32, fp16, bf16, fp8_e4m3, fp8_e5m2, or e<exponent>m<mantissa> bits of at most 32 in all.

    Source: IEEE 754-2019 table 3.5 (binary16 and 32), Micikevicius et al., arXiv:2209.05433 (both of 8 bits). Raises
    TraceError for anything else.
    """
    given = str(name)
    sizes = NAMED.get(given)
    if sizes is None and (match := _MINIFLOAT.fullmatch(given)):
        sizes = int(match[1]), int(match[2])
    if sizes is None or 1 + sum(sizes) > _MOST_BITS:
        raise TraceError(
            f"float_format is {given[:60]!r}; {suggestion(given[:60], NAMED)}, or e<bits>m<bits> of at most 32 bits"
        )
    return FloatFormat(given, *sizes)
