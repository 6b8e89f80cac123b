"""Weights as sums of signed powers of two: their terms, and the barrel shifter that multiplies by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...trace.gemm import GemmTrace
from ...trace.operand import Ints
from ..base import PEArray
from .slices import row_slices

MOST_EXPONENT = 62  # of an integer that a trace holds
MOST_DIGITS = 32  # of the non-adjacent form of an integer up to 2^62


def check_terms(array: PEArray, trace: GemmTrace, terms: int) -> None:
    """UnsupportedLayerError unless weights are pow2, each a sum of at most `terms` signed powers of two.

    No power may pass what `weight_bits` less the sign say: 2^(2^(weight_bits − 1) − 1).
    """
    if trace.weight_coding != "pow2":
        raise array.refuse(trace, f"its weights are {trace.weight_coding}; pow2 is expected")
    if trace.weight_operand is None:
        return
    for n0, n1 in row_slices(trace.N, trace.K * min(terms, MOST_DIGITS)):
        weight = trace.weight_tile(n0, n1, 0, trace.K)
        _check_codes(array, trace, weight, terms)
        rest = signed_powers(weight, terms)[1]
        if rest.any():
            row, k = (int(i) for i in np.argwhere(rest)[0])
            message = f"weight {weight[row, k]} of filter {n0 + row} at k {k}"
            raise array.refuse(trace, f"{message} is no sum of {terms} signed powers of two")


def _check_codes(array: PEArray, trace: GemmTrace, weight: Ints, terms: int) -> None:
    """UnsupportedLayerError where a weight is more than `terms` of the greatest powers that a code of its bits says."""
    greatest = min((1 << trace.weight_bits - 1) - 1, MOST_EXPONENT)
    most = int(np.abs(weight.astype(np.int64)).max())
    if most > terms << greatest:
        message = f"a weight is {most} or its negative, and codes of {trace.weight_bits} bits end at 2^{greatest}"
        raise array.refuse(trace, f"{message}; at most {terms} of them are expected")


def shifter_gates(weight_bits: int, activation_bits: int, accumulator_bits: int) -> int:
    """2:1 multiplexers of a barrel shifter: one a bit of its output in each of its stages.

    There is a stage for each bit of the exponent, and none for shifts beyond the accumulator.
    """
    stages = min(weight_bits - 1, (accumulator_bits - 1).bit_length())
    return stages * min(accumulator_bits, activation_bits + (1 << stages) - 1)


def signed_powers(values: Ints, terms: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(terms as integers on a last axis, what is left over): the non-adjacent form from its lowest digit on.

    It has the fewest signed powers of two of all, so that a rest other than 0 means that `terms` are too few.
    """
    rest = values.astype(np.int64)
    digits = np.zeros((*rest.shape, min(terms, MOST_DIGITS)), np.int64)
    for t in range(digits.shape[-1]):
        low = rest & -rest
        digits[..., t] = np.where(rest & (low << 1), -low, low)
        rest = rest - digits[..., t]
        if not rest.any():
            break
    return digits, rest


def exponents_of(powers: NDArray[np.int64]) -> NDArray[np.int8]:
    """e of ±2^e, exactly; 0 of 0."""
    return np.asarray(np.maximum(np.frexp(np.abs(powers).astype(np.float64))[1] - 1, 0), np.int8)
