"""Studies by name; one that ships is a module here and a line in STUDIES.

A study of anybody's own comes by `explore.studies.register_study`, or by an entry point of the group
`accelsim.studies` in an installed package.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from accelsim.registry import Registry

Progress = Callable[[int, int], None]
StudyRun = Callable[[Path, bool, int, Progress], str]

STUDIES = {"ppr": "explore.studies.ppr_output:run"}  # name -> "module:function(out, quick, jobs, progress) -> text"


def _check(_name: str, value: object) -> str | None:
    return None if callable(value) else "a function (out, quick, jobs, progress) -> text is expected"


STUDY_RUNS: Registry[StudyRun] = Registry("study", "accelsim.studies", STUDIES, check=_check)


def register_study(name: str) -> Callable[[StudyRun], StudyRun]:
    """Decorator: make a function known to `accelsim study` as `name`.

    It is called as `run(out, quick, jobs, progress)`: the folder to write in, whether a minute has to do, how many
    processes it may use, and what to call as (points done, points in all). It returns the text that the user is shown.
    Raises ConfigError where the name already stands for another study.
    """
    return lambda run: STUDY_RUNS.add(name, run)
