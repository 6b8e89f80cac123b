"""accelsim.search(...): the points of a space that a sampler proposes, to a front, resumable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError, InternalError
from accelsim.hardware.accelerator import Accelerator
from accelsim.trace.workload import Workload
from accelsim.validation import is_whole

from ..parallel import default_jobs
from ..sweep.chunks import Picked
from ..sweep.folder import opened
from ..sweep.local import Evaluate
from ..sweep.space_of import space_of
from ..sweep.store import ResultStore
from ..sweep.sweeping import MOST_JOBS, Progress
from ..sweep.worker import Fault
from .dimensions import Dimensions
from .evaluators import evaluators
from .goals import goals_of
from .outcome import Outcome, outcome_of
from .plan import BATCH, DEFAULT_SAMPLER, SEED, TRIALS, Plan
from .result import SearchResult
from .samplers import sampler as sampler_of

if TYPE_CHECKING:
    from .proposer import Proposer
    from .study_log import StudyLog


def search(
    workloads: Sequence[str | Path | Workload | Mapping[str, Any]],
    hardware: Sequence[str | Path | Mapping[str, Any] | Accelerator],
    *,
    set: Mapping[str, Sequence[Any]] | None = None,  # the name that `--set` and sweep files have
    minimize: Sequence[str] = (),
    maximize: Sequence[str] = (),
    constraints: Sequence[str] = (),
    trials: int = TRIALS,
    sampler: str = DEFAULT_SAMPLER,
    seed: int = SEED,
    batch: int = BATCH,
    out: str | Path | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> SearchResult:
    """Evaluate `trials` points of a sweep's space that Optuna proposes, and find the front between the objectives.

    `workloads`, `hardware`, `set`, `out`, `jobs` and `scheduler` are those of `accelsim.sweep`. `minimize` and
    `maximize` name columns of its table or swept fields of numbers, and `constraints` bound them ("area_um2 <= 4e6",
    "accuracy >= 0.97"). The `sampler` is "nsga2", "tpe", or "gp", which needs
    the fewest points and takes about a second for each; it proposes points `batch` at a time, none of them
    twice, and the same seed and batch give the same points whatever `jobs` is. With `resume` a search in the folder
    goes on to `trials` points, more of them where it had ended.

    Raises what `sweep` raises, and UnknownNameError or ConfigError for objectives, constraints and samplers that cannot
    be, before anything runs.

    >>> import accelsim
    >>> grid = {"array.rows": [4, 8, 16, 32], "array.cols": [4, 8, 16, 32]}
    >>> found = accelsim.search(["lenet5"], ["dense/os-16x16"], set=grid, minimize=["cycles"], trials=8, jobs=1)
    >>> len(found.points), len(found.front)
    (8, 1)
    """
    space = space_of(workloads, hardware, set or {}, where="search")
    goals = goals_of(minimize, maximize, constraints, space)
    plan = Plan(space, goals, trials=trials, sampler=sampler, seed=seed, batch=batch)
    folder = None if out is None else Path(out)
    with searched(plan, folder, jobs=jobs, scheduler=scheduler, resume=resume, progress=progress) as (store, outcome):
        points = store.frame()
    front = points[points["id"].isin([row.id for row in outcome.front])]
    return SearchResult(points, front, len(space), outcome.importances)


@contextmanager
def searched(
    plan: Plan,
    out: Path | None,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Iterator[tuple[ResultStore, Outcome]]:
    """Evaluate what the plan asks for and the folder lacks, and yield the store with all rows, and what they show."""
    if jobs is not None and not is_whole(jobs, 1, MOST_JOBS):
        raise ConfigError(f"jobs is {jobs!r:.60}; 1 to {MOST_JOBS} is expected")
    used = min(jobs or default_jobs(), plan.batch, plan.target)
    dimensions = Dimensions(plan.space)
    with opened(out, plan.space, resume=resume, search=plan.facts()) as store:
        with evaluators(plan.space, used, scheduler) as evaluate:
            _Search(plan, dimensions, store, out, progress or (lambda ended, infeasible, of: None)).run(evaluate)
        outcome = outcome_of(list(store.rows()), dimensions, plan.goals)
        store.put_facts({"importances": outcome.importances})
        yield store, outcome


class _Search:
    """Batches of points, each proposed from what the whole batches before it have shown."""

    def __init__(
        self, plan: Plan, dimensions: Dimensions, store: ResultStore, out: Path | None, progress: Progress
    ) -> None:
        from .proposer import Proposer
        from .study_log import STUDY, StudyLog

        self._plan, self._store, self._progress = plan, store, progress
        self._proposer: Proposer = Proposer(dimensions, plan.goals, sampler_of(plan.sampler), plan.seed)
        path = None if out is None else out / STUDY
        self._log: StudyLog = StudyLog(path, f"accelsim-{store.facts()['digest']}", plan.goals)
        self._logged = self._restored()

    def _restored(self) -> int:
        """Take over the whole batches that are logged, all rows of which are there; how many trials are logged.

        Trials of a batch that is not whole are proposed again, and are the same.
        """
        from .proposer import POINT

        trials = self._log.trials()
        if not all(self._store.has(trial.user_attrs[POINT]) for trial in trials):
            self._log.clear()
            return 0
        for trial in trials[: len(trials) // self._plan.batch * self._plan.batch]:
            self._proposer.restore(trial)
        return len(trials)

    def run(self, evaluate: Evaluate) -> None:
        """Propose and evaluate until there are as many points as the plan asks for."""
        self._tell_progress()
        while self._proposer.proposed < self._plan.target:
            size = min(self._plan.batch, self._plan.target - self._proposer.proposed)
            asked = [self._proposer.ask() for _ in range(size)]
            self._evaluate([point for _, point in asked], evaluate)
            for trial, point in asked:
                told = self._proposer.tell(trial, self._store.row(point))
                if told.number >= self._logged:
                    self._log.add(told)
                    self._logged += 1

    def _evaluate(self, points: Sequence[int], evaluate: Evaluate) -> None:
        """Store the rows of the points that have none; in the order of the space, so that they share workloads."""
        faults: list[Fault] = []
        missing = sorted(point for point in points if not self._store.has(point))
        with closing(evaluate(Picked(missing))) as rows:
            for row in rows:
                if isinstance(row, Fault):
                    faults.append(row)
                    continue
                self._store.add([row])
                self._tell_progress()
        for fault in faults:
            raise fault.error or InternalError(f"{fault.text}; the points before it are stored")

    def _tell_progress(self) -> None:
        self._progress(self._store.count(), self._store.count("infeasible"), self._plan.target)
