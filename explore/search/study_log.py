"""The trials of a search in `study.sqlite`, as Optuna keeps a study, for its own tools and for going on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage

from accelsim.errors import OutputError

from .goals import Goals

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

STUDY = "study.sqlite"
WAIT_S = 10.0  # for another process that reads or writes the file


class StudyLog:
    """A study by its name in one SQLite file; a trial is written as a whole, once its point is known.

    OutputError where the file cannot be made, read or written. Without a path nothing is kept.
    """

    def __init__(self, path: Path | None, name: str, goals: Goals) -> None:
        self._path, self._name, self._goals = path, name, goals
        self._study: optuna.Study | None = None
        if path is not None:
            with self._guarded():
                self._storage = RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": WAIT_S}})
                self._study = self._opened()

    def trials(self) -> list[FrozenTrial]:
        """All trials, in the order in which they were proposed."""
        if self._study is None:
            return []
        with self._guarded():
            return self._study.get_trials()

    def add(self, trial: FrozenTrial) -> None:
        """Write a trial behind the others."""
        if self._study is not None:
            with self._guarded():
                self._study.add_trial(trial)

    def clear(self) -> None:
        """Forget all trials."""
        if self._study is not None:
            with self._guarded():
                optuna.delete_study(study_name=self._name, storage=self._storage)
                self._study = self._opened()

    def _opened(self) -> optuna.Study:
        study = optuna.create_study(
            study_name=self._name,
            storage=self._storage,
            directions=[one.direction for one in self._goals.objectives],
            load_if_exists=True,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # names alone, for its tools
            study.set_metric_names(self._goals.columns)
        return study

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Errors of the database as the user's, in a sentence."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (StorageInternalError, SQLAlchemyError, RuntimeError, OSError) as error:
            reason = getattr(error.__cause__ or error, "orig", None) or error
            raise OutputError(
                f"cannot use {str(self._path)!r}: {reason}; a folder with room, or another (--out), is expected"
            ) from error
