"""The EIE kernel against the plain per-cycle model on a part of a layer, and Alex-7 whole."""

from __future__ import annotations

from accelsim import GemmTrace
from accelsim.arrays.base import Tile
from accelsim.arrays.eie.array import EieArray
from benchmarks.timing import ratio, seconds
from tests.references import eie as reference_eie


def measure() -> str:
    """512 x 512 at the densities of Alex-7 for the ratio; Alex-7 (4096 x 4096) once its weights are encoded."""
    part = _layer(512)
    weight, activation = part.weight, part.activation
    slow = seconds(lambda: reference_eie.run(weight, activation, 64, 8, 4), runs=1)
    text = ratio("512x512, encoded", slow, _walk(part), "per-cycle model")
    return f"{text}; Alex-7 encoded: {1000 * _walk(_layer(4096)):.2f} ms"


def _layer(size: int) -> GemmTrace:
    return GemmTrace.random("fc", M=1, N=size, K=size, weight_density=0.09, activation_density=0.353, seed=0)


def _walk(trace: GemmTrace) -> float:
    """Seconds of the simulation alone."""
    program = EieArray(pes=64, fifo_depth=8).program(trace)
    whole = Tile(0, trace.M, 0, trace.N, 0, trace.K)
    return seconds(lambda: program.work(whole))
