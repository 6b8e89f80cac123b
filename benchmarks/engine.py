"""What the tile-level events cost beside the same run without DRAM."""

from __future__ import annotations

import accelsim
from accelsim import GemmTrace
from accelsim.conv import ConvGeometry
from benchmarks.timing import seconds

LAYERS = (
    GemmTrace("conv", N=256, conv=ConvGeometry(1, 128, 28, 28, (3, 3), padding=(1, 1))),
    GemmTrace("pointwise", N=512, conv=ConvGeometry(1, 256, 28, 28, (1, 1))),
    GemmTrace("fc", M=16, N=1000, K=2048),
)


def measure() -> str:
    """Three layers on os 32x32 with 64 KiB buffers: bandwidth DRAM against ideal DRAM, reports included."""
    whole = accelsim.load_hardware("dense/os-32x32")
    ideal = accelsim.load_hardware(whole, dram={"model": "ideal"})
    timed, free = (seconds(lambda hw=hw: accelsim.simulate(LAYERS, hw)) for hw in (whole, ideal))
    return f"3 layers, os 32x32: {1000 * timed:.3g} ms, with ideal DRAM {1000 * free:.3g} ms, ratio {timed / free:.2f}x"
