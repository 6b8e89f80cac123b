"""The Pareto front that figures, pages and searches share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.analysis import pareto
from accelsim.analysis.pareto import front, on_front


def by_definition(costs):
    """Nobody is as good everywhere and better somewhere."""
    return [not any((o <= c).all() and (o < c).any() for o in costs) for c in costs]


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=12))
def test_the_front_is_what_nothing_beats(rows):
    costs = np.array(rows, dtype=float).reshape(-1, 3)
    assert on_front(costs).tolist() == by_definition(costs)


@pytest.mark.parametrize("columns", [0, 1, 2, 4])
def test_blocks_of_rows_make_one_front(columns, monkeypatch):
    monkeypatch.setattr(pareto, "BLOCK", 7)
    costs = np.random.default_rng(0).integers(0, 9, (60, columns)).astype(float)
    assert on_front(costs).tolist() == by_definition(costs)
    assert front(costs).tolist() == np.flatnonzero(on_front(costs)).tolist()


def test_a_row_without_a_number_is_off_the_front_and_beats_none():
    costs = np.array([[np.nan, 0.0], [2.0, 2.0], [1.0, np.nan], [np.inf, 1.0]])
    assert on_front(costs).tolist() == [False, True, False, True]
