"""How integers stand in bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import TraceError
from ..validation import is_integer
from .operand import ArrayOperand, check_extent

CODINGS = ("uniform", "pow2", "binary", "ternary", "codebook")
Range = tuple[int, int]


@dataclass(frozen=True)
class NumberFormat:
    """Widths of weight and activation in bits (1 to 32), and the weights' coding.

    `filter_bits` says how many of the `weight_bits` each filter of uniform weights has, where they differ.
    """

    weight_bits: int = 8
    activation_bits: int = 8
    weight_coding: str = "uniform"
    codebook_bits: int | None = None
    filter_bits: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for field in ("weight_bits", "activation_bits"):
            value = getattr(self, field)
            if not is_integer(value, 1, 32):
                raise TraceError(f"{field} is {value!r}; an integer from 1 to 32 is expected")
        if self.weight_coding not in CODINGS:
            raise TraceError(f"weight_coding is {self.weight_coding!r}; one of {', '.join(CODINGS)} is expected")
        if self.filter_bits is not None and self.weight_coding != "uniform":
            raise TraceError(f"filter_bits of {self.weight_coding} weights are given; uniform weights are expected")
        for n, bits in enumerate(self.filter_bits or ()):
            if not is_integer(bits, 1, self.weight_bits):
                raise TraceError(f"filter_bits of filter {n} is {bits!r}; 1 to {self.weight_bits} is expected")

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

    def check_weight(self, weight: ArrayOperand, name: str) -> None:
        """Raise TraceError where the weights of layer `name` cannot be written in this format."""
        check_extent(weight.extent, f"weight of {name!r}", *self.weight_range())
        self._check_codebook(weight, name)
        self._check_filters(weight, name)

    def check_activation(self, activation: ArrayOperand, name: str) -> None:
        """Raise TraceError where the activations of layer `name` leave the range of their bits."""
        check_extent(activation.extent, f"activation of {name!r}", *self.activation_range())

    def _check_filters(self, weight: ArrayOperand, name: str) -> None:
        """Each filter, a row of `weight`, must be within the range of its own bits."""
        if self.filter_bits is None:
            return
        most = (np.int64(1) << (np.array(self.filter_bits, np.int64) - 1)) - 1
        least, most = -most - 1, np.maximum(most, 1)  # one bit is −1 and +1
        lowest, highest = weight.row_extents
        wrong = np.flatnonzero((lowest < least) | (highest > most))
        if len(wrong):
            n = int(wrong[0])
            raise TraceError(
                f"weight of {name!r} holds {int(lowest[n])} to {int(highest[n])} in filter {n}; "
                f"its {self.filter_bits[n]} bits allow {int(least[n])} to {int(most[n])}"
            )

    def _check_codebook(self, weight: ArrayOperand, name: str) -> None:
        """A codebook's weights must not hold more distinct nonzero values than it has entries."""
        if self.weight_coding != "codebook" or self.codebook_bits is None:
            return
        entries, used = 2**self.codebook_bits, weight.distinct_nonzeros
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
