"""The exact integers that a datapath must equal: a GEMM, or L1 distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import TraceError
from .gemm import GemmTrace
from .operand import Ints

SLICE_ELEMENTS = 2**22  # of the im2col matrix held at a time


def exact_gemm(trace: GemmTrace) -> NDArray[np.int64]:
    """X · Wᵀ of a one-group trace, (M, N) int64, in slices of M; TraceError where 64 bits may overflow."""
    weight = trace.weight_tile(0, trace.N, 0, trace.K)
    step = max(1, SLICE_ELEMENTS // trace.K)
    parts = [
        _product(trace.activation_tile(m, min(m + step, trace.M), 0, trace.K), weight) for m in range(0, trace.M, step)
    ]
    return np.concatenate(parts)


def _product(x: Ints, weight: Ints) -> NDArray[np.int64]:
    """In float64 where every partial sum is an exact integer there (BLAS is fast), else in int64."""
    bound = x.shape[1] * int(np.abs(x.astype(np.int64)).max()) * int(np.abs(weight.astype(np.int64)).max())
    if bound < 2**53:
        return np.rint(x.astype(np.float64) @ weight.astype(np.float64).T).astype(np.int64)
    if bound >= 2**63:
        raise TraceError("these operands may overflow 64 bits; narrower values are expected")
    return np.asarray(x.astype(np.int64) @ weight.astype(np.int64).T)


def exact_l1(trace: GemmTrace) -> NDArray[np.int64]:
    """−Σ_k |X − W| of a one-group trace, (M, N) int64, filter by filter; padding is activation 0.

    Source: survey 003, Eq. 27.
    """
    step = max(1, SLICE_ELEMENTS // trace.K)
    weight = trace.weight_tile(0, trace.N, 0, trace.K).astype(np.int64)
    out = np.empty((trace.M, trace.N), np.int64)
    for m in range(0, trace.M, step):
        x = trace.activation_tile(m, min(m + step, trace.M), 0, trace.K).astype(np.int64)
        for n in range(trace.N):
            out[m : m + step, n] = -np.abs(x - weight[n]).sum(axis=1)
    return out
