"""The functional datapaths of 1-bit and few-bit operands against the same product in int64 numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim import GemmTrace
from accelsim.arrays.bitserial import BitserialArray
from accelsim.arrays.xnor.array import XnorArray
from benchmarks.timing import ratio, seconds

M, N, K = 1024, 1024, 4096


def measure() -> str:
    """1024 x 1024 x 4096 of −1 and +1, the packing of both operands included; and 2 x 2 bits in planes."""
    rng = np.random.default_rng(0)
    x, w = rng.choice([-1, 1], (M, K)), rng.choice([-1, 1], (N, K))
    slow = seconds(lambda: x @ w.T, runs=1)
    text = ratio("1024x1024x4096 XNOR, packing included", slow, _xnor(x, w), "int64 numpy")
    planes = _planes(rng.integers(-2, 2, (M, K)), rng.integers(-2, 2, (N, K)))
    return f"{text}; 2x2-bit AND-popcount {1000 * planes:.3g} ms, {slow / planes:,.0f}x"


def _xnor(x: NDArray[Any], w: NDArray[Any]) -> float:
    trace = GemmTrace("signs", weight=w, activation=x, weight_bits=1, activation_bits=1, weight_coding="binary")
    return seconds(lambda: XnorArray().program(trace).functional())


def _planes(x: NDArray[Any], w: NDArray[Any]) -> float:
    trace = GemmTrace("planes", weight=w, activation=x, weight_bits=2, activation_bits=2)
    return seconds(lambda: BitserialArray().program(trace).functional())
