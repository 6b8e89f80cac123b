"""What the tile-level events cost beside the same run without DRAM."""

from __future__ import annotations

from typing import Any

import accelsim
import workloads
from benchmarks.timing import seconds


def machine(rows: int, dataflow: str, kib: int) -> accelsim.Accelerator:
    """A square array with three equal buffers and a DRAM of 64 GB/s."""
    values: dict[str, Any] = {
        "name": f"{dataflow} {rows}x{rows}",
        "array": {"kind": "systolic", "rows": rows, "cols": rows, "dataflow": dataflow},
        "buffers": {"ifmap_kib": kib, "filter_kib": kib, "ofmap_kib": kib},
        "dram": {"model": "bandwidth", "gbps": 64.0},
    }
    return accelsim.load_hardware(values)


def measure() -> str:
    """ResNet-50 on os 128x128 with 1 MiB buffers and AlexNet on ws 32x32 with 64 KiB: bandwidth DRAM against ideal."""
    lines = []
    for name, hardware in (("resnet50", machine(128, "os", 1024)), ("alexnet", machine(32, "ws", 64))):
        workload = workloads.load(name)
        ideal = accelsim.load_hardware(hardware, dram={"model": "ideal"})
        timed, free = (seconds(lambda w=workload, hw=hw: accelsim.simulate(w, hw).layers) for hw in (hardware, ideal))
        lines.append(f"{name} on {hardware.name}: {1000 * timed:.3g} ms, {timed / free:.2f}x the run with ideal DRAM")
    return "; ".join(lines)
