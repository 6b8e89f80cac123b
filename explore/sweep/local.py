"""A sweep on processes of this machine."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

from accelsim.errors import AccelSimError, ConfigError

from .chunks import Chunk, ChunkSource
from .evaluation import Evaluator
from .row import Row
from .space import Space
from .worker import Fault, Rows, evaluated, serve

Evaluate = Callable[[ChunkSource], Rows]


def local(space: Space, chunks: ChunkSource, jobs: int) -> Rows:
    """The points on `jobs` processes, or in this one."""
    with evaluating(space, jobs) as evaluate:
        yield from evaluate(chunks)


@contextmanager
def evaluating(space: Space, jobs: int) -> Iterator[Evaluate]:
    """What evaluates points, as often as it is called, on `jobs` processes or in this one.

    The processes end with the block, and by themselves where this process is killed. Rows come in the order in which
    points end. Raises AccelSimError where a process is killed, ConfigError where this one is itself being started as
    one of a script without `if __name__ == "__main__":`.
    """
    if jobs <= 1:
        evaluator = Evaluator(space)
        yield lambda chunks: _here(evaluator, chunks)
        return
    with _started(space, jobs) as workers:
        yield lambda chunks: _on(workers, chunks)


def _here(evaluator: Evaluator, chunks: ChunkSource) -> Rows:
    """The points one after another in this process, each as it ends."""
    for first, end in chunks:
        for number in range(first, end):
            started = time.perf_counter()
            yield evaluated(evaluator, number)
            chunks.took(1, time.perf_counter() - started)


def _on(workers: list[_Worker], chunks: ChunkSource) -> Rows:
    """The points on processes, each as it ends."""
    busy = {worker.connection: worker for worker in workers if worker.take(chunks)}
    while busy:
        for connection in wait(list(busy)):
            worker = busy[connection]  # type: ignore[index]  # wait gives back what it was given
            yield worker.received(chunks)
            if not worker.left and not worker.take(chunks):
                del busy[worker.connection]


class _Worker:
    """A process, the connection to it, and the points of its chunk that have not come back."""

    def __init__(self, space: Space) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=serve, args=(theirs, space), daemon=True)
        self.process.start()
        theirs.close()
        self.left, self._since = 0, 0.0

    def take(self, chunks: ChunkSource) -> bool:
        """Give it the next chunk, if there is one."""
        chunk: Chunk | None = next(chunks, None)
        if chunk is None:
            return False
        self.left, self._since = chunk[1] - chunk[0], time.perf_counter()
        with suppress(OSError):  # a process that is gone: reading from it says so
            self.connection.send(chunk)
        return True

    def received(self, chunks: ChunkSource) -> Row | Fault:
        """What it sends next."""
        try:
            row: Row | Fault = self.connection.recv()
        except (EOFError, OSError) as error:
            self.process.join()
            raise AccelSimError(
                f"a process of the sweep ended with exit code {self.process.exitcode}, as the system ends one where "
                "memory runs out; fewer --jobs are expected, and --resume goes on"
            ) from error
        now = time.perf_counter()
        chunks.took(1, now - self._since)
        self.left, self._since = self.left - 1, now
        return row

    def end(self) -> None:
        """End the process, whatever it does."""
        self.connection.close()
        self.process.terminate()
        self.process.join(1)
        if self.process.is_alive():
            self.process.kill()


@contextmanager
def _started(space: Space, jobs: int) -> Iterator[list[_Worker]]:
    """Processes that do not hear SIGINT: the parent alone answers it, and ends them."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ConfigError(
            "points are evaluated on several processes while one of them reads your script; write the call below "
            "`if __name__ == '__main__':`, or give jobs=1"
        )
    workers: list[_Worker] = []
    try:
        with _interrupts_held():
            workers += [_Worker(space) for _ in range(jobs)]
        yield workers
    finally:
        for worker in workers:
            worker.end()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """SIGINT waits until the block ends; processes that are started in it never see one."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which would let them through again, were it started in the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
