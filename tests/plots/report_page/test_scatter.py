"""The scatter's data."""

import math

from plots.report_page.scatter import Axis, Point, scatter_part
from tests.plots.report_page.reading import read

AXES = [Axis("cycles", "cycles"), Axis("area", "area, µm²"), Axis("accuracy", "accuracy", more_is_better=True)]


def points(*values):
    return [Point(f"p{n}", f"{n}", "g", f"run{n}", v, {"cycles": "1"}) for n, v in enumerate(values)]


def test_axes_without_numbers_are_not_offered():
    some = points({"cycles": 1, "area": 2.5}, {"cycles": 2, "area": math.nan, "accuracy": 1}, {"cycles": 4, "area": 3})
    part = scatter_part("s", "S", "c", some, AXES, start=("accuracy", "area"))
    data = read(part.content).blocks["s-data"]
    assert data["axes"] == {"cycles": {"label": "cycles", "more": False}, "area": {"label": "area, µm²", "more": False}}
    assert [point["values"] for point in data["points"]] == [
        {"cycles": 1, "area": 2.5},
        {"cycles": 2},
        {"cycles": 4, "area": 3},
    ]
    assert part.interactive


def test_nothing_is_drawn_of_one_axis():
    part = scatter_part("s", "S", "c", points({"cycles": 1}, {"cycles": 2}), AXES, start=("cycles", "area"))
    assert (part.content, part.interactive) == ("", False)
