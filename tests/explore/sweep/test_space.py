"""The points of a sweep by number."""

import pytest

from explore.sweep.axes import Grid, Listed
from explore.sweep.space import Machine, Space
from explore.sweep.space_of import space_of
from explore.sweep.workload_entry import WorkloadEntry

from .conftest import MACHINE


def test_points_are_the_product_with_the_last_field_fastest():
    entries = [WorkloadEntry("a", "a"), WorkloadEntry("b", "b", swept=Grid({"batch": [1, 2]}))]
    machines = [Machine("m", MACHINE), Machine("n", MACHINE)]
    space = Space(entries, machines, Grid({"array.rows": [4, 8], "array.cols": [1, 2, 3]}))
    expected = [
        (label, hardware, {**options, "array.rows": rows, "array.cols": cols})
        for label, options in (("a", {}), ("b", {"workload.batch": 1}), ("b", {"workload.batch": 2}))
        for hardware in "mn"
        for rows in (4, 8)
        for cols in (1, 2, 3)
    ]
    assert [(p.workload.label, p.machine.label, p.settings) for p in space] == expected
    assert len(space) == 36
    assert space.swept_fields == ("workload.batch", "array.rows", "array.cols")
    for beyond in (-1, 36):
        with pytest.raises(IndexError):
            space[beyond]


def test_a_million_points_are_made_one_at_a_time():
    grid = Grid({"array.rows": range(1000), "array.cols": range(1000)})
    assert len(grid) == 10**6
    assert grid[999_999] == {"array.rows": 999, "array.cols": 999}


def test_points_may_be_listed(net):
    points = [{"array.rows": 2}, {"array.rows": 4, "array.cols": 2}]
    space = space_of([net], [MACHINE], points=points)
    assert [point.settings for point in space] == points
    assert isinstance(space.axes, Listed)
