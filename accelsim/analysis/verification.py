"""The functional datapath of an array against the exact integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..engine.array_selection import select_array
from ..errors import TraceError, VerificationError
from ..hardware.accelerator import Accelerator
from ..trace.gemm import GemmTrace


def verified_output(trace: GemmTrace, machine: Accelerator) -> NDArray[np.int64]:
    """What the datapath computes, (M, groups·N), or below one another for steps with activations of their own.

    Raises TraceError for a trace without values or in a floating-point format, VerificationError where an output
    differs from the exact integers.
    """
    if not trace.has_values:
        raise TraceError(f"layer {trace.name!r} is a shape; verify needs integer weights and activations")
    if trace.float_format is not None:
        raise TraceError(
            f"layer {trace.name!r} is in {trace.float_format}, which has a cost and no values; verify needs integers"
        )
    steps = [trace.step(t) for t in range(trace.repeat)] if trace.has_steps else [trace]
    return np.concatenate([_verified_step(step, machine) for step in steps])


def _verified_step(trace: GemmTrace, machine: Accelerator) -> NDArray[np.int64]:
    array, programs = select_array(machine, trace)
    parts = []
    for program in programs:
        got = program.functional()
        require_equal(got, program.exact(), layer=trace.name, kind=array.kind)
        parts.append(got)
    return np.concatenate(parts, axis=1)


def require_equal(got: NDArray[np.int64], expected: NDArray[np.int64], *, layer: str, kind: str) -> None:
    """VerificationError with the first differing output of a layer on an array of this kind."""
    wrong = np.argwhere(got != expected)
    if len(wrong):
        m, n = (int(i) for i in wrong[0])
        raise VerificationError(
            f"layer {layer!r} on {kind}: {len(wrong)} of {got.size} outputs differ from the exact result, "
            f"first at ({m}, {n}): {got[m, n]} instead of {expected[m, n]}"
        )
