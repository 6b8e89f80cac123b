"""The integers of a tensor between two steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..trace.operand import Ints


@dataclass(frozen=True, eq=False)
class TensorValues:
    """Activations between two steps as the layer `reader` holds them: (batch, channels, positions), or (rows, columns).

    >>> TensorValues("fc", np.arange(6).reshape(1, 6)).by_pixel(2).tolist()  # 2 channels of 3 positions, flattened
    [[0, 3], [1, 4], [2, 5]]
    """

    reader: str
    values: Ints

    def by_pixel(self, channels: int) -> Ints | None:
        """(pixels, channels), pixels image by image; None where the tensor has other channels."""
        if self.values.ndim == 3:
            split = self.values if self.values.shape[1] == channels else None
        else:
            rows, columns = self.values.shape
            split = None if columns % channels else self.values.reshape(rows, channels, -1)
        return None if split is None else np.ascontiguousarray(split.transpose(0, 2, 1)).reshape(-1, channels)

    @property
    def flat(self) -> Ints:
        """All elements, as the reader holds them."""
        return self.values.reshape(-1)
