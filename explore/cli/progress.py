"""What is done, of how much, and the time left, on stderr while a person watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class Counter:
    """What the work calls as it goes on. This one says nothing; `counted` yields one with a bar where a person watches.

    >>> counter = Counter()
    >>> counter(1, 4)
    >>> counter.named("os-32x32")
    """

    def __call__(self, done: int, of: int | None = None, what: str = "") -> None:
        """So many are `done`, `of` so many (None: as many as before); the next is `what`."""

    def named(self, what: str) -> None:
        """The one before is done, and `what` begins."""

    def staged(self, stage: str, done: int, of: int) -> None:
        """So many are `done`, and a `stage` of the work is under way."""
        self(done, of, stage)


class _Bar(Counter):
    """A Rich bar with a count and the time left."""

    def __init__(self, bar: Progress, text: str, total: int | None) -> None:
        self.bar, self.text, self.begun = bar, text, 0
        self.task = bar.add_task(text, total=total)

    def __call__(self, done: int, of: int | None = None, what: str = "") -> None:
        description = f"{self.text}: {what}" if what else self.text
        self.bar.update(self.task, description=description, completed=done, total=of)

    def named(self, what: str) -> None:
        self(self.begun, what=what)
        self.begun += 1


@contextmanager
def counted(text: str, *, total: int | None = None, unit: str = "layers") -> Iterator[Counter]:
    """A bar on stderr with `text`, what is done of `total` `unit`s and the time left, where stderr is a terminal.

    It is gone at the end. The total may come with the first call of the counter.
    """
    if not sys.stderr.isatty():
        yield Counter()
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=20), MofNCompleteColumn(),
               TextColumn(escape(unit)), TimeRemainingColumn(elapsed_when_finished=True))  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar, text, total)
