"""A process of a sweep: takes numbers of points, sends back a row as each point ends."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Generator
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait

from accelsim.errors import AccelSimError, InternalError

from .evaluation import Evaluator
from .row import Row
from .space import Space


@dataclass(frozen=True)
class Fault:
    """A point that ended in an error which is no property of the point: ours, or a file that is gone."""

    id: int
    text: str
    error: AccelSimError | None = None  # the user's, as it was raised


Rows = Generator[Row | Fault, None, None]  # as points end


def evaluated(evaluator: Evaluator, number: int) -> Row | Fault:
    """The row of a point, or why there is none."""
    try:
        return evaluator.row(number)
    except (AccelSimError, OSError) as error:
        if isinstance(error, InternalError):
            return _ours(evaluator.space, number)
        said = error if isinstance(error, AccelSimError) else AccelSimError(str(error))
        return Fault(number, str(error), said)
    except Exception:  # whatever it is: the other points go on, and the end says it
        return _ours(evaluator.space, number)


def _ours(space: Space, number: int) -> Fault:
    return Fault(number, f"{space[number]}: {traceback.format_exc()}")


def serve(connection: Connection, space: Space) -> None:
    """Evaluate what the parent asks for, until it closes the connection or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent alone answers it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    evaluator = Evaluator(space)
    try:
        while True:
            first, end = connection.recv()
            for number in range(first, end):
                connection.send(evaluated(evaluator, number))
    except (EOFError, OSError):
        return


def _end_with_parent() -> None:
    """End this process at once where the parent is gone, even in the middle of a point: nobody would read it."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
