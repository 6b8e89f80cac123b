"""shift moved one clock at a time: every PE takes one signed power of two a cycle, from the design's words alone."""

from __future__ import annotations

from itertools import product

import numpy as np

from tests.references import os as reference_os


def fewest_terms(value: int, reach: int = 12) -> list[tuple[int, int]]:
    """(sign, exponent) of the fewest signed powers of two that add up to a value, by trying all."""
    powers = [(sign, exponent) for sign in (-1, 1) for exponent in range(reach)]
    for count in range(5):
        for terms in product(powers, repeat=count):
            if sum(sign << exponent if sign > 0 else -(1 << exponent) for sign, exponent in terms) == value:
                return list(terms)
    raise ValueError(value)


def work(activation: int, term: tuple[int, int]) -> int:
    """A barrel shift, then an add or a subtraction; a term that is not used has sign 0."""
    sign, exponent = term
    shifted = activation << exponent
    return {1: shifted, 0: 0, -1: -shifted}[sign]


def run(weight: np.ndarray, activation: np.ndarray, rows: int, cols: int, terms: int) -> tuple[int, np.ndarray]:
    """(cycles, O); weights need at most `terms` terms."""

    def codes(value: int) -> list[tuple[int, int]]:
        found = fewest_terms(value)
        return [*found, *[(0, 0)] * (terms - len(found))]

    pixels = [[int(x) for x in row for _ in range(terms)] for row in activation]
    filters = [[code for value in row for code in codes(int(value))] for row in weight]
    return reference_os.layer(pixels, filters, rows, cols, work)
