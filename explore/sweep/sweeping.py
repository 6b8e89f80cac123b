"""accelsim.sweep(...): a space of points to a table, resumable, on processes or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError, InternalError
from accelsim.hardware.accelerator import Accelerator
from accelsim.trace.workload import Workload
from accelsim.validation import is_whole

from ..parallel import default_jobs
from .chunks import Chunks
from .folder import opened
from .local import local
from .space import Space
from .space_of import space_of
from .store import ResultStore
from .trained import train_all
from .trainings import trainings
from .worker import Fault, Rows

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int, int], None]  # (points that ended, infeasible ones among them, points in all)
Runner = Callable[[Space, Chunks, int], Rows]  # with a number of processes
Evaluate = Callable[[Space, Chunks], Rows]
MOST_JOBS = 1024


def sweep(
    workloads: Sequence[str | Path | Workload | Mapping[str, Any]],
    hardware: Sequence[str | Path | Mapping[str, Any] | Accelerator],
    *,
    set: Mapping[str, Sequence[Any]] | None = None,  # the name that `--set` and sweep files have
    out: str | Path | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Simulate every workload on every machine under all settings; one row a point, in the order of the points.

    `workloads` are what `workloads.load` takes, Workloads, or mappings with `name` and options of `workloads.load`,
    lists of which are swept (`{"name": "lenet5", "density": [0.1, 0.5]}`); `recipe` among them names how the network is
    trained and compressed first, once. `hardware` is what `load_hardware` takes,
    and `set` has values by dotted field. A point that is no machine or cannot be mapped has `status` "infeasible" and
    the reason in `error`. With `out` rows go to `out/results.sqlite` as each point ends, and `resume` goes on where a
    sweep ended. `jobs` processes work, as many as there are cores by default; `scheduler` names a Dask cluster instead
    (`tcp://host:8786`). A script that sweeps on several processes does so below `if __name__ == "__main__":`.

    Raises ConfigError, UnknownNameError, MissingFileError or FileFormatError for names, fields and values that cannot
    be, before anything runs; OutputError for a folder that cannot be written or holds another sweep.

    >>> import accelsim
    >>> frame = accelsim.sweep(["lenet5"], ["dense/os-16x16"], set={"array.rows": [8, 16]}, jobs=1)
    >>> frame[["array.rows", "status"]].values.tolist()
    [[8, 'done'], [16, 'done']]
    """
    space = space_of(workloads, hardware, set or {})
    folder = None if out is None else Path(out)
    with swept(space, folder, jobs=jobs, scheduler=scheduler, resume=resume, progress=progress) as store:
        return store.frame()


@contextmanager
def swept(
    space: Space,
    out: Path | None,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda text: None,
) -> Iterator[ResultStore]:
    """Evaluate what the folder has no row of yet, and yield the store with all rows. `notice` is told what else is done
    before, as training."""
    if jobs is not None and not is_whole(jobs, 1, MOST_JOBS):
        raise ConfigError(f"jobs is {jobs!r:.60}; 1 to {MOST_JOBS} is expected")
    jobs = jobs or default_jobs()
    with _runner(scheduler) as runner, opened(out, space, resume=resume) as store:
        train_all(trainings(space), jobs, notice)
        _evaluate(
            space,
            store,
            lambda space, chunks: runner(space, chunks, min(jobs, len(space) - store.count())),
            progress or (lambda ended, infeasible, of: None),
        )
        yield store


@contextmanager
def _runner(scheduler: str | None) -> Iterator[Runner]:
    """What evaluates points: processes here, or the cluster of a scheduler that answers."""
    if scheduler is None:
        yield local
        return
    from .cluster import connected, on_cluster

    with connected(scheduler) as client:
        yield lambda space, chunks, jobs: on_cluster(client, space, chunks)


def _evaluate(space: Space, store: ResultStore, evaluate: Evaluate, progress: Progress) -> None:
    """Evaluate the points without a row, and store each row as it comes."""
    faults: list[Fault] = []
    ended, infeasible = store.count(), store.count("infeasible")
    progress(ended, infeasible, len(space))
    chunks = Chunks(len(space), space.points_a_workload, store.ended)
    with closing(evaluate(space, chunks)) as rows:
        for row in rows:
            if isinstance(row, Fault):
                _raise_where_the_users(row)
                faults.append(row)
                continue
            store.add([row])
            ended, infeasible = ended + 1, infeasible + (row.status != "done")
            progress(ended, infeasible, len(space))
    if faults:
        raise InternalError(f"{len(faults)} points failed, the others are stored; the first: {faults[0].text}")


def _raise_where_the_users(fault: Fault) -> None:
    if fault.error is not None:
        raise fault.error
