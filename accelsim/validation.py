"""What a caller gives, checked: numbers that are numbers and within bounds. Shared by all rooms; loads no pydantic."""

from __future__ import annotations

from math import inf, isfinite
from typing import TypeGuard

import numpy as np

INTEGERS = (int, np.integer)  # a tuple: `int | np.integer` would be built anew at every check


def is_whole(value: object, least: float = -inf, most: float = inf) -> TypeGuard[int]:
    """Whether a value is an integer of Python's own, no boolean, from `least` to `most`.

    >>> is_whole(3, 1, 8), is_whole(True), is_whole(3.0), is_whole(9, 1, 8)
    (True, False, False, False)
    """
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_integer(value: object, least: float = -inf, most: float = inf) -> TypeGuard[int]:
    """The same, numpy's integers included."""
    return isinstance(value, INTEGERS) and not isinstance(value, bool) and bool(least <= value <= most)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite int or float of Python's own, and no boolean.

    >>> is_number(0.5), is_number(10**400), is_number(float("inf")), is_number(False)
    (True, True, False, False)
    """
    if isinstance(value, float):
        return isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)  # of any size: too large for a float is finite too
