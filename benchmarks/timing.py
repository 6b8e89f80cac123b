"""Best of several runs, and how two of them compare."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds(work: Callable[[], object], runs: int = 3) -> float:
    """The fastest of `runs` runs, after one that warms kernels and caches."""
    work()
    best = float("inf")
    for _ in range(runs):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def ratio(what: str, slow: float, fast: float, against: str) -> str:
    """One line: both times and the ratio."""
    return f"{what}: {1000 * fast:.3g} ms, {against} {1000 * slow:.4g} ms, ratio {slow / fast:,.0f}x"
