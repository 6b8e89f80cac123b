"""dense: every element at its full width, no index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..trace.operand import Ints
from .base import Encoded, FieldWidths, check_codes


@dataclass(frozen=True, eq=False, repr=False)
class Dense(Encoded):
    """All elements, row after row."""

    name: ClassVar[str] = "dense"
    values: Ints

    @classmethod
    def encode(cls, matrix: Ints, widths: FieldWidths) -> Dense:
        """A copy of the matrix; TraceError where one bit would have to hold three values."""
        check_codes(matrix, widths.value_bits, "dense")
        return cls(matrix.shape, matrix.dtype, widths.value_bits, matrix.copy())

    def decode(self) -> Ints:
        """The matrix."""
        return self.values.copy()

    @property
    def value_bits_total(self) -> int:
        """Elements × value_bits."""
        return self.values.size * self.value_bits

    @property
    def index_bits_total(self) -> int:
        """None."""
        return 0
