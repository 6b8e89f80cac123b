"""What evaluates the points of a search: processes that stay for all its batches, or a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..sweep.local import Evaluate, evaluating
from ..sweep.space import Space


@contextmanager
def evaluators(space: Space, jobs: int, scheduler: str | None) -> Iterator[Evaluate]:
    """`jobs` processes, or the Dask cluster of a scheduler that answers. ConfigError for one that does not."""
    if scheduler is None:
        with evaluating(space, jobs) as evaluate:
            yield evaluate
        return
    from ..sweep.cluster import connected, on_cluster

    with connected(scheduler) as client:
        yield lambda chunks: on_cluster(client, space, chunks)
