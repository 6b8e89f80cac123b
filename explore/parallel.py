"""Independent work in several processes, in order, with progress, and stopped at once by an interrupt."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def default_jobs() -> int:
    """Processes that this one may use cores for."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(function: Callable[[Item], Result], items: Sequence[Item], jobs: int) -> Iterator[Result]:
    """`function` of every item, in their order, from `jobs` processes (1: this one).

    Both must be picklable. Processes are spawned, since threads of this one may hold locks. An exception, an interrupt
    included, ends all processes.
    """
    if jobs <= 1 or len(items) <= 1:
        yield from map(function, items)
        return
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_ignore_interrupts)
    try:
        yield from pool.map(function, items, chunksize=1)
    except BaseException:
        for process in list((pool._processes or {}).values()):  # the public way waits for what runs
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _ignore_interrupts() -> None:
    """The parent alone answers SIGINT, with one line; it ends its children."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
