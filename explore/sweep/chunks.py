"""The numbers of points still to be evaluated, in runs that share a workload and take about as long as they should."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

Chunk = tuple[int, int]  # the first point, and one behind the last
_LOOKED_UP = 4096  # points whose rows are looked for at a time


class ChunkSource(Protocol):
    """Hands out points to whoever evaluates them."""

    def took(self, points: int, seconds: float) -> None:
        """So many points took so long on one worker."""

    def __iter__(self) -> Iterator[Chunk]:
        """Itself."""

    def __next__(self) -> Chunk:
        """The next points; StopIteration where none are left."""


class Chunks:
    """Hands out chunks of about `seconds` each; `took` tells how long points take.

    `ended(first, end)` says which points have a row already. A chunk never crosses a multiple of `together`, so that
    its points share a workload, and is never longer than `most`.

    >>> chunks = Chunks(10, 4, lambda first, end: {3, 4} & set(range(first, end)), seconds=1.0)
    >>> chunks.took(1, 0.25)
    >>> list(chunks)
    [(0, 3), (5, 8), (8, 10)]
    """

    def __init__(
        self,
        points: int,
        together: int,
        ended: Callable[[int, int], set[int]],
        *,
        seconds: float = 0.25,
        most: int = 256,
    ) -> None:
        self._together, self._seconds, self._most = max(1, together), seconds, most
        self._runs = _runs(points, ended)
        self._left: Chunk = (0, 0)
        self._points, self._spent = 0, 0.0

    def took(self, points: int, seconds: float) -> None:
        """So many points took so long on one worker."""
        self._points, self._spent = self._points + points, self._spent + seconds

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        first, end = self._left
        if first >= end:
            first, end = next(self._runs)
        border = (first // self._together + 1) * self._together
        stop = min(end, border, first + self._size())
        self._left = (stop, end)
        return first, stop

    def _size(self) -> int:
        """Points of the next chunk: one until it is known how long they take."""
        if not self._points:
            return 1
        each = self._spent / self._points
        return max(1, min(self._most, int(self._seconds / each) if each > 0 else self._most))


class Picked:
    """Hands out points that were picked, each for itself.

    >>> list(Picked([7, 3]))
    [(7, 8), (3, 4)]
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._left = iter(numbers)

    def took(self, points: int, seconds: float) -> None:
        """Whatever they take, they go out one by one."""

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        number = next(self._left)
        return number, number + 1


def _runs(points: int, ended: Callable[[int, int], set[int]]) -> Iterator[Chunk]:
    """Points in a row that have no row yet."""
    for start in range(0, points, _LOOKED_UP):
        end = min(points, start + _LOOKED_UP)
        done, first = ended(start, end), start
        for number in sorted(done):
            if number > first:
                yield first, number
            first = number + 1
        if first < end:
            yield first, end
