"""How much of the exhaustive front a search finds with 300 of 2,000 points, by sampler."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterable, Sequence
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import accelsim
from accelsim.analysis.pareto import front
from accelsim.trace.workload import Workload
from explore.search.searching import search

MACHINE: dict[str, Any] = {
    "name": "os",
    "array": {"kind": "systolic", "rows": 8, "cols": 8, "dataflow": "os"},
    "buffers": {"ifmap_kib": 16, "filter_kib": 16, "ofmap_kib": 16},
    "dram": {"model": "bandwidth", "gbps": 8},
}
GRID = {
    "array.rows": [4, 6, 8, 12, 16, 20, 24, 32, 48, 64],
    "array.cols": [4, 6, 8, 12, 16, 20, 24, 32, 48, 64],
    "buffers.filter_kib": [1, 2, 4, 8, 16],
    "dram.gbps": [1, 4, 16, 64],
}
OBJECTIVES = ["cycles", "area_um2"]
TRIALS, SEEDS = 300, range(5)
SAMPLERS = ("nsga2", "tpe")  # of "gp" a search takes four minutes: `measure(["gp"])`


def layer() -> Workload:
    """A convolution of 16 channels by 3 x 3 to 32, of 8 x 8 outputs."""
    return Workload("conv", [accelsim.GemmTrace("conv", M=64, N=32, K=144)])


def hypervolume(points: Iterable[Sequence[float]], reference: Sequence[float]) -> float:
    """The area that points in two objectives beat, up to the reference, less being better.

    >>> hypervolume([(1, 3), (2, 1), (3, 3)], (4, 4))
    7.0
    """
    beaten, lowest = 0.0, reference[1]
    for x, y in sorted((x, y) for x, y in points if x <= reference[0] and y <= reference[1]):
        beaten += (reference[0] - x) * max(0.0, lowest - y)
        lowest = min(lowest, y)
    return beaten


def shares(found: np.ndarray, every: np.ndarray) -> tuple[float, float]:
    """The share of the exhaustive front's hypervolume: of the figures, and of their logarithms.

    The reference is the worst of every point in each objective.
    """
    scales = ((found, every), (np.log(found), np.log(every)))
    plain, log = (hypervolume(f.tolist(), e.max(axis=0)) / hypervolume(e.tolist(), e.max(axis=0)) for f, e in scales)
    return plain, log


def measure(samplers: Sequence[str] = SAMPLERS) -> str:
    """Hypervolume by sampler, least and median of five seeds, and the seconds that its proposals take."""
    with TemporaryDirectory() as folder:
        before = os.environ.get("ACCELSIM_CACHE_DIR")
        os.environ["ACCELSIM_CACHE_DIR"] = before or folder
        try:
            return _measured(samplers)
        finally:
            del os.environ["ACCELSIM_CACHE_DIR"]
            if before is not None:
                os.environ["ACCELSIM_CACHE_DIR"] = before


def _measured(samplers: Sequence[str]) -> str:
    every = accelsim.sweep([layer()], [MACHINE], set=GRID)[OBJECTIVES].to_numpy(float)
    lines = [f"{len(front(every))} of {len(every):,} points are on the front; {TRIALS} evaluated"]
    for sampler in samplers:
        began, found = time.perf_counter(), [_found(sampler, seed, every) for seed in SEEDS]
        plain, log, exact = zip(*found, strict=True)
        lines.append(
            f"{sampler}: {100 * min(plain):.2f} % of the hypervolume at least, {100 * statistics.median(plain):.2f} % "
            f"median, {100 * min(log):.1f} and {100 * statistics.median(log):.1f} % of logarithms, "
            f"{min(exact)} to {max(exact)} points of the front, {(time.perf_counter() - began) / len(SEEDS):.3g} s"
        )
    return "; ".join(lines)


def _found(sampler: str, seed: int, every: np.ndarray) -> tuple[float, float, int]:
    """Both shares, and how many points of the exhaustive front a search found."""
    result = search(
        [layer()], [MACHINE], set=GRID, minimize=OBJECTIVES, trials=TRIALS, sampler=sampler, seed=seed, jobs=1
    )
    known = {tuple(row) for row in every[front(every)].tolist()}
    points = result.points[OBJECTIVES].to_numpy(float)
    return *shares(points, every), len(known & {tuple(row) for row in points.tolist()})
