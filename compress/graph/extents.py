"""Sizes that a model computes from its tensors' shapes: they follow when channels leave, numbers in its code do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Extent(int):
    """A size that came from a shape. What is computed from it is one too; as a real number it is `used`.

    >>> class Seen(Extent):
    ...     pass
    >>> type(Extent(12) // 4).__name__, type(4 * Extent(12)).__name__
    ('Extent', 'Extent')
    """

    used: Callable[[], None] | None = None  # called where the size becomes a real number, such as a scale
    units: np.ndarray | None = None  # whose number it is; None for a size that does not change

    def _with(self, result: Any, other: Any = None) -> Any:
        if type(result) is not int:
            return result
        source = other if self.units is None and isinstance(other, Extent) else self
        extent = Extent(result)
        extent.used, extent.units = source.used, source.units
        return extent

    def as_real(self) -> None:
        """The size is used as a real number."""
        if self.used is not None:
            self.used()

    def __add__(self, other: Any) -> Any:
        return self._with(int.__add__(self, other), other)

    def __radd__(self, other: Any) -> Any:
        return self._with(int.__radd__(self, other), other)

    def __sub__(self, other: Any) -> Any:
        return self._with(int.__sub__(self, other), other)

    def __rsub__(self, other: Any) -> Any:
        return self._with(int.__rsub__(self, other), other)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, float):
            self.as_real()
        return self._with(int.__mul__(self, other), other)

    def __rmul__(self, other: Any) -> Any:
        if isinstance(other, float):
            self.as_real()
        return self._with(int.__rmul__(self, other), other)

    def __floordiv__(self, other: Any) -> Any:
        return self._with(int.__floordiv__(self, other), other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._with(int.__rfloordiv__(self, other), other)

    def __mod__(self, other: Any) -> Any:
        return self._with(int.__mod__(self, other), other)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __truediv__(self, other: Any) -> Any:
        self.as_real()
        return int.__truediv__(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        self.as_real()
        return int.__rtruediv__(self, other)

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        if other != 2:
            self.as_real()
        return self._with(int.__pow__(self, other, modulo), other)

    def __float__(self) -> float:
        self.as_real()
        return int.__float__(self)
