"""bitmap: one bit an element says whether it is nonzero, and the nonzeros follow in row-major order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..trace.operand import Ints
from .base import Encoded, FieldWidths


@dataclass(frozen=True, eq=False, repr=False)
class Bitmap(Encoded):
    """A packed mask, first element in the highest bit of the first byte, and the nonzeros."""

    name: ClassVar[str] = "bitmap"
    values: Ints
    mask: NDArray[np.uint8]

    @classmethod
    def encode(cls, matrix: Ints, widths: FieldWidths) -> Bitmap:
        """Mask and nonzeros of the matrix."""
        nonzero = matrix != 0
        return cls(matrix.shape, matrix.dtype, widths.value_bits, matrix[nonzero], np.packbits(nonzero))

    def decode(self) -> Ints:
        """The matrix."""
        matrix = np.zeros(self.shape, self.dtype)
        matrix[np.unpackbits(self.mask, count=matrix.size).astype(bool).reshape(self.shape)] = self.values
        return matrix

    @property
    def value_bits_total(self) -> int:
        """Nonzeros × value_bits."""
        return self.values.size * self.value_bits

    @property
    def index_bits_total(self) -> int:
        """One bit an element."""
        return self.shape[0] * self.shape[1]
