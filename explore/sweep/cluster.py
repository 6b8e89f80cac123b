"""A sweep on a Dask cluster that is there already."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from accelsim.errors import AccelSimError, ConfigError

from .chunks import Chunk, ChunkSource
from .evaluation import Evaluator
from .row import Row
from .space import Space
from .worker import Fault, Rows, evaluated

if TYPE_CHECKING:
    from distributed import Client

TIMEOUT_S = 5.0  # for the scheduler to answer
AHEAD = 2  # chunks a thread of the cluster, so that none waits for the next


@contextmanager
def connected(scheduler: str) -> Iterator[Client]:
    """A client of the cluster, until the block ends. ConfigError for a scheduler that does not answer within 5 s, or
    without the extra `cluster`."""
    client = _client(scheduler)
    try:
        yield client
    finally:
        client.close(timeout=1)


def on_cluster(client: Client, space: Space, chunks: ChunkSource) -> Rows:
    """The points on the workers of a cluster, in the order in which their chunks end.

    Workers that come are used, and where there are none they are waited for; the points of one that is lost run on
    another. Raises AccelSimError where the cluster is gone, or points end every worker that they run on.
    """
    from concurrent.futures import CancelledError

    try:
        yield from _chunks(client, space, chunks)
    except (OSError, CancelledError) as error:
        raise AccelSimError(
            f"the Dask cluster is gone ({error}); --resume goes on behind the points that ended"
        ) from error


def _client(scheduler: str) -> Client:
    try:
        import distributed
    except ImportError as error:
        raise ConfigError(
            "a scheduler needs Dask, which is not installed; pip install 'accelsim[cluster]' is expected"
        ) from error
    try:
        return distributed.Client(scheduler, timeout=TIMEOUT_S, set_as_default=False, name="accelsim-sweep")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"scheduler {scheduler!r:.90} does not answer within {TIMEOUT_S:g} s; the address of a Dask scheduler that "
            "runs is expected, as tcp://host:8786"
        ) from error


def _chunks(client: Client, space: Space, chunks: ChunkSource) -> Rows:
    """Keep a few chunks a thread under way, and yield the rows of each that ends."""
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    shared = client.submit(pickle.loads, pickle.dumps(space), pure=False)  # made again where its worker is lost
    running = as_completed(loop=client.loop)
    under_way: dict[Any, Chunk] = {}
    while True:
        threads = max(1, sum(client.nthreads().values()))
        while len(under_way) < AHEAD * threads and (chunk := next(chunks, None)) is not None:
            future = client.submit(evaluated_chunk, shared, chunk, pure=False)
            under_way[future] = chunk
            running.add(future)
        if not under_way:
            return
        ended = next(running)
        first, end = under_way.pop(ended)
        try:
            rows, seconds = ended.result()
        except KilledWorker as error:
            raise AccelSimError(
                f"every worker that ran points {first} to {end - 1} was lost, as where memory runs out; workers with "
                "more are expected, and --resume goes on"
            ) from error
        chunks.took(len(rows), seconds)
        yield from rows


def evaluated_chunk(space: Space, chunk: Chunk) -> tuple[list[Row | Fault], float]:
    """The rows of a chunk, and how many seconds they took; what a worker of the cluster runs."""
    started = time.perf_counter()
    evaluator = _evaluator(space)
    rows = [evaluated(evaluator, number) for number in range(*chunk)]
    return rows, time.perf_counter() - started


_KEPT: dict[int, Evaluator] = {}  # of this process, by the space that it evaluates


def _evaluator(space: Space) -> Evaluator:
    """The evaluator of a space, with the workloads that it has open."""
    kept = _KEPT.get(id(space))
    if kept is None or kept.space is not space:
        _KEPT.clear()
        kept = _KEPT[id(space)] = Evaluator(space)
    return kept
