"""The closed form against moving the array's registers one clock at a time."""

from __future__ import annotations

import numpy as np

import accelsim
from accelsim import GemmTrace
from benchmarks.timing import ratio, seconds
from tests.references import systolic as reference_systolic


def measure() -> str:
    """A 64 x 64 x 64 GEMM on an 8 x 8 weight-stationary array."""
    rng = np.random.default_rng(0)
    x, w = rng.integers(-128, 128, (64, 64)), rng.integers(-128, 128, (64, 64))
    hardware = accelsim.load_hardware(
        {"name": "bench", "array": {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": "ws"}}
    )
    trace = GemmTrace("layer", weight=w, activation=x)
    slow = seconds(lambda: reference_systolic.run(x, w, 8, 8, "ws"), runs=1)
    fast = seconds(lambda: accelsim.simulate(trace, hardware))
    return ratio("64x64x64 ws 8x8, whole report", slow, fast, "register model")
