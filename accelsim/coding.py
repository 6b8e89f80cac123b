"""How integers stand in bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import TraceError

CODINGS = ("uniform", "pow2", "binary", "ternary", "codebook")
Range = tuple[int, int]


@dataclass(frozen=True)
class Coding:
    """Widths of weight and activation in bits (1 to 32), and the weights' coding."""

    weight_bits: int = 8
    activation_bits: int = 8
    weight_coding: str = "uniform"
    codebook_bits: int | None = None

    def __post_init__(self) -> None:
        for field in ("weight_bits", "activation_bits"):
            value = getattr(self, field)
            if not isinstance(value, int | np.integer) or not 1 <= value <= 32:
                raise TraceError(f"{field} is {value!r}; an integer from 1 to 32 is expected")
        if self.weight_coding not in CODINGS:
            raise TraceError(f"weight_coding is {self.weight_coding!r}; one of {', '.join(CODINGS)} is expected")

    @property
    def stored_weight_bits(self) -> int:
        """Bits of one weight where a codebook, if there is one, is looked up on the way to the MACs."""
        shared = self.codebook_bits if self.weight_coding == "codebook" else None
        return int(shared or self.weight_bits)

    def weight_range(self) -> Range:
        """Least and greatest integer of the format; a pow2 weight may be a sum of several terms."""
        if self.weight_coding in {"binary", "ternary"}:
            return -1, 1
        if self.weight_coding == "pow2":
            return -(2**62), 2**62
        return (-1, 1) if self.weight_bits == 1 else (-(2 ** (self.weight_bits - 1)), 2 ** (self.weight_bits - 1) - 1)

    def check_codebook(self, weight: NDArray[np.integer], name: str) -> None:
        """TraceError where a codebook's weights hold more distinct nonzero values than it has entries."""
        if self.weight_coding == "codebook" and self.codebook_bits is not None:
            distinct = np.unique(weight)
            entries, used = 2**self.codebook_bits, int(np.count_nonzero(distinct))
            if used > entries:
                raise TraceError(
                    f"weight of {name!r} holds {used} distinct nonzero values; a codebook of {self.codebook_bits} bits "
                    f"has {entries}"
                )

    def activation_range(self) -> Range:
        """Two's complement; one bit is −1 and +1, with 0 for padding."""
        return (
            (-1, 1)
            if self.activation_bits == 1
            else (-(2 ** (self.activation_bits - 1)), 2 ** (self.activation_bits - 1) - 1)
        )
