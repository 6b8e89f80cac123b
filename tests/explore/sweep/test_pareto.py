"""accelsim.pareto: the front."""

import numpy as np
import pandas as pd
import pytest

import accelsim
from accelsim.errors import ConfigError, UnknownNameError


def plain_front(frame, minimize, maximize):
    """By definition: nobody is as good everywhere and better somewhere."""
    values = np.column_stack([frame[minimize].to_numpy(), -frame[maximize].to_numpy()])
    beaten = [any((o <= v).all() and (o < v).any() for o in values) for v in values]
    return frame[~np.array(beaten)]


@pytest.mark.parametrize("seed", range(5))
def test_the_front_is_that_of_the_definition(seed):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(draw.integers(0, 12, (200, 3)), columns=["cycles", "area_um2", "accuracy"])
    front = accelsim.pareto(frame, minimize=["cycles", "area_um2"], maximize=["accuracy"])
    expected = plain_front(frame, ["cycles", "area_um2"], ["accuracy"])
    pd.testing.assert_frame_equal(front, expected)


def test_equal_rows_stay_and_infeasible_ones_do_not():
    frame = pd.DataFrame({"cycles": [5, None, 5, 6], "area_um2": [1.0, None, 1.0, 2.0]})
    assert accelsim.pareto(frame, minimize=["cycles", "area_um2"]).index.tolist() == [0, 2]


def test_of_nothing_there_is_no_front():
    frame = pd.DataFrame({"cycles": [None, None]})
    assert accelsim.pareto(frame, minimize=["cycles"]).empty


def test_objectives_that_cannot_be():
    frame = pd.DataFrame({"cycles": [1], "hardware": ["a"]})
    with pytest.raises(UnknownNameError, match="unknown objective 'cycls'; did you mean 'cycles'"):
        accelsim.pareto(frame, minimize=["cycls"])
    with pytest.raises(ConfigError, match="'hardware' holds 'a'; numbers"):
        accelsim.pareto(frame, maximize=["hardware"])
    with pytest.raises(ConfigError, match="no objective"):
        accelsim.pareto(frame)
    with pytest.raises(ConfigError, match="a list of columns"):
        accelsim.pareto(frame, minimize="cycles")
