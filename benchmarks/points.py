"""Design points a second, each on a machine that no point before had, beside the same on the SimPy model itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import accelsim
import workloads
from accelsim.engine import simulation

ROWS, KIB, GBPS = (8, 16, 32), (32, 64, 128), (3.2, 12.8, 51.2)


def points() -> list[accelsim.Accelerator]:
    """Output-stationary arrays of three sizes with three sizes of buffers and three bandwidths."""
    return [
        accelsim.load_hardware(
            {
                "name": f"{rows}-{kib}-{gbps}",
                "array": {"kind": "systolic", "rows": rows, "cols": rows, "dataflow": "os"},
                "buffers": {"ifmap_kib": kib, "filter_kib": kib, "ofmap_kib": kib},
                "dram": {"model": "bandwidth", "gbps": gbps},
            }
        )
        for rows, kib, gbps in product(ROWS, KIB, GBPS)
    ]


@contextmanager
def simpy_alone() -> Iterator[None]:
    """No compiled replay: every schedule runs on the SimPy model."""
    replay = simulation.replay
    simulation.replay = lambda *_: None
    try:
        yield
    finally:
        simulation.replay = replay


def per_point(workload: accelsim.Workload) -> float:
    """Processor seconds a point, reports included."""
    started = time.process_time()
    machines = points()
    for machine in machines:
        _ = accelsim.simulate(workload, machine).cycles
    return (time.process_time() - started) / len(machines)


def measure() -> str:
    """ResNet-50's shapes and LeNet-5's over 27 machines with a DRAM of fixed bandwidth."""
    lines = []
    for name in ("resnet50", "lenet5"):
        workload = workloads.load(name)
        accelsim.simulate(workload, points()[0])  # kernels
        fast = per_point(workload)
        with simpy_alone():
            plain = per_point(workload)
        lines.append(f"{name}: {1000 * fast:.3g} ms a point ({1 / fast:.3g} a second), {plain / fast:.2g}x on SimPy")
    return "; ".join(lines)
