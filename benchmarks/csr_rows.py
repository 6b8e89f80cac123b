"""The numba kernel of csr_rows against the plain per-cycle model, on a part of a layer."""

from __future__ import annotations

import accelsim
from accelsim import GemmTrace
from benchmarks.timing import ratio, seconds
from tests.references import csr_rows as reference_csr_rows


def measure() -> str:
    """128 filters of 576 at 10 % density, one pass of 16 pixels, 16 PEs."""
    trace = GemmTrace.random("layer", M=16, N=128, K=576, weight_density=0.1, seed=0)
    weight, activation = trace.weight, trace.activation
    hardware = accelsim.load_hardware({"name": "bench", "array": {"kind": "csr_rows", "pes": 16, "vector_width": 16}})
    slow = seconds(lambda: reference_csr_rows.run(weight, activation, 16, 16, "static", 16), runs=1)
    fast = seconds(lambda: accelsim.simulate(trace, hardware))
    return ratio("128x576 at 10 %, whole report", slow, fast, "per-cycle model")
