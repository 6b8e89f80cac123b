"""nm_sparse: a systolic array that skips the zeros of N:M weights, an activation multiplexer in front of every MAC."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ..errors import ConfigError
from ..trace.gemm import GemmTrace
from ..trace.operand import Ints
from .base import Size, Tile, Work
from .common.folds import FoldedArray, SystolicProgram
from .common.nm_pattern import NM, compressed_length
from .counters import Cause, CounterSpec, idle

GroupSize = Annotated[int, Field(ge=1, le=1024)]


class NmSparseArray(FoldedArray):
    """R rows × C cols of MACs for weights with at most n nonzeros in every m along K; `systolic.nm` is its alias.

    Folds, cycles and buffer traffic are the systolic array's with K' = ⌊K/m⌋·n + min(n, K mod m) for K. A weight
    travels and lies in the filter buffer as its value and its place in the group, n·⌈log2 m⌉ index bits a group; each
    PE sees the m activations of the group and takes one of them by an m:1 multiplexer of activation_bits, m − 1
    two-input ones a bit, which area and every executed MAC pay. n = m is dense: no index, no multiplexer. Source:
    DESIGN section 4; 2:4 is the pattern of NVIDIA's sparse tensor cores (Mishra et al., arXiv:2104.08378, section 3).
    """

    kind: Literal["nm_sparse"] = "nm_sparse"
    multiplies_floats: ClassVar[bool] = True
    counters: ClassVar[tuple[CounterSpec, ...]] = (
        idle("nm_sparse_idle_load", Cause.MEMORY, "MACs while a fold's stationary operand is shifted in"),
        idle("nm_sparse_idle_skew", Cause.EDGE, "MACs while a fold fills and drains"),
        idle("nm_sparse_idle_edge", Cause.EDGE, "MACs of rows and columns that a fold does not occupy"),
    )
    rows: Size = 16
    cols: Size = 16
    n: GroupSize = 2
    m: GroupSize = 4

    @model_validator(mode="after")
    def _n_of_m(self) -> Self:
        if self.n > self.m:
            raise ConfigError(f"array.n is {self.n}; at most array.m is expected, which is {self.m}")
        return self

    @property
    def sparsity(self) -> NM:
        """n:m as numbers."""
        return NM(self.n, self.m)

    def without_pattern(self) -> Self:
        """n = m."""
        return self.model_copy(update={"n": self.m})

    def program(self, trace: GemmTrace) -> NmSparseProgram:
        """Any coding runs at its bits; weights that break n:m raise TraceError with row and group."""
        return NmSparseProgram(self, trace)


class NmSparseProgram(SystolicProgram):
    """One GEMM in the folds of a systolic array with `nm`; the lost MAC slots are split by cause."""

    def work(self, tile: Tile) -> Work:
        """The fold table's cycles, and the slots of load, skew (fill and drain) and unoccupied edges of folds."""
        work = super().work(tile)
        rows, cols, peak = self.array.rows, self.array.cols, self.array.peak_macs
        sr, sc, t = self._spans(tile.shape)
        folds = sum(count for _, count in self._edges(sr, rows)) * sum(count for _, count in self._edges(sc, cols))
        lost = {
            "load": 0 if self.array.dataflow == "os" else folds * rows * peak,
            "skew": folds * (rows + cols - 2) * peak,
            "edge": folds * t * peak - work.counts["macs_executed"],
        }
        return Work(work.cycles, work.counts.replace(**{f"nm_sparse_idle_{why}": slots for why, slots in lost.items()}))

    def functional(self) -> NDArray[np.int64]:
        """Slot by slot of the packed weights: the index picks one of the group's activations, a MAC takes both."""
        trace = self.trace
        values, columns = pack(trace.weight_tile(0, trace.N, 0, trace.K), self.nm)
        out = np.empty((trace.M, trace.N), np.int64)
        for pixels, x in self.activation_slices():
            for n in range(trace.N):
                out[pixels, n] = x[:, columns[n]] @ values[n]
        return self.without_zero_point(out)


def pack(weight: Ints, nm: NM) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(values, columns) of weights (N, K) that keep to `nm`, both (N, K'): the hardware's n slots of every group.

    A group's nonzeros come in rising k; slots that they leave free hold zeros of the group.
    """
    rows, k = weight.shape
    groups = -(-k // nm.m)
    order = np.full((rows, groups * nm.m), 2, np.int8)  # behind the last k there is nothing to place
    order[:, :k] = weight == 0
    places = order.reshape(rows, groups, nm.m).argsort(axis=2, kind="stable")[:, :, : nm.n]
    columns = (places + nm.m * np.arange(groups)[:, None]).reshape(rows, -1)[:, : compressed_length(k, nm)]
    return np.take_along_axis(weight, columns, axis=1).astype(np.int64), columns
