"""How integers stand in bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import TraceError
from ..validation import is_integer
from .float_format import float_format
from .operand import ArrayOperand, check_extent, code_range

CODINGS = ("uniform", "pow2", "binary", "ternary", "codebook", "float")
WIDE = 2**62  # of integers that no number of bits holds
Range = tuple[int, int]


@dataclass(frozen=True)
class NumberFormat:
    """Widths of weight and activation in bits (1 to 32), the weights' coding, and signs.

    `filter_bits` says how many of the `weight_bits` each filter of uniform weights has, where they differ. An operand
    that is not signed has codes from 0 to 2^bits − 1, of one bit 0 and 1; uniform and codebook weights may be so.
    Activations are held less `activation_zero_point` z: memory and arrays carry the raw code x + z. Of coding `float`
    both operands are numbers of the `float_format`, whose bits they have; integers then stand for what is zero alone.

    >>> NumberFormat(8, 8, activation_signed=False).activation_range()
    (0, 255)
    >>> NumberFormat(8, 8, activation_signed=False, activation_zero_point=3).activation_range()
    (-3, 252)
    """

    weight_bits: int = 8
    activation_bits: int = 8
    weight_coding: str = "uniform"
    codebook_bits: int | None = None
    filter_bits: tuple[int, ...] | None = None
    weight_signed: bool = True
    activation_signed: bool = True
    activation_zero_point: int = 0
    float_format: str | None = None

    def __post_init__(self) -> None:
        for field in ("weight_bits", "activation_bits"):
            value = getattr(self, field)
            if not is_integer(value, 1, 32):
                raise TraceError(f"{field} is {value!r}; an integer from 1 to 32 is expected")
        if self.weight_coding not in CODINGS:
            raise TraceError(f"weight_coding is {self.weight_coding!r}; one of {', '.join(CODINGS)} is expected")
        if (self.weight_coding == "float") != (self.float_format is not None):
            raise TraceError(
                f"float_format of {self.weight_coding} weights is {self.float_format!r:.60}; it goes with coding float"
            )
        self._check_signs()
        if self.filter_bits is not None and self.weight_coding != "uniform":
            raise TraceError(f"filter_bits of {self.weight_coding} weights are given; uniform weights are expected")
        for n, bits in enumerate(self.filter_bits or ()):
            if not is_integer(bits, 1, self.weight_bits):
                raise TraceError(f"filter_bits of filter {n} is {bits!r}; 1 to {self.weight_bits} is expected")

    def _check_signs(self) -> None:
        for field in ("weight_signed", "activation_signed"):
            if not isinstance(getattr(self, field), bool | np.bool_):
                raise TraceError(f"{field} is {getattr(self, field)!r:.60}; True or False is expected")
        if not self.weight_signed and self.weight_coding not in {"uniform", "codebook"}:
            raise TraceError(
                f"weight_signed of {self.weight_coding} weights is False; uniform or codebook weights are expected"
            )

        low, high = code_range(self.activation_bits, self.activation_signed)
        low, high = (0, 0) if self.bipolar_activations else (low, high)
        if not is_integer(self.activation_zero_point, low, high):
            given = f"{self.activation_zero_point!r:.60}"
            raise TraceError(f"activation_zero_point is {given}; {low} to {high} is expected of its format")

    @property
    def bipolar_weights(self) -> bool:
        """Whether weights are of one bit that says −1 or +1."""
        return self.weight_bits == 1 and self.weight_signed

    @property
    def bipolar_activations(self) -> bool:
        """Whether activations are of one bit that says −1 or +1."""
        return self.activation_bits == 1 and self.activation_signed

    @property
    def stored_weight_bits(self) -> int:
        """Bits of one weight where a codebook, if there is one, is looked up on the way to the MACs."""
        shared = self.codebook_bits if self.weight_coding == "codebook" else None
        return int(shared or self.weight_bits)

    def weight_range(self) -> Range:
        """Least and greatest integer of the format; a pow2 weight may be a sum of several terms."""
        if self.weight_coding in {"binary", "ternary"}:
            return -1, 1
        if self.weight_coding in {"pow2", "float"}:
            return -WIDE, WIDE
        return code_range(self.weight_bits, self.weight_signed)

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
        ranges = [code_range(bits, self.weight_signed) for bits in self.filter_bits]
        least, most = np.array(ranges, np.int64).T
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
        """Least and greatest integer, the zero point taken off; of −1 and +1 alone, 0 stands for padding."""
        if self.float_format is not None:
            return -WIDE, WIDE
        low, high = code_range(self.activation_bits, self.activation_signed)
        return low - self.activation_zero_point, high - self.activation_zero_point


def in_float(name: str) -> NumberFormat:
    """Both operands in a floating-point format.

    >>> in_float("fp16").weight_bits, in_float("fp8_e4m3").activation_bits
    (16, 8)
    """
    bits = float_format(name).bits
    return NumberFormat(bits, bits, "float", float_format=name)
