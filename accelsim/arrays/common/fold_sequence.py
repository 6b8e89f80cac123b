"""When the folds of a sequence start and end on an array that overlaps them (`fold_overlap`), DESIGN section 4.

A fold that starts at clock s streams T steps in; PE (r, c) has its first at s + r + c. The next one starts as soon as
no register and no port is asked for twice:

* os: the PEs' second accumulators take the outputs of a fold when it ends there, and move them down to the edge, a row
  a clock, from the clock on at which its last row ends. The next fold may end in a PE once these have passed it, and
  its own outputs may follow at the edge once they are all out.
* ws, is: a shadow register a PE takes the next stationary operand, which is shifted in from the top in as many clocks
  as it has rows, from the clock on at which the fold before has taken its own over. A column has one port for psums.

Folds of R rows follow one another at max(T, R) clocks either way, so that n of them take
(R + C − 2) + (n − 1)·max(T, R) + T clocks in os, and R more for the first load in ws and is.
tests/references/systolic.py moves the registers; `clipped` folds of fewer rows and columns are held to it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..tile import ceil_div

Spans = tuple[int, int, int]  # Sr, Sc, T


class _Clock(NamedTuple):
    """Of the last fold so far: its start, rows and T; `end`: the clock at which all folds so far have ended."""

    start: int
    rows: int
    steps: int
    end: int


@dataclass(frozen=True)
class FoldSequence:
    """Folds on R rows × C cols, Sc inside Sr; `clipped` ones occupy only their own, `loads` is False in os.

    >>> FoldSequence(4, 4, loads=False).cycles((8, 4, 10))  # two folds
    26
    """

    rows: int
    cols: int
    loads: bool
    clipped: bool = False

    @property
    def fill_cycles(self) -> int:
        """What a sequence takes beside its folds' intervals: fill, drain and the first load, at most."""
        return self.rows + self.cols - 2 + self.rows * self.loads

    def cut_cycles(self, folds: int) -> int:
        """What a cut of T into two sequences of so many folds adds at most: a fill, and intervals shorter than R."""
        most = self.fill_cycles + (folds - 1) * self.rows
        return most + 2 * self.rows + self.cols if self.clipped else most

    def cycles(self, spans: Spans, before: Spans | None = None) -> int:
        """Clocks of a part's folds; after those of a part `before` in the same sequence, the clocks that they add."""
        if before is None:
            return self._after(None, spans).end
        first = self._after(None, before)
        return self._after(first, spans).end - first.end

    def _after(self, clock: _Clock | None, spans: Spans) -> _Clock:
        sr, sc, steps = spans
        full, rest = divmod(sr, self.rows)
        heights = [(self.rows, full), (rest if self.clipped else self.rows, int(rest > 0))]
        for rows, count in heights:
            if count:
                clock = self._fold_rows(clock, rows, count * ceil_div(sc, self.cols), sc, steps)
        assert clock is not None
        return clock

    def _fold_rows(self, clock: _Clock | None, rows: int, folds: int, sc: int, steps: int) -> _Clock:
        """Folds of equal rows; each row of folds ends with the edge of Sc."""
        again = self._interval(rows, steps, rows, steps)
        first = rows * self.loads
        if clock is not None:
            first = clock.start + self._interval(clock.rows, clock.steps, rows, steps)
        last = first + (folds - 1) * again
        edge = (sc % self.cols or self.cols) if self.clipped else self.cols
        end = max(last + edge, last - again + self.cols if sc > self.cols else 0) + steps + rows - 2
        return _Clock(last, rows, steps, end if clock is None else max(clock.end, end))

    def _interval(self, rows: int, steps: int, next_rows: int, next_steps: int) -> int:
        """Clocks between the starts of two folds; outputs of fewer rows come to the edge sooner, and have to wait."""
        fewer = max(0, rows - next_rows)
        if self.loads:
            return max(steps + fewer, next_rows)
        return max(steps, steps - next_steps + rows + fewer)
