"""Training in one thread and the tracing of a model in another, which take turns.

While torch traces a model, the whole process is told so (`torch.compiler.is_compiling`), and an optimizer that steps in
another thread meanwhile sums in another order; the replaced functions of torch's are seen by all threads too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, local


class Turns:
    """Any number of training steps at a time, or one trace.

    >>> turns = Turns()
    >>> with turns.step(), turns.step():
    ...     pass
    >>> with turns.trace():
    ...     pass
    """

    def __init__(self) -> None:
        self._changed, self._own = Condition(), local()
        self._steps, self._tracing = 0, False

    @contextmanager
    def step(self) -> Iterator[None]:
        """A training step, which waits for the trace of another thread to end."""
        if self._traces_itself():
            yield
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._tracing)
            self._count(1)
        try:
            yield
        finally:
            with self._changed:
                self._count(-1)

    @contextmanager
    def trace(self) -> Iterator[None]:
        """A trace, which waits for the steps of other threads to end, and for their traces."""
        if self._traces_itself():
            yield
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._tracing and self._steps == getattr(self._own, "steps", 0))
            self._tracing = self._own.tracing = True
        try:
            yield
        finally:
            with self._changed:
                self._tracing = self._own.tracing = False
                self._changed.notify_all()

    def _traces_itself(self) -> bool:
        return bool(getattr(self._own, "tracing", False))

    def _count(self, more: int) -> None:
        self._own.steps = getattr(self._own, "steps", 0) + more
        self._steps += more
        self._changed.notify_all()


TURNS = Turns()
"""Those of this process."""
