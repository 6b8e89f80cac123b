"""The folder of a sweep: of one sweep alone, and of one process at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelsim.errors import OutputError
from accelsim.files import make_folder, require_writable

from .identity import digest_of, facts_of
from .space import Space
from .store import RESULTS, ResultStore

LOCK = "sweep.lock"


@contextmanager
def opened(
    out: Path | None, space: Space, *, resume: bool, search: Mapping[str, Any] | None = None
) -> Iterator[ResultStore]:
    """The store of a sweep in its folder, for this process alone; in memory where `out` is None.

    `search` are the facts that tell a search of the space from a sweep and from other searches. OutputError where the
    folder cannot be written, holds another sweep, one by other code of the simulator, or the same one without `resume`,
    or where another process writes to it.
    """
    facts = facts_of(space)
    if search is not None:
        facts |= {"search": dict(search), "digest": digest_of([facts["digest"], search])}
    if out is None:
        with ResultStore(None) as store:
            store.put_facts(facts)
            yield store
        return
    require_writable(out)
    with _locked(make_folder(out)), ResultStore(out / RESULTS) as store:
        _require_usable(store, facts, resume)
        if not store.count():  # none, or a sweep that ended before its first point
            store.put_facts(facts)
        yield store


def _require_usable(store: ResultStore, facts: dict[str, Any], resume: bool) -> None:
    """OutputError unless the store is empty, or holds this sweep and `resume` is given."""
    path, before, rows = store.path, store.facts(), store.count()
    what = "search" if "search" in facts else "sweep"
    if not rows:
        return
    if before.get("digest") != facts["digest"]:
        raise OutputError(
            f"{str(path)!r} holds the results of another sweep or search; another folder is expected (--out)"
        )
    if not resume:
        raise OutputError(
            f"{str(path)!r} holds {rows:,} of {facts['points']:,} points of this {what}; --resume goes on with "
            "them, and --out names another folder"
        )
    if before.get("code") != facts["code"]:
        raise OutputError(
            f"{str(path)!r} was begun by other code of the simulator ({before.get('code')}, now {facts['code']}), and "
            "one table holds the numbers of one; another folder is expected (--out)"
        )


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """The folder for this process alone, until the block or the process ends. OutputError where another has it."""
    try:
        import fcntl
    except ImportError:  # a system without such locks
        yield
        return
    try:
        handle = os.open(out / LOCK, os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise OutputError(f"cannot write {str(out / LOCK)!r}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(
                f"another sweep or search is at work in {str(out)!r}; wait for its end, or name another"
            ) from error
        yield
    finally:
        os.close(handle)
